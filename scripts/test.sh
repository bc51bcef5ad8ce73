#!/usr/bin/env bash
# Builds and tests everything, with every backend whose toolchain is here; exit 0 only if all of it passes. The last line
# is "N passed, N failed": unit tests, parity cases, lint checks, fuzz targets and command-line checks together.
#
#   scripts/test.sh            everything
#   scripts/test.sh --quick    without slow tests, sanitizers and fuzzing
#
# Each part writes build/logs/<part>.log; a part that fails shows the end of its own. TAMIS_JOBS limits parallel
# compilation, TAMIS_FUZZ_SECONDS (10) is how long each fuzz target runs, TAMIS_TIDY_SECONDS (180) bounds clang-tidy.
#
# ThreadSanitizer is not part of this: GCC's OpenMP runtime is not instrumented, so every parallel region is reported
# as a race. `cmake --preset tsan` builds it for a look at code outside such regions.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

quick=no
for argument in "$@"; do
  case "$argument" in
    --quick) quick=yes ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "test.sh: unknown argument $argument; see --help" >&2; exit 2 ;;
  esac
done

logs=build/logs
mkdir -p $logs
results=$(mktemp)  # a line a part: name, seconds, ok or failed or "not run", passed, failed; separated by tabs
trap 'rm -f "$results"' EXIT

# Sets part_passed and part_failed from what a log says at its end: gtest, or "N passed, N failed".
read_counts() {
  local log=$1 line
  part_passed=0 part_failed=0
  line=$(grep -aoE '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
  if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
    part_passed=${BASH_REMATCH[1]} part_failed=${BASH_REMATCH[2]}
    return
  fi
  line=$(grep -aoE '^\[  PASSED  \] [0-9]+' "$log" | tail -n 1)
  part_passed=${line:-0}
  part_passed=${part_passed##* }
  line=$(grep -aoE '^ ?[0-9]+ FAILED TESTS?' "$log" | tail -n 1)
  read -r part_failed _ <<< "${line:-0}"
}

# part NAME NEEDED COMMAND…: runs the command if the part NEEDED (or -) went well. May run in the background.
part() {
  local name=$1 needed=$2 log status from=$SECONDS
  log="$logs/${1// /-}.log"
  shift 2
  if [[ $needed != - ]] && ! grep -q "^$needed"$'\t[0-9]*\tok\t' "$results"; then
    echo "== $name: not run, as $needed failed"
    printf '%s\t0\tnot run\t0\t1\n' "$name" >> "$results"
    return
  fi
  echo "== $name: $*"
  timeout --foreground 2400 "$@" > "$log" 2>&1
  status=$?
  read_counts "$log"
  # A crash, a failed build or a hang prints no count of its own.
  if [[ $status -ne 0 && $part_failed -eq 0 ]]; then part_failed=1; fi
  local took=$((SECONDS - from)) verdict=ok
  if [[ $status -ne 0 || $part_failed -ne 0 ]]; then
    verdict="FAILED (exit $status)"
    tail -n 60 "$log"
  fi
  echo "   $name: $verdict in $took s: $part_passed passed, $part_failed failed"
  printf '%s\t%s\t%s\t%s\t%s\n' "$name" $took "$verdict" "$part_passed" "$part_failed" >> "$results"
}

build() {  # build PRESET TARGET…
  local preset=$1
  shift
  echo "cmake --preset $preset -DTAMIS_TESTS=ON && cmake --build --preset $preset ${TAMIS_JOBS:+-j $TAMIS_JOBS} $*"
}

# The tests that CMake knows (add_test), one a line: name, alone or beside (whether it uses all cores itself: RUN_SERIAL),
# folder, variables, command and arguments, separated by tabs. Those alone come first, then the longest (COST).
list_tests() {
  ctest --test-dir "build/$1" --show-only=json-v1 | python3 -c '
import json, sys
tests = [(t, {p["name"]: p["value"] for p in t["properties"]}) for t in json.load(sys.stdin)["tests"]]
for test, properties in sorted(tests, key=lambda t: (not t[1].get("RUN_SERIAL"), -float(t[1].get("COST", 0)))):
    print("\t".join([test["name"], "alone" if properties.get("RUN_SERIAL") else "beside", properties["WORKING_DIRECTORY"],
                     *properties.get("ENVIRONMENT", []), *test["command"]]))'
}

# run_tests PRESET PREFIX SKIP: each test that CMake knows is a part, unless its name matches SKIP. As many at a time as
# there are cores, but for those that use all cores themselves.
run_tests() {
  local fields tests test cores
  cores=$(nproc)
  mapfile -t tests < <(list_tests "$1")
  [[ ${#tests[@]} -gt 0 ]] || part "$2tests" "$2build" false
  for test in "${tests[@]}"; do
    IFS=$'\t' read -r -a fields <<< "$test"
    [[ ${fields[0]} =~ $3 ]] && continue
    if [[ ${fields[1]} == alone ]]; then
      part "$2${fields[0]}" "$2build" env -C "${fields[@]:2}"
      continue
    fi
    while [[ $(jobs -rp | wc -l) -ge $cores ]]; do wait -n; done
    part "$2${fields[0]}" "$2build" env -C "${fields[@]:2}" &
  done
  wait
}

# Names of tests end in _slow where they take minutes, in _memory where they measure their own process.
slow='_slow$' not_sanitized='_slow$|_memory$'
export GTEST_BRIEF=1
# A thread that spins for work would take a neighbour's core.
export OMP_WAIT_POLICY=passive
part deps - scripts/deps.sh --all
part lint - scripts/lint.sh --tidy-seconds "${TAMIS_TIDY_SECONDS:-180}"
part build - bash -c "$(build all)"
run_tests all "" "$([[ $quick == yes ]] && echo "$slow" || echo '^$')"

if [[ $quick == no ]]; then
  # The tests of exhausted memory ask for more than the sanitizer would even refuse politely.
  export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:allocator_may_return_null=1
  export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
  part "asan build" - bash -c "$(build asan)"
  part fuzz "asan build" scripts/fuzz.sh "${TAMIS_FUZZ_SECONDS:-10}" &
  run_tests asan "asan " "$not_sanitized"
fi

echo
awk -F '\t' -v total=$SECONDS '
  BEGIN { printf "%-28s %6s\n", "part", "min:s" }
  { printf "%-28s %3d:%02d  %s, %d passed, %d failed\n", $1, $2 / 60, $2 % 60, $3, $4, $5; passed += $4; failed += $5 }
  END { printf "%-28s %3d:%02d\n\n%d passed, %d failed\n", "total", total / 60, total % 60, passed, failed; exit failed > 0 }
' "$results"
