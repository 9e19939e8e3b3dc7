#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sources_test.sh CHECKOUT: every source file names its licence, no text has a tab or a blank at the end of a line, and
# none names a folder of some machine. Generated netlists and recorded outputs are what they are.
set -uo pipefail
cd "$1" || exit 1
. tests/gates/files.sh
failed=0

complain() {  # WHAT LINES
  [[ -n $2 ]] || return 0
  printf '%s:\n%s\n\n' "$1" "$2"
  failed=1
}

mapfile -t files < <(source_files | grep -vE '^netlists/|^tests/.*/golden/|^tests/fuzz/findings/')
[[ ${#files[@]} -gt 300 ]] || { echo "only ${#files[@]} files found"; exit 1; }

sources='\.(cpp|hpp|cuh?|h|sv|fbs|cmake|sh|py|ya?ml|dict|supp)$|(^|/)(CMakeLists\.txt|Containerfile|\.clang-tidy|\.clang-format)$|^\.ci/'
licence='SPDX-License-Identifier: Apache-2[.]0$'
unlicensed() {
  # shellcheck disable=SC2016  # $0 is awk's
  printf '%s\n' "${files[@]}" | grep -E "$sources" | xargs awk -v licence="$licence" '
    FNR == 1 { if (name && !found) print name; name = FILENAME; found = 0 }
    FNR <= 3 && $0 ~ licence { found = 1 }
    FNR > 3 { nextfile }
    END { if (name && !found) print name }'
}
complain 'no SPDX-License-Identifier in the first three lines' "$(unlicensed)"

# -I leaves binary files out.
complain 'tabs' "$(grep -nIP '\t' -- "${files[@]}")"
complain 'blanks at the end of a line' "$(grep -nIE ' +$' -- "${files[@]}")"
folder='(^|[^A-Za-z0-9_.$}/-])/(work|root|home|tmp)(/|[^A-Za-z0-9_/.-]|$)'
complain 'folders of some machine' "$(grep -nIE "$folder" -- "${files[@]}" |
  grep -vE '^(tests/[^:]*|scripts/Containerfile):[0-9]+:.*/tmp')"
exit "$failed"
