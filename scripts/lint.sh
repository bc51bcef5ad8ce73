#!/usr/bin/env bash
# Checks the source without running it; exit 0 only if all is well. Ends with "N passed, N failed".
#
#   scripts/lint.sh                      everything; clang-tidy on what changed against the base
#   scripts/lint.sh --fix                reformat the tree first
#   scripts/lint.sh --base REV           what "changed" means (default: origin/main, or else the last 20 commits)
#   scripts/lint.sh --tidy-seconds N     stop clang-tidy after N seconds (default 180), newest changes first; 0 skips it
#   scripts/lint.sh --tidy-all           clang-tidy on every file, however long it takes
#
# clang-format and clang-tidy are version 14 everywhere: another version formats otherwise.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

fix=no base="" tidy_seconds=180 tidy_all=no
while [[ $# -gt 0 ]]; do
  case "$1" in
    --fix) fix=yes ;;
    --base) base=${2:?--base needs a revision}; shift ;;
    --tidy-seconds) tidy_seconds=${2:?--tidy-seconds needs a number}; shift ;;
    --tidy-all) tidy_all=yes; tidy_seconds=86400 ;;
    -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "lint.sh: unknown argument $1; see --help" >&2; exit 2 ;;
  esac
  shift
done

passed=0 failed=0
count() {  # count NAME STATUS: one check
  if [[ $2 -eq 0 ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL $1"
  fi
}

sources() { git ls-files -co --exclude-standard -- '*.h' '*.cpp' '*.cu' '*.cuh' '*.hip'; }

# Prints OUTPUT and adds the counts of its last line, "N passed, N failed".
add_counts() {
  local output=$1
  printf '%s\n' "$output"
  if [[ $output =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
  else
    count "a check that gave no result" 1
  fi
}

check_format() {
  command -v clang-format-14 > /dev/null || { echo "clang-format-14 not found: scripts/deps.sh --test"; return 1; }
  local file bad=0
  [[ $fix == no ]] || sources | xargs -r clang-format-14 -i
  while read -r file; do
    clang-format-14 --dry-run --Werror "$file" > /dev/null 2>&1 && continue
    echo "$file: not formatted (scripts/lint.sh --fix)"
    bad=1
  done < <(sources)
  return $bad
}

# Files changed since the base, newest first: what is not committed, then commit by commit.
changed_files() {
  if [[ $tidy_all == yes ]]; then
    sources
    return
  fi
  local range=""
  if [[ -z $base ]]; then
    base=$(git merge-base HEAD origin/main 2> /dev/null || true)
    [[ $base != $(git rev-parse HEAD) ]] || base=""
  fi
  [[ -z $base ]] || range="$base..HEAD"
  {
    git diff --name-only HEAD
    git ls-files -o --exclude-standard
    git log --name-only --format= ${range:--20} --
  } | awk '!seen[$0]++'
}

# One file, unless the time is over; run by xargs below.
tidy_one() {
  if (($(date +%s) >= tidy_deadline)); then
    echo "left out: $1"
    return 0
  fi
  local output status half=()
  # Without it version 14 has no _Float16 on x86.
  [[ $1 != tests/hip_emulation/* ]] || half=(--extra-arg=-mavx512fp16)
  output=$(clang-tidy-14 -p build/all --quiet "${half[@]}" "$1" 2> /dev/null)
  status=$?
  if [[ -n $output ]]; then printf '%s\n' "$output"; fi
  return $status
}
export -f tidy_one

# clang-tidy on the changed .cpp files that the build knows: the plug-ins too, where their toolchains are.
check_tidy() {
  local commands=build/all/compile_commands.json file
  command -v clang-tidy-14 > /dev/null || { echo "clang-tidy-14 not found: scripts/deps.sh --test"; return 1; }
  [[ -f $commands ]] || cmake --preset all > /dev/null || return 1
  # Headers that the build writes, not CMake.
  cmake --build build/all --target tamis_generated > /dev/null || return 1
  export tidy_deadline=$(($(date +%s) + tidy_seconds))
  changed_files | grep '\.cpp$' | while read -r file; do
    if [[ -f $file ]] && grep -q "\"file\": \".*/$file\"" "$commands"; then echo "$file"; fi
  done | xargs -r -P "${TAMIS_JOBS:-$(nproc)}" -I{} bash -c 'tidy_one {}' |
    awk '/^left out: /{left++; next} {print} END{if (left) print "clang-tidy: no time for " left " changed files"}'
  return "${PIPESTATUS[3]}"
}

check_format
count clang-format $?

add_counts "$(tests/lint/lint_checks_test.py 2>&1)"
add_counts "$(scripts/lint_checks.py 2>&1)"

if command -v shellcheck > /dev/null; then
  shellcheck --severity=warning scripts/*.sh tests/*.sh .ci/run
  count shellcheck $?
fi

if [[ $tidy_seconds -gt 0 ]]; then
  check_tidy
  count clang-tidy $?
fi

echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
