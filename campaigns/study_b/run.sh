#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Study B: flips in weights and data, and VANDOR. See README.md here; options: ../common.sh.
study=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=campaigns/common.sh
source "$study/../common.sh"
weights=$(size 5000 300) data=$(size 5000 100)
campaign alexnet_weights "$study/alexnet_weights.yaml" --define "QFI_IMAGES=$weights"
campaign alexnet_data "$study/alexnet_data.yaml" --define "QFI_IMAGES=$data"
# The same faults with other variants of the protection.
campaign alexnet_weights_top_2 "$study/alexnet_weights.yaml" --define "QFI_IMAGES=$weights" --define QFI_TOP_BITS=2
campaign alexnet_weights_bare_4 "$study/alexnet_weights.yaml" --define "QFI_IMAGES=$weights" --define QFI_BARE_BITS=4
campaign alexnet_data_top_2 "$study/alexnet_data.yaml" --define "QFI_IMAGES=$data" --define QFI_TOP_BITS=2
campaign alexnet_data_bare_4 "$study/alexnet_data.yaml" --define "QFI_IMAGES=$data" --define QFI_BARE_BITS=4
campaign resnet18_weights "$study/resnet18_weights.yaml" --define "QFI_IMAGES=$weights"
campaign resnet18_pruned_weights "$study/resnet18_pruned_weights.yaml" --define "QFI_IMAGES=$weights"
page "Study B: flips in weights and data, and VANDOR"
