#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Study E: U-Nets with bounded activations. See README.md here; options: ../common.sh.
study=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=campaigns/common.sh
source "$study/../common.sh"
for config in "$study"/*.yaml; do
  campaign "$(basename "$config" .yaml)" "$config" --define "QFI_IMAGES=$(size 50 2)"
done
page "Study E: U-Nets with bounded activations"
