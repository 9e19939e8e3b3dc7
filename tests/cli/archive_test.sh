#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# archive_test.sh BUILD_FOLDER: the archive, unpacked elsewhere, runs a campaign without Yosys, Verilator or a
# compiler, and takes no library but the C library's from the system.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cpack --config "$1/CPackConfig.cmake" -G TGZ -B "$work/packages" >"$work/cpack.log" || { cat "$work/cpack.log"; exit 1; }
mkdir "$work/elsewhere"
tar xzf "$work"/packages/*.tar.gz -C "$work/elsewhere"

foreign=$(env -u LD_LIBRARY_PATH ldd "$work/elsewhere/bin/qfi" | grep -v "$work/elsewhere" |
  grep -vE '^\s*(linux-vdso|lib(c|m|dl|rt|pthread)\.so|/lib.*/ld-linux)' || true)
[[ -z $foreign ]] || { echo "libraries from outside of the archive: $foreign"; exit 1; }

demo="$work/elsewhere/share/qfi/campaigns/demo.yaml"
env -i PATH=/nonexistent HOME="$work" "$work/elsewhere/bin/qfi" campaign "$demo" --output "$work/out" |
  tee "$work/log" | tail -3
[[ $(find "$work"/elsewhere/share/doc/qfi -name "*.copyright" | wc -l) -ge 10 ]] || { echo "licence texts are missing"; exit 1; }
grep -q 'Verilator' "$work/log"
"$1/qfi" campaign "$demo" --output "$work/here" >/dev/null
cmp "$work/out/results.json" "$work/here/results.json"
