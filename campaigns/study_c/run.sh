#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Study C: vulnerability of neurons, and what protects them. See README.md here; options: ../common.sh.
study=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=campaigns/common.sh
source "$study/../common.sh"
mnist=$QFI_SHARED/data/mnist

# nvf NAME MODEL IMAGES
nvf() {
  local file=$output/$1_nvf_$3.csv
  if [[ $plan == yes ]]; then
    [[ -s $file ]] || { echo "$1: run the study first; campaigns depend on its neurons" >&2; exit 1; }
  elif [[ ! -s $file ]]; then
    "$qfi" nvf "$QFI_SHARED/data/models/$2.tflite" --data "$mnist/t10k-images-idx3-ubyte.gz" \
      --labels "$mnist/t10k-labels-idx1-ubyte.gz" --scale 0.00392156862745098 --mean 0 --select "first:$3" \
      -o "$file" >"$output/$1_nvf_$3.txt"
  fi
  neurons=$file
}

for net in mlp7 lenet5; do
  if [[ $net == mlp7 ]]; then
    nvf mlp7 mlp7_mnist_int8 "$(size 10000 30)"
  else
    nvf lenet5 lenet5_valid_mnist_int8 "$(size 10000 500)"
  fi
  for protection in split_lcu tmr; do
    for threshold in 0 0.0001 0.001 0.01 0.1 0.2 0.5; do
      campaign "${net}_${protection}_$threshold" "$study/$net.yaml" --define "QFI_IMAGES=$(size 10000 200)" \
        --define "QFI_PROTECTION=$protection" --define "QFI_THRESHOLD=$threshold" \
        --define "QFI_NEURONS_FILE=$neurons"
    done
  done
done
page "Study C: vulnerability of neurons"
