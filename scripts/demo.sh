#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds qfi and runs the demo campaign. Results: demo-results/.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/packages.sh
scripts/build.sh qfi
exec build/release/qfi campaign campaigns/demo.yaml --restart
