#!/usr/bin/env bash
# Checks one device from end to end, for the owner of any card: builds, then runs every kernel row against the oracles,
# twenty times each, the conformance tests of the backend, whole models and their evaluations, and measures the rows.
# Exit 0 only if everything passed. Report in build/check-<device>.txt.
#
#   scripts/check-device.sh [DEVICE]            cpu, cuda, cuda:1, vulkan, hip …; default: the first one that is no CPU
#   scripts/check-device.sh --sanitize cuda     instead: the rows under compute-sanitizer's memcheck, initcheck, racecheck
#   scripts/check-device.sh --build DIR …       a build made elsewhere: DIR/bin and DIR/lib
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

device="" build="" sanitize=no
while [[ $# -gt 0 ]]; do
  case "$1" in
    --build) build=${2:?--build needs a folder}; shift ;;
    --sanitize) sanitize=yes ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "check-device.sh: unknown argument $1; see --help" >&2; exit 2 ;;
    *) device=$1 ;;
  esac
  shift
done
if [[ $sanitize == yes ]]; then
  [[ ${device:=cuda} == cuda* ]] || { echo "check-device.sh: --sanitize: expected a CUDA device, found $device" >&2; exit 2; }
  sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2> /dev/null) ||
    { echo "check-device.sh: --sanitize: no compute-sanitizer (part of the CUDA toolkit)" >&2; exit 2; }
fi

# The architectures of the AMD GPUs that the driver lists, "gfx942;gfx1201"; nothing without the driver. By the programs
# of ROCm and of LLVM that know; a setting behind a colon (xnack) is left to the compiler's default.
amd_archs() {
  local tool
  for tool in /opt/rocm/llvm/bin/amdgpu-arch amdgpu-arch amdgpu-arch-22 rocm_agent_enumerator; do
    if command -v "$tool" > /dev/null; then "$tool" 2> /dev/null; fi
  done | sed 's/:.*//' | grep -E '^gfx[0-9a-f]+$' | grep -v '^gfx000$' | sort -u | paste -s -d ';'
}

mkdir -p build
if [[ -z $build ]]; then
  build=build/all options=(-DTAMIS_TESTS=ON)
  archs=$(amd_archs)
  if [[ -n $archs ]]; then
    echo "AMD GPUs here: $archs"
    options+=("-DTAMIS_HIP_ARCHS=$archs")
  elif [[ $device == hip* && $device != hip-* ]]; then
    echo "check-device.sh: no AMD GPU found (by amdgpu-arch, rocm_agent_enumerator): is the amdgpu driver loaded, and may" \
      "this user open /dev/kfd (groups render, video)?" >&2
  fi
  cmake --preset all "${options[@]}" > build/configure.txt || { cat build/configure.txt; exit 1; }
  grep '^-- backend' build/configure.txt
  cmake --build --preset all || exit 1
fi
build=$(realpath "$build")
export LD_LIBRARY_PATH=$build/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
if [[ -z $device ]]; then
  device=$("$build/bin/tamis" devices --json | python3 -c '
import json, sys
# hip-emu and hip-on-cuda are tests of the HIP backend
found = [b["backend"] for b in json.load(sys.stdin) if b["devices"] and b["backend"] != "cpu" and "hip-" not in b["backend"]]
print(found[0] if found else "cpu")')
fi

# Whether the device of that name was found; `tamis devices` says why not.
is_here() {
  "$build/bin/tamis" devices --json 2> /dev/null | python3 -c '
import json, sys
name, _, index = sys.argv[1].partition(":")
sys.exit(all(b["backend"] != name or len(b["devices"]) <= int(index or 0) for b in json.load(sys.stdin)))' "$device"
}

# step NAME COMMAND…: runs it, says how long it took, and notes a failure.
step() {
  local from=$SECONDS
  echo "== $1 on $device"
  shift
  "$@" || { status=1; echo "FAILED: $*"; }
  echo "   $(((SECONDS - from) / 60)) min $(((SECONDS - from) % 60)) s"
}

# sanitized TOOL ARGUMENT…: parity under a tool of compute-sanitizer, a process per op, eight at a time: the tools leave
# most of a GPU idle. Errors of CUDA calls are left out: tamis asks for things that a driver may lack, and reports itself
# what it needs. A hazard or a bad access changes the exit code; xargs then ends with 123.
sanitized() {
  local tool=$1
  shift
  local flags=(--tool "$tool" --report-api-errors no --print-limit 20 --error-exitcode 9)
  [[ $tool != initcheck ]] || flags+=(--check-api-memory-access no)
  # shellcheck disable=SC2016
  step "$tool" xargs -P 8 -I OP bash -c 'out=$("$@" 2>&1); status=$?; echo "$out"; exit $status' _ \
    "$sanitizer" "${flags[@]}" "$build/bin/tamis_parity" --device "$device" --expected none "$@" --op OP < <(list_ops)
}

list_ops() { find core/ops -mindepth 2 -name '*_oracle.cpp' -printf '%h\n' | xargs -n 1 basename; }

check() {
  step "parity" "$build/bin/tamis_parity" --device "$device" --verbose --repeat 20
  step "conformance" "$build/bin/tamis_conformance" --device "$device"
  step "whole models" env -C build "$build/bin/tamis_model_tests" --device "$device" --gtest_brief=1
  step "quality" "$build/bin/tamis_quality" --device "$device" --gtest_brief=1
  step "an answer" "$build/bin/tamis" run --device "$device" -p "What is the capital of France?"
  step "speed" "$build/bin/tamis" bench op --device "$device" -o md
}

# Small cases: a tool slows a kernel down up to a thousandfold. initcheck sees nothing of memory that the harness fills,
# and takes cuBLASLt's results for unwritten.
check_sanitized() {
  sanitized memcheck --max-elements 200000
  sanitized initcheck --max-elements 30000 --no-poison
  sanitized racecheck --max-elements 30000
}

report=build/check-${device//:/-}$([[ $sanitize == no ]] || echo -sanitized).txt
status=0
{
  echo "tamis $(git describe --always --dirty 2> /dev/null || echo unknown), $(uname -srm), $(date -u +%F)"
  "$build/bin/tamis" devices
  is_here || { echo "FAILED: there is no device $device, see above"; exit 1; }
  if [[ $sanitize == yes ]]; then check_sanitized; else check; fi
  exit $status
} 2>&1 | tee "$report"
status=${PIPESTATUS[0]}
echo "report: $report"
exit "$status"
