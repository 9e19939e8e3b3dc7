#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The long gate beside scripts/test.sh, some hours: all tests with sanitizers, with Slurm and a browser, fuzzing, and
# clang-tidy. `scripts/check.sh STEP..` runs some of: test odr asan tsan campaign fuzz tidy shell. QFI_FUZZ_SECONDS: of each
# fuzz target (600). A summary stands at the end; exit code 1 where a step failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
root=$PWD
seconds=${QFI_FUZZ_SECONDS:-600}
steps=("$@")
[[ ${#steps[@]} -gt 0 ]] || steps=(test odr asan tsan campaign fuzz tidy shell)
scripts/packages.sh && scripts/check_packages.sh || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
summary=()
export UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS="suppressions=$root/tests/tsan.supp"

build() {  # PRESET TARGET..
  cmake --preset "$1" >/dev/null && cmake --build --preset "$1" ${2:+--target "${@:2}"} >/dev/null
}

run_test() { scripts/test.sh; }
# Every public header compiles alone; the linker sees all modules at once: two types of one name that differ are an error.
run_odr() { build release headers_alone && build odr qfi unit_tests; }
# The sanitizers leave out what takes minutes without them and runs no other code: brute force, simulated coverage,
# kernels of lesser CPUs, and what starts other programs.
left_out='EqualsBruteForce|CoversTheTruth|Coverage\.|with_at_most|slurm|archive_runs|second_yosys|browser|^gate_'
run_asan() { build asan-ubsan && ctest --preset asan-ubsan -E "$left_out" --parallel "$(nproc)"; }
# Besides, what is measured by the clock, and what takes over ten minutes with the thread sanitizer: brute force on several
# threads, whose code other tests run too.
run_tsan() {
  local slow='EndsByTheClock|DoesNotDependOnThreadsAndWays|ShardsJoinToTheWhole|FaultsOfAClassAreEqual'
  build tsan && ctest --preset tsan -E "$left_out|$slow" --parallel "$(nproc)"
}

# Two threads, stopped in the middle and resumed, with the thread sanitizer; the bytes are those of a plain run.
run_campaign() {
  build tsan qfi && build release qfi || return 1
  local config=$root/tests/tsan_campaign.yaml
  "$root/build/tsan/qfi" campaign "$config" --threads 2 -o "$work/tsan" --quiet >"$work/log" 2>&1 &
  local job=$!
  for _ in $(seq 600); do
    [[ -s $work/tsan/journal.sqlite-wal ]] && break
    sleep 0.1
  done
  sleep 2
  kill -TERM "$job"
  wait "$job"
  local code=$?
  [[ $code -eq 143 ]] || { cat "$work/log"; return 1; }
  "$root/build/tsan/qfi" campaign "$config" --threads 2 -o "$work/tsan" --quiet >/dev/null || return 1
  "$root/build/release/qfi" campaign "$config" --threads 1 -o "$work/plain" --quiet >/dev/null || return 1
  # The commit that each was built from is the same.
  cmp "$work/tsan/results.json" "$work/plain/results.json" && echo "stopped with exit code $code, resumed: same bytes"
}

run_fuzz() {
  local targets=(model netlist liberty primitives config journal data faults results) failed=0
  build release qfi && build fuzz "${targets[@]/%/_fuzz}" || return 1
  /usr/bin/python3 tests/fuzz/make_seeds.py build/release/qfi . "$work/seeds" || return 1
  for target in "${targets[@]}"; do
    mkdir -p "$work/corpus/$target" "build/fuzz/findings/$target" "tests/fuzz/findings/$target"
    local dictionary=()
    [[ -f tests/fuzz/$target.dict ]] && dictionary=("-dict=tests/fuzz/$target.dict")
    "build/fuzz/tests/${target}_fuzz" "$work/corpus/$target" "$work/seeds/$target" "tests/fuzz/findings/$target" \
      "${dictionary[@]}" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -malloc_limit_mb=1500 \
      -max_len=16384 -print_final_stats=1 "-artifact_prefix=build/fuzz/findings/$target/" >"$work/fuzz.log" 2>&1 ||
      { failed=1; tail -40 "$work/fuzz.log"; }
    echo "$target: $(grep -oP 'number_of_executed_units: \K.*' "$work/fuzz.log") inputs"
  done
  return "$failed"
}

run_tidy() {
  build clang && run-clang-tidy -quiet -p build/clang "$root/src/.*" >"$work/tidy.log" 2>/dev/null
  local count
  count=$(grep -c 'warning:\|error:' "$work/tidy.log")
  grep 'warning:\|error:' "$work/tidy.log" | sort -u | head -60
  echo "$count findings"
  [[ $count -eq 0 ]]
}

run_shell() { git ls-files '*.sh' .ci/run | xargs shellcheck -x; }

for step in "${steps[@]}"; do
  echo "== $step"
  start=$SECONDS
  if "run_$step"; then result=passed; else result=FAILED; fi
  summary+=("$(printf '%-10s %s in %d s' "$step" "$result" $((SECONDS - start)))")
done
printf '%s\n' "${summary[@]}"
[[ ${summary[*]} != *FAILED* ]]
