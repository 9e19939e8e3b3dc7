# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# source_files: the files of the checkout in the current folder, one a line, without what is built.

source_files() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard | while read -r file; do
      [[ ! -f $file ]] || printf '%s\n' "$file"  # removed, not yet committed
    done
  else
    find . -name build -prune -o -name .git -prune -o -type f -printf '%P\n'
  fi
}
