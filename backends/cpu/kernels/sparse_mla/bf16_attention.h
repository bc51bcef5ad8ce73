// sparse_mla and dense_mla on vdpbf16ps: bf16 queries, packed FP8 or bf16 caches, bf16 outputs.
//
// An item is a token, up to 128 of its heads and a part of its keys. Its cache rows are taken 128 at a time:
// each is widened once for all heads, as keys ([pair of columns][16 keys][2]) and as values ([pair of
// keys][16 columns][2]), and both products are those of kernels/product/bf16.h, 6 heads x 64 keys or columns
// of sums in registers. Codes enter exactly. Scales of packed rows multiply the scores' partial sums, by
// groups of 128 columns, and the weights, by key and group, before those are rounded to bf16. The next rows
// are fetched meanwhile. Where tokens are fewer than threads, a token's keys are split and merged in order of
// the parts.
//
// Bytes: the chosen rows once (656 each, packed), 1.3 MB for 2048 keys. FLOPs: 2 h k (2 C + R), 570 M for
// 128 heads x 2048 keys: 0.63 ms on two Zen 5 cores at 456 GFLOPS each; widening 2048 rows takes 0.06 ms of
// one core. Bound by the products from some 16 heads on. One Zen 5 core ("AMD EPYC", shared), 2026-11-22,
// TAMIS_THREADS=1 tamis bench op --op sparse_mla, fastest launch from cold caches, packed: 1 token with 128 /
// 16 heads 1.73 / 0.36 ms, 64 tokens with 128 heads 114 ms, 320 GFLOPS; of that 3/4 products, the rest
// widening, softmax and fetching in equal parts.
#pragma once

#include "backends/cpu/kernels/sparse_mla/latent_attention.h"
#include "backends/cpu/kernels/sparse_mla/row_walker.h"
#include "core/base/reason.h"

namespace tamis::cpu::mla {

Reason accept_bf16_operands(const LatentOperands& operands);
std::int64_t bf16_attention_workspace(const KeyLists& lists, const LatentOperands& operands,
                                      std::int64_t units);
void bf16_attention(const KeyLists& lists, const LatentOperands& operands, std::byte* workspace);

}  // namespace tamis::cpu::mla
