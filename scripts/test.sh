#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds qfi in release mode and runs all tests (shared data beside the
# checkout, or at QFI_SHARED; the tests that need it are skipped, visibly, without).
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/packages.sh
scripts/build.sh
exec ctest --preset release --parallel "$(nproc)"
