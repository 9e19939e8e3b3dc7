# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the studies' scripts share. Sourced by study_X/run.sh with `study` set to its folder.
#
#   run.sh [--full] [--shards N] [--plan] [-o FOLDER]
#
# Without --full the short version, at most half an hour on two cores. --shards N: each campaign in N parts, side by
# side, that are merged. --plan: only what each campaign would run, and how long. Run it again to go on where it stopped.
# QFI: the program; QFI_SHARED: models and data.
set -euo pipefail
root=$(cd "${study:?}/../.." && pwd)
qfi=${QFI:-$root/build/release/qfi}
export QFI_SHARED=${QFI_SHARED:-$root/../shared}
full=no shards=1 plan=no output=$(basename "$study")-results
while [[ $# -gt 0 ]]; do
  case $1 in
    --full) full=yes ;;
    --shards) shards=$2; shift ;;
    --plan) plan=yes ;;
    -o) output=$2; shift ;;
    *) echo "usage: run.sh [--full] [--shards N] [--plan] [-o FOLDER]" >&2; exit 2 ;;
  esac
  shift
done
mkdir -p "$output"
results=() published=$study/published.json

# The first in the full version, the second in the short one.
size() { if [[ $full == yes ]]; then echo "$1"; else echo "$2"; fi; }

# campaign NAME CONFIG [OPTION..]: results in $output/NAME.
campaign() {
  local name=$1 config=$2
  shift 2
  echo "== $name" >&2
  if [[ $plan == yes ]]; then
    "$qfi" plan "$config" "$@" | grep -E 'faults|draws|expected'
    return
  fi
  if [[ $shards -gt 1 ]] && ! grep -q 'genetic\|half_width' "$config"; then
    seq "$shards" | xargs -P "$(nproc)" -I{} "$qfi" campaign "$config" "$@" --threads 1 --quiet \
      --shard "{}/$shards" -o "$output/$name.part{}of$shards"
    "$qfi" merge "$config" "$@" "$output/$name".part*"of$shards" -o "$output/$name" --restart
  else
    "$qfi" campaign "$config" "$@" -o "$output/$name" >"$output/$name.txt"
  fi
  results+=("$output/$name/results.json")
}

# The page, of all campaigns that were run.
page() {
  [[ $plan == yes ]] && return
  "$qfi" report "${results[@]}" --published "$published" --title "$1" -o "$output/report.html" --force
}
