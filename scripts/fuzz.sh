#!/usr/bin/env bash
# Builds the libFuzzer targets of tests/fuzz with clang, AddressSanitizer and UndefinedBehaviorSanitizer, and runs each.
# Ends with "N passed, N failed" (targets). What it learns stays in build/fuzz/corpus, so a longer run goes further.
#
#   scripts/fuzz.sh [SECONDS] [TARGET…]     a minute each by default; all targets by default
#   scripts/fuzz.sh --build                 build only
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=60
build_only=no
if [[ ${1:-} == -h || ${1:-} == --help ]]; then
  sed -n '2,6s/^# \{0,1\}//p' "$0"
  exit 0
elif [[ ${1:-} == --build ]]; then
  build_only=yes
  shift
elif [[ ${1:-} =~ ^[0-9]+$ ]]; then
  seconds=$1
  shift
fi
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
  for source in tests/fuzz/fuzz_*.cpp; do targets+=("$(basename "$source" .cpp)"); done
fi

command -v clang++-14 > /dev/null || { echo "fuzz.sh: clang++-14 not found: run scripts/deps.sh --test" >&2; exit 1; }
cmake --preset asan > /dev/null
cmake --build --preset asan ${TAMIS_JOBS:+-j "$TAMIS_JOBS"} --target "${targets[@]}"
[[ $build_only == no ]] || exit 0

mkdir -p build/fuzz/found
python3 tests/fuzz/seeds.py build/fuzz/seeds
passed=0 failed=0
for target in "${targets[@]}"; do
  mkdir -p "build/fuzz/corpus/$target" "build/fuzz/seeds/$target"
  log=build/fuzz/$target.log
  if "build/asan/bin/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 \
    -artifact_prefix="build/fuzz/found/$target-" "build/fuzz/corpus/$target" "build/fuzz/seeds/$target" > "$log" 2>&1; then
    echo "$target: $(grep '^Done' "$log" || tail -n 1 "$log")"
    passed=$((passed + 1))
  else
    tail -n 40 "$log"
    echo "FAIL $target: replay with build/asan/bin/$target FILE, the file named above"
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
