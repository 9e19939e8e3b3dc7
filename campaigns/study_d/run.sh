#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Study D: weights of few bits, protected where it pays. See README.md here; options: ../common.sh.
study=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=campaigns/common.sh
source "$study/../common.sh"

# heterogeneous NET LAYERS..: the config with the top bit three times in these layers alone.
heterogeneous() {
  local net=$1 layers
  shift
  layers=$(IFS=,; echo "$*")
  # shellcheck disable=SC2016
  sed 's/storage: {[^}]*}[^}]*}[^}]*}/storage: [{width: "${QFI_WIDTH=3}"}, {layers: ['"$layers"'], width: "${QFI_WIDTH=3}", protection: triplicated}]/' \
    "$study/${net}_rates.yaml" >"$output/${net}_heterogeneous.yaml"
}

for net in resnet18 alexnet; do
  images=$(size 1000 100)
  [[ $full == no && $net == alexnet ]] && images=50
  campaign "${net}_search" "$study/${net}_search.yaml" --define "QFI_IMAGES=$images" \
    --define "QFI_GENERATIONS=$(size 50 10)"
  campaign "${net}_layers" "$study/${net}_layers.yaml" --define "QFI_IMAGES=$images" --define "QFI_FLIPS=$(size 250 20)"
  # The most vulnerable quarter, by plain sampling.
  layers=0  # what a plan needs is their number alone
  [[ $plan == yes ]] || layers=$(python3 -c "
import json, sys
rows = json.load(open(sys.argv[1]))['fault_sets'][0]['by_layer']
rows.sort(key=lambda row: (-row['changed_share'], row['layer']))
print(' '.join(str(row['layer']) for row in rows[:max(1, len(rows) // 4)]))" "$output/${net}_layers/results.json")
  # shellcheck disable=SC2086
  heterogeneous "$net" $layers
  for width in 3 4 5; do
    sizes=(--define "QFI_IMAGES=$images" --define "QFI_WIDTH=$width" --define "QFI_MOST=$(size 1000 30)")
    campaign "${net}_plain_$width" "$study/${net}_rates.yaml" "${sizes[@]}"
    campaign "${net}_tripled_$width" "$study/${net}_rates.yaml" "${sizes[@]}" --define QFI_PROTECTION=triplicated
    campaign "${net}_heterogeneous_$width" "$output/${net}_heterogeneous.yaml" "${sizes[@]}"
  done
done
page "Study D: weights of few bits"
