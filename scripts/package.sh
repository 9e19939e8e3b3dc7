#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes build/packages/qfi-VERSION-MACHINE.tar.gz (runs anywhere with the same C library, unpacked where you
# like) and .deb.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/packages.sh
scripts/build.sh
cpack --config build/release/CPackConfig.cmake -B build/packages >&2
rm -rf build/packages/_CPack_Packages
ls build/packages/*
