#!/usr/bin/env bash
# Parity of all ops, a process each, as many at a time as there are cores, the longest first: most of a case's time is
# the oracle's, or the emulator's, one thread. Ends with the sum, "N passed, N failed".
#   tests/parity_jobs.sh PARITY [ARGUMENT…]      PARITY: build/all/bin/tamis_parity; arguments are for each of them
set -uo pipefail
parity=$1
shift
ops=$(cd "$(dirname "$0")/../core/ops" && find . -mindepth 2 -name '*_oracle.cpp' -printf '%h\n' | xargs -n 1 basename | sort)
long="linear batched_linear mha_prefill indexer_topk sparse_mla moe_experts moe_grouped_gemm indexer_scores dense_mla"
# A thread that spins for work would take a neighbour's core.
export OMP_WAIT_POLICY=passive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2016
printf '%s\n' $long $ops | awk '!seen[$0]++' |
  xargs -P "$(nproc)" -I OP bash -c 'out=$("$@" 2>&1); status=$?; echo "$out"; exit $status' _ "$parity" "$@" --op OP |
  tee "$log"
status=${PIPESTATUS[2]}
awk '/^[0-9]+ passed, [0-9]+ failed/ { passed += $1; failed += $3 } END { print passed + 0 " passed, " failed + 0 " failed" }' "$log"
exit "$status"
