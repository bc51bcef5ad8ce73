// mha_prefill on vdpbf16ps: bf16 queries, keys, values and outputs.
//
// A task is up to 256 tokens x one head, against 128 keys at a time: keys become blocks of [pair of
// columns][16 keys][2], values [pair of keys][16 columns][2], and both products are those of
// kernels/product/bf16.h. Weights are rounded to bf16 after their sum is taken. The next block's rows are
// fetched meanwhile.
//
// Bytes: the head's keys and values once per task. FLOPs: 2 (dn + R + dv) per (token, head, key), and some
// 32 keys a token above the diagonal. Bound by the products, then by the softmax: one exp for 640 FLOPs at
// dn 128, R 64, dv 128. 1024 tokens x 16 heads from cold caches, two Zen 5 cores ("AMD EPYC"), 2026-11-23,
// tamis bench op --op mha_prefill: 10.9 ms (best 10.3), 0.50 TFLOPS without what is above the diagonal;
// the f32 row 28.2 (26.1). One core, TAMIS_THREADS=1: 27 ms, f32 83.
#pragma once

#include "core/base/reason.h"
#include "core/graph/graph.h"

namespace tamis::cpu::prefill {

Reason accept_bf16(const OpCall& call);
std::int64_t bf16_workspace(const OpCall& call, std::int64_t units);
void bf16_prefill(const OpCall& call, std::byte* workspace);

}  // namespace tamis::cpu::prefill
