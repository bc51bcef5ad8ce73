// What the tensor-core rows of sparse_mla and dense_mla share: the calls that the kernels of
// kernels_cuda/sparse_mla take, how keys are split over blocks, and the launches. dense_mla lists its slots
// in its workspace first.
#pragma once

#include <array>

#include "backends/cuda/tensor_args.h"
#include "core/ops/ops.h"
#include "kernels_cuda/sparse_mla/launch.h"

namespace tamis::cuda {

// The operands and params of either op. Tensors that an op lacks are absent ones.
struct LatentCall {
  const Tensor &q_latent, &q_rope, &cache;
  const Tensor &slots, &length, &sink;
  const Tensor &out, &lse, &max_logits;
  KvFormat format;
  std::int64_t c, r;
  float scale;
  std::int64_t keys;  // of a token, at most

  std::int64_t tokens() const { return q_latent.desc.dim(0); }
  std::int64_t heads() const { return q_latent.desc.dim(1); }
};

// Where slots and lengths of a call's tokens from `first` on go: [tokens, keys] and [tokens].
struct SlotRoom {
  std::int64_t first, tokens;
  std::int32_t* slots;
  std::int32_t* length;
};

struct LatentOp {
  const char* name;
  const char* families[2];  // by format of the cache: plain and packed FP8
  // Of a part where a token's bits must not depend on the batch.
  std::int64_t fixed_keys;
  LatentCall (*call)(const OpCall&);
  // Null: the call has slots.
  cudaError_t (*make_slots)(const OpCall&, const SlotRoom&, cudaStream_t);
};

// How a token's keys are split over blocks.
enum class Splits {
  kFill,   // so that the call fills the device; one part where there are tokens enough
  kFixed,  // every fixed_keys keys, so that a token's bits do not depend on the batch
};

// A row's kernel and how it splits.
struct LatentRow {
  const LatentOp& op;
  const SparseMlaKernel& kernel;
  Splits splits;
};

Reason accepts_latent(const DeviceInfo& device, const LatentCall& call, KvFormat format,
                      const SparseMlaTile& tile);
// A row of 16 heads a block, where `wide` is the smallest tile of 64.
Reason prefers_narrow(const DeviceInfo& device, const LatentCall& call, const SparseMlaTile& wide);
std::int64_t latent_workspace(const LatentRow& row, const DeviceInfo& device, const OpCall& call);
Status launch_latent(const LatentRow& row, Queue& queue, const OpCall& call, const Scratch& scratch);

namespace latent {

using Kernels = const SparseMlaKernel (&)[2];  // by format

inline constexpr KvFormat kBf16 = KvFormat::kPlain, kFp8 = KvFormat::kPackedFp8;
inline constexpr Features kSm80{.arch_min = 80}, kSm90Only{.arch_min = 90, .arch_max = 91};
inline constexpr auto& k16 = kSparseMlaHeads16;
inline constexpr auto& k64Wgmma = kSparseMlaHeads64Wgmma;
inline constexpr auto& k64 = kSparseMlaHeads64Keys64;
inline constexpr auto& k64Small = kSparseMlaHeads64Keys32;

template <Kernels kKernels, KvFormat kFormat>
constexpr const SparseMlaKernel& kernel_of() {
  return kKernels[kFormat == kFp8 ? 1 : 0];
}

template <const LatentOp& kOp, Kernels kKernels, KvFormat kFormat>
Reason accepts(const DeviceInfo& device, const OpCall& call) {
  return accepts_latent(device, kOp.call(call), kFormat, kernel_of<kKernels, kFormat>().tile);
}

template <const LatentOp& kOp, KvFormat kFormat>
Reason prefers_few_heads(const DeviceInfo& device, const OpCall& call) {
  return prefers_narrow(device, kOp.call(call), kernel_of<k64Small, kFormat>().tile);
}

template <const LatentOp& kOp, Kernels kKernels, KvFormat kFormat, Splits kSplits>
std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return latent_workspace({kOp, kernel_of<kKernels, kFormat>(), kSplits}, device, call);
}

template <const LatentOp& kOp, Kernels kKernels, KvFormat kFormat, Splits kSplits>
Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  return launch_latent({kOp, kernel_of<kKernels, kFormat>(), kSplits}, queue, call, scratch);
}

template <const LatentOp& kOp, Kernels kKernels, KvFormat kFormat, Splits kSplits>
constexpr KernelRow row(const char* name, Features needs,
                        Reason (*prefers)(const DeviceInfo&, const OpCall&) = nullptr) {
  return {.name = name,
          .op = kOp.name,
          .families = kOp.families[kFormat == kFp8 ? 1 : 0],
          .needs = needs,
          .numerics = {.accuracy = "bf16",
                       .invariance = kSplits == Splits::kFixed ? Invariance::kBatch : Invariance::kRun},
          .accepts = accepts<kOp, kKernels, kFormat>,
          .prefers = prefers,
          .workspace = workspace<kOp, kKernels, kFormat, kSplits>,
          .launch = launch<kOp, kKernels, kFormat, kSplits>};
}

// A table of both ops: per cache format, blocks of 16 heads where there are few, then the largest tile of 64
// that the device holds; "split" rows divide a token's keys as the device has room for, "invariant" ones
// always alike. `names` in that order.
template <const LatentOp& op>
constexpr std::array<KernelRow, 16> latent_rows(const std::array<const char*, 16>& names) {
  return {
      row<op, k16, kBf16, Splits::kFill>(names[0], kSm80, prefers_few_heads<op, kBf16>),
      row<op, k64Wgmma, kBf16, Splits::kFill>(names[1], kSm90Only),
      row<op, k64, kBf16, Splits::kFill>(names[2], kSm80),
      row<op, k64Small, kBf16, Splits::kFill>(names[3], kSm80),
      row<op, k16, kFp8, Splits::kFill>(names[4], kSm80, prefers_few_heads<op, kFp8>),
      row<op, k64Wgmma, kFp8, Splits::kFill>(names[5], kSm90Only),
      row<op, k64, kFp8, Splits::kFill>(names[6], kSm80),
      row<op, k64Small, kFp8, Splits::kFill>(names[7], kSm80),
      row<op, k16, kBf16, Splits::kFixed>(names[8], kSm80, prefers_few_heads<op, kBf16>),
      row<op, k64Wgmma, kBf16, Splits::kFixed>(names[9], kSm90Only),
      row<op, k64, kBf16, Splits::kFixed>(names[10], kSm80),
      row<op, k64Small, kBf16, Splits::kFixed>(names[11], kSm80),
      row<op, k16, kFp8, Splits::kFixed>(names[12], kSm80, prefers_few_heads<op, kFp8>),
      row<op, k64Wgmma, kFp8, Splits::kFixed>(names[13], kSm90Only),
      row<op, k64, kFp8, Splits::kFixed>(names[14], kSm80),
      row<op, k64Small, kFp8, Splits::kFixed>(names[15], kSm80),
  };
}

}  // namespace latent

}  // namespace tamis::cuda
