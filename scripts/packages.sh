#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian 12 packages that qfi needs; does nothing where all are there.
set -euo pipefail

packages=(
  g++ cmake ninja-build git
  flatbuffers-compiler libflatbuffers-dev
  libboost-dev libcli11-dev libdnnl-dev libeigen3-dev libexpected-dev libfmt-dev libjpeg-dev libpng-dev
  libspdlog-dev libsqlite3-dev libssl-dev libxxhash-dev libyaml-cpp-dev nlohmann-json3-dev zlib1g-dev libzip-dev
  libgtest-dev libgmock-dev libbenchmark-dev
  yosys verilator make gnuplot-nox
  python3 python3-jsonschema
)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [[ $status == 'install ok installed' ]] || missing+=("$package")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

as_root=()
[[ $(id -u) -eq 0 ]] || as_root=(sudo)
printf 'installing: %s\n' "${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -q >&2
"${as_root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}" >&2
