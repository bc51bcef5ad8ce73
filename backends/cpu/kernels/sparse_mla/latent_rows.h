// The rows in bf16 of sparse_mla and dense_mla: one kernel on AMX tiles, one on vdpbf16ps. Op says what it
// reads: static LatentOperands operands(const OpCall&), static mla::KeyLists lists(const OpCall&).
#pragma once

#include "backends/cpu/kernels/product/product_rows.h"
#include "backends/cpu/kernels/sparse_mla/bf16_attention.h"
#include "backends/cpu/kernels/sparse_mla/tile_attention.h"
#include "backends/cpu/queue.h"

#if defined(__x86_64__)
namespace tamis::cpu::mla {

using AcceptLatent = Reason(const LatentOperands& operands);
using LatentWorkspace = std::int64_t(const KeyLists& lists, const LatentOperands& operands,
                                     std::int64_t units);
using AttendLatent = void(const KeyLists& lists, const LatentOperands& operands, std::byte* workspace);

template <class Op, AcceptLatent* accept_operands>
Reason accepts_latent(const DeviceInfo&, const OpCall& call) {
  return accept_operands(Op::operands(call));
}

template <class Op, LatentWorkspace* bytes>
std::int64_t workspace_latent(const DeviceInfo& device, const OpCall& call) {
  return bytes(Op::lists(call), Op::operands(call), device.units);
}

template <class Op, AttendLatent* attend>
Status compute_latent(const OpCall& call, const Scratch& scratch) {
  attend(Op::lists(call), Op::operands(call), scratch.workspace->host() + scratch.workspace_offset);
  return {};
}

// `base` says the name and what speaks against the row.
template <class Op>
constexpr KernelRow amx_row(KernelRow base) {
  base.op = Op::kName;
  base.families = "amx";
  base.needs = {.all_of = kAmxProductNeeds};
  base.accepts = accepts_latent<Op, &accept_tile_attention>;
  base.workspace = workspace_latent<Op, &tile_attention_workspace>;
  base.launch = launch<&compute_latent<Op, &tile_attention>>;
  return base;
}

template <class Op>
constexpr KernelRow avx512_bf16_row(KernelRow base) {
  base.op = Op::kName;
  base.families = "avx512";
  base.needs = {.all_of = kBf16ProductNeeds};
  base.accepts = accepts_latent<Op, &accept_bf16_operands>;
  base.workspace = workspace_latent<Op, &bf16_attention_workspace>;
  base.launch = launch<&compute_latent<Op, &bf16_attention>>;
  return base;
}

}  // namespace tamis::cpu::mla
#endif
