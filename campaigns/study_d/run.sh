#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Study D: weights of few bits, protected where it pays. See README.md here; options: ../common.sh.
study=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=campaigns/common.sh
source "$study/../common.sh"

# heterogeneous NET ORDER: the config with the top bit three times in that order's quarter of the layers alone.
heterogeneous() {
  local layers=0  # what a plan needs is their number alone
  [[ $plan == yes ]] || layers=$(order "$1" "$2")
  # shellcheck disable=SC2016
  sed 's/storage: {[^}]*}[^}]*}[^}]*}/storage: [{width: "${QFI_WIDTH=3}"}, {layers: ['"$layers"'], width: "${QFI_WIDTH=3}", protection: triplicated}]/' \
    "$study/$1_rates.yaml" >"$output/$1_heterogeneous_$2.yaml"
}

# order NET KEY: of orders.json.
order() { python3 -c "import json, sys; print(str(json.load(open(sys.argv[1]))[sys.argv[2]]).strip('[]'))" "$output/$1_orders.json" "$2"; }

for net in resnet18 alexnet; do
  images=$(size 1000 100)
  [[ $full == no && $net == alexnet ]] && images=50
  # As many single flips as the search runs sets of them: 40 in each generation.
  generations=$(size 50 10) layers=21
  [[ $net == alexnet ]] && layers=8
  campaign "${net}_search" "$study/${net}_search.yaml" --define "QFI_IMAGES=$images" \
    --define "QFI_GENERATIONS=$generations"
  campaign "${net}_layers" "$study/${net}_layers.yaml" --define "QFI_IMAGES=$images" \
    --define "QFI_FLIPS=$((40 * generations / layers + 1))"
  [[ $plan == yes ]] || python3 "$study/layer_orders.py" "$output/${net}_search/results.json" \
    "$output/${net}_layers/results.json" >"$output/${net}_orders.json"
  heterogeneous "$net" sample
  heterogeneous "$net" search
  for width in 3 4 5; do
    sizes=(--define "QFI_IMAGES=$images" --define "QFI_WIDTH=$width" --define "QFI_MOST=$(size 1000 30)")
    campaign "${net}_plain_$width" "$study/${net}_rates.yaml" "${sizes[@]}"
    campaign "${net}_tripled_$width" "$study/${net}_rates.yaml" "${sizes[@]}" --define QFI_PROTECTION=triplicated
    campaign "${net}_heterogeneous_$width" "$output/${net}_heterogeneous_sample.yaml" "${sizes[@]}"
  done
  campaign "${net}_heterogeneous_search_3" "$output/${net}_heterogeneous_search.yaml" "${sizes[@]}" --define QFI_WIDTH=3
done
[[ $plan == yes ]] && exit

# The comparison of the orders joins the figures.
python3 - "$study/published.json" "$output" >"$output/published.json" <<'PYTHON'
import json
import sys

study = json.load(open(sys.argv[1], encoding="utf-8"))
for net, name in ("resnet18", "ResNet-18"), ("alexnet", "AlexNet"):
    orders = json.load(open(f"{sys.argv[2]}/{net}_orders.json", encoding="utf-8"))
    quarter = f"the search's {orders['search']}, plain sampling's {orders['sample']}"
    study["figures"] += [
        {"what": f"{name}: layers that both orders have in their quarter", "published": None, "value": orders["common"],
         "note": quarter},
    ]
    if orders["rank_correlation"] is not None:
        study["figures"].append({"what": f"{name}: rank correlation of the two orders", "published": None,
                                 "value": orders["rank_correlation"]})
print(json.dumps(study))
PYTHON
published=$output/published.json
page "Study D: weights of few bits"
