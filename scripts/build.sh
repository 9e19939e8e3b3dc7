#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds qfi in release mode into build/release. Arguments name targets; none: everything.
set -euo pipefail
cd "$(dirname "$0")/.."

cmake --preset release >build-configure.log 2>&1 || { cat build-configure.log >&2; exit 1; }
rm -f build-configure.log
targets=()
[[ $# -eq 0 ]] || targets=(--target "$@")
cmake --build --preset release "${targets[@]}" -- --quiet >&2
