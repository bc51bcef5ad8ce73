#!/usr/bin/env bash
# The commands of the tool, as a user types them: what they print and how they fail. Ends with "N passed, N failed".
#   tests/command_line.sh build/cpu/bin/tamis
set -uo pipefail
tamis=$(realpath "${1:?path of the tamis program}")
cd "$(dirname "$0")/.." || exit 2
passed=0 failed=0

check() {  # check EXIT_CODE PATTERN COMMAND…: the exit code, and a line of the output that matches
  local code=$1 pattern=$2 output status
  shift 2
  output=$("$@" 2>&1)
  status=$?
  if [[ $status -eq $code ]] && grep -qE -- "$pattern" <<< "$output"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL $*: exit $status, expected $code, and a line like: $pattern"
    head -n 20 <<< "$output"
  fi
}

check 0 "inspect" "$tamis" --help
check 106 "required" "$tamis"
check 106 "required" "$tamis" no-such-command
check 0 "deepseek-v3.2" "$tamis" inspect models/tiny-v32
check 1 "no-such-model" "$tamis" inspect no-such-model

echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
