#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# format_test.sh CHECKOUT: include, src and tests are as clang-format 14 writes them. Exit code 77: no clang-format 14.
set -uo pipefail
cd "$1" || exit 1
. tests/gates/files.sh
for formatter in clang-format-14 clang-format; do
  "$formatter" --version 2>/dev/null | grep -q 'version 14\.' && break
  formatter=
done
[[ -n $formatter ]] || { echo 'skipped: no clang-format 14 (scripts/check_packages.sh installs it)'; exit 77; }
complaints=$(source_files | grep -E '^(include|src|tests)/.*\.([ch]pp|cuh?)$' |
  xargs -P "$(nproc)" -n 20 "$formatter" --dry-run -Werror 2>&1 | grep 'error:')
[[ -z $complaints ]] || { echo "$complaints"; exit 1; }
