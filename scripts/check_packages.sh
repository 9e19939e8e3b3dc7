#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages of scripts/check.sh, and of those tests that are skipped without them: Slurm and munge
# (`qfi slurm`), Chromium with its driver (`qfi report`), Clang with its tools, and a second Yosys, which not every machine can
# get. qfi itself needs sbatch at most.
set -euo pipefail
as_root=()
[[ $(id -u) -eq 0 ]] || as_root=(sudo)
export DEBIAN_FRONTEND=noninteractive
missing=false
for program in slurmctld munged chromedriver clang++ clang-tidy clang-format-14 shellcheck; do
  PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || missing=true
done
python3 -c 'import ensurepip' 2>/dev/null || missing=true
if $missing; then
  "${as_root[@]}" apt-get update -q >&2
  "${as_root[@]}" apt-get install -q -y --no-install-recommends slurm-wlm munge chromium chromium-driver python3-selenium python3-venv clang clang-tidy clang-format-14 libclang-rt-14-dev shellcheck >&2
fi
"$(dirname "$0")/second_yosys.sh" || echo "the test second_yosys will be skipped" >&2
