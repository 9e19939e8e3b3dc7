#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Study C: vulnerability of neurons, and what protects them. See README.md here; options: ../common.sh.
study=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=campaigns/common.sh
source "$study/../common.sh"
mnist=$QFI_SHARED/data/mnist

# nvf NAME MODEL IMAGES: neurons=FILE. In parts, each on all cores, so that a run that was stopped goes on.
nvf() {
  neurons=$output/$1_nvf_$3.csv
  [[ -s $neurons ]] && return
  if [[ $plan == yes ]]; then
    echo "$1: run the study first; campaigns depend on its neurons" >&2
    exit 1
  fi
  local parts=$shards files=() file part
  [[ $parts -gt 1 ]] || parts=10
  [[ $parts -le $3 ]] || parts=$3
  for part in $(seq "$parts"); do
    file=$output/$1_nvf_$3.part${part}of$parts.csv
    [[ -s $file ]] || "$qfi" nvf "$QFI_SHARED/data/models/$2.tflite" --data "$mnist/t10k-images-idx3-ubyte.gz" \
      --labels "$mnist/t10k-labels-idx1-ubyte.gz" --scale 0.00392156862745098 --mean 0 --select "first:$3" \
      --shard "$part/$parts" -o "$file" >/dev/null
    files+=("$file")
  done
  "$qfi" nvf-merge "${files[@]}" -o "$neurons" >"${neurons%.csv}.txt"
}

for net in mlp7 lenet5; do
  if [[ $net == mlp7 ]]; then
    nvf mlp7 mlp7_mnist_int8 "$(size 10000 200)"
  else
    nvf lenet5 lenet5_valid_mnist_int8 "$(size 10000 300)"
  fi
  # 1e-9: whatever does any harm.
  for threshold in 0 1e-9 0.0005 0.001 0.002 0.2; do
    for protection in split_lcu tmr; do
      campaign "${net}_${protection}_$threshold" "$study/$net.yaml" --define "QFI_IMAGES=$(size 10000 200)" \
        --define "QFI_PROTECTION=$protection" --define "QFI_THRESHOLD=$threshold" \
        --define "QFI_NEURONS_FILE=$neurons"
    done
  done
done
page "Study C: vulnerability of neurons"
