#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures how fast qfi is, all in one run: a table on the terminal, bench-results/bench.json beside it.
# LiteRT, to compare with, comes from PyPI into build/bench-python; without it those rows are left out.
# Models are those of the shared data (QFI_SHARED). Options: see scripts/bench.py --help.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/packages.sh
scripts/build.sh
python=python3
if [[ ! -x build/bench-python/bin/python ]]; then
  rm -rf build/bench-python
  if ! { python3 -m venv build/bench-python && build/bench-python/bin/pip install -q ai-edge-litert numpy; } \
      >build/bench-python.log 2>&1; then
    rm -rf build/bench-python
    echo 'bench: no LiteRT (see build/bench-python.log); its rows are left out' >&2
  fi
fi
[[ -x build/bench-python/bin/python ]] && python=build/bench-python/bin/python
exec "$python" scripts/bench.py "$@"
