#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Study A: stuck-at faults in the gates of the cve2 multiplier. See README.md here; options: ../common.sh.
study=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=campaigns/common.sh
source "$study/../common.sh"
for config in "$study"/*.yaml; do
  campaign "$(basename "$config" .yaml)" "$config" --define "QFI_IMAGES=$(size 2000 100)"
done
page "Study A: stuck-at faults in a multiplier's gates"
