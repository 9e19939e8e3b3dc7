#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Proves and measures qfi on a GPU, in two steps, because a machine with a GPU may have neither compilers nor packages.
#   scripts/gpu_check.sh pack FOLDER   on the machine that builds: the relocatable archive with CUDA inside, models and
#                                      images of the shared data (QFI_SHARED), campaigns, and the CPU's results of them
#   FOLDER/run.sh OUTPUT [PARTS]       on the machine with the GPU: its driver and Python are enough, CUDA's
#                                      compute-sanitizer is used where it is there; PARTS as gpu_check.py says them
# OUTPUT/gpu_check.json has all figures; keep it in tests/bench/gpu.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# -eq 2 && $1 == pack ]] || { echo "use: scripts/gpu_check.sh pack FOLDER" >&2; exit 2; }
folder=$(realpath -m "$2")
shared=$(realpath "${QFI_SHARED:-../shared}")

grep -q '^NVCC:FILEPATH=/' build/release/CMakeCache.txt || { echo "gpu_check: this build has no CUDA" >&2; exit 1; }
cmake --build --preset release --target qfi device_speed >&2
rm -f build/packages/qfi-*.tar.gz
cpack --config build/release/CPackConfig.cmake -G TGZ -B build/packages >&2
mkdir -p "$folder"
tar xzf build/packages/qfi-*-"$(uname -m)".tar.gz -C "$folder"
cp build/release/tests/device_speed "$folder/bin/"
cp scripts/gpu_check.py "$folder/"
cat >"$folder/run.sh" <<'RUN'
#!/usr/bin/env bash
output=$(realpath -m "$1")
cd "$(dirname "$0")" && exec python3 gpu_check.py run "$output" "${@:2}"
RUN
chmod +x "$folder/run.sh"
/usr/bin/python3 scripts/gpu_check.py pack "$folder" "$shared"
du -sh "$folder" >&2
tar czf "$folder.tar.gz" -C "$folder" .
ls -la "$folder.tar.gz" >&2
