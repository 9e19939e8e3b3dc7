#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages of those tests that are skipped without them: Slurm and munge (`qfi slurm`) and
# Chromium with its driver (`qfi report`). qfi itself needs sbatch at most.
set -euo pipefail
as_root=()
[[ $(id -u) -eq 0 ]] || as_root=(sudo)
export DEBIAN_FRONTEND=noninteractive
command -v slurmctld >/dev/null && command -v munged >/dev/null && command -v chromedriver >/dev/null && exit 0
"${as_root[@]}" apt-get update -q >&2
"${as_root[@]}" apt-get install -q -y --no-install-recommends slurm-wlm munge chromium chromium-driver python3-selenium >&2
