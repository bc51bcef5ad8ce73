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

rows=$(mktemp)
trap 'rm -f "$rows" "$rows.html"' EXIT
check 106 "required" "$tamis" bench
check 1 "no op no_such_op" "$tamis" bench op --op no_such_op
check 1 "expected counts and ranges" "$tamis" bench op --tokens 8-4x
check 1 "nothing to measure" "$tamis" bench op --no-ceilings --op embed
check 0 '"kernel":"cpu.rms_norm.portable"' "$tamis" bench op --no-ceilings --op rms_norm --tokens 1 -o jsonl
"$tamis" bench op --no-ceilings --op rms_norm --tokens 1 -o jsonl > "$rows" 2> /dev/null
check 0 "1 no difference" "$tamis" bench compare "$rows" "$rows" --html "$rows.html"
check 0 "</html>" cat "$rows.html"
check 1 "cannot be opened" "$tamis" bench compare no-such-file.json
check 1 "README.md" "$tamis" bench compare README.md

echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
