#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs Slurm and munge from Debian, for the test of `qfi slurm` alone: qfi itself needs sbatch only.
set -euo pipefail
as_root=()
[[ $(id -u) -eq 0 ]] || as_root=(sudo)
export DEBIAN_FRONTEND=noninteractive
command -v slurmctld >/dev/null && command -v munged >/dev/null && exit 0
"${as_root[@]}" apt-get update -q >&2
"${as_root[@]}" apt-get install -q -y --no-install-recommends slurm-wlm munge >&2
