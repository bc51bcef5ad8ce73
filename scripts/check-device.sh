#!/usr/bin/env bash
# Checks one device from end to end, for the owner of any card: builds, then runs every kernel row against the oracles,
# the conformance tests of the backend and whole models, and measures the rows. Exit 0 only if everything passed.
# Report in build/check-<device>.txt.
#
#   scripts/check-device.sh [DEVICE]            cpu, cuda, cuda:1, vulkan, hip …; default: the first one that is no CPU
#   scripts/check-device.sh --build DIR …       a build made elsewhere: DIR/bin and DIR/lib
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

device="" build=""
while [[ $# -gt 0 ]]; do
  case "$1" in
    --build) build=${2:?--build needs a folder}; shift ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "check-device.sh: unknown argument $1; see --help" >&2; exit 2 ;;
    *) device=$1 ;;
  esac
  shift
done

if [[ -z $build ]]; then
  build=build/all
  cmake --preset all -DTAMIS_TESTS=ON > /dev/null && cmake --build --preset all || exit 1
fi
export LD_LIBRARY_PATH=$build/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
if [[ -z $device ]]; then
  device=$("$build/bin/tamis" devices --json | python3 -c '
import json, sys
found = [b["backend"] for b in json.load(sys.stdin) if b["devices"] and b["backend"] != "cpu"]
print(found[0] if found else "cpu")')
fi

mkdir -p build
report=build/check-${device//:/-}.txt
status=0
{
  echo "tamis $(git describe --always --dirty 2> /dev/null || echo unknown), $(uname -srm), $(date -u +%F)"
  "$build/bin/tamis" devices
  echo "== parity on $device"
  "$build/bin/tamis_parity" --device "$device" --verbose || status=1
  echo "== conformance on $device"
  "$build/bin/tamis_conformance" --device "$device" || status=1
  echo "== whole models on $device"
  (cd build && "../$build/bin/tamis_model_tests" --device "$device" --gtest_brief=1) || status=1
  "$build/bin/tamis" run --device "$device" -p "What is the capital of France?" || status=1
  echo "== speed of $device"
  "$build/bin/tamis" bench op --device "$device" -o md || status=1
  exit $status
} 2>&1 | tee "$report"
status=${PIPESTATUS[0]}
echo "report: $report"
exit "$status"
