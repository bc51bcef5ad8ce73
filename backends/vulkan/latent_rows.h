// The rows of sparse_mla and dense_mla: on cooperative matrices or not, each with the keys of a token split
// over work groups or not. How many parts there are depends on the number of tokens, so the sums of `split`
// do, too.
#pragma once

#include <array>

#include "backends/vulkan/latent_attention_coopmat.h"

namespace tamis::vulkan {

// In the order of the table.
struct LatentNames {
  const char *split_matrices, *matrices, *split, *portable;
};

// `Op` is what the two ops differ in:
//   using Params                                   with `format`
//   static constexpr const char *kName, *kShader, *kMatrixShader
//   static LatentOperands operands(const OpCall&)
//   static std::int64_t most_keys(const OpCall&)   of a token
//   static LatentAttention arguments(const OpCall&)
template <class Op>
struct LatentRows {
  static KvFormat format(const OpCall& call) { return call.as<typename Op::Params>().format; }

  static Reason accepts(const DeviceInfo& device, const OpCall& call) {
    return accept_latent(device, Op::operands(call));
  }
  static Reason accepts_matrices(const DeviceInfo& device, const OpCall& call) {
    return accept_latent_matrices(device, Op::operands(call), format(call), Op::kMatrixShader);
  }

  static std::int64_t workspace(const DeviceInfo&, const OpCall& call) {
    const TensorDesc& q = Op::operands(call).q_latent.desc;
    return parts_bytes(q, latent_parts(q, Op::most_keys(call)));
  }
  static std::int64_t matrix_workspace(const DeviceInfo&, const OpCall& call) {
    const TensorDesc& q = Op::operands(call).q_latent.desc;
    return parts_bytes(q, matrix_parts(q, Op::most_keys(call)));
  }

  template <std::int64_t (*bytes)(const DeviceInfo&, const OpCall&)>
  static Reason prefers_split(const DeviceInfo& device, const OpCall& call) {
    return bytes(device, call) > 0 ? accept() : reason::slower("enough work groups without splitting keys");
  }

  template <bool matrices>
  static Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
    VulkanQueue& recorder = as_vulkan(queue);
    TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
    const LatentOperands operands = Op::operands(call);
    LatentAttention args = Op::arguments(call);
    use_parts(scratch, operands.q_latent.desc, args);
    return matrices ? dispatch_latent_matrices(recorder, Op::kMatrixShader, operands, format(call), args)
                    : dispatch_latent(recorder, Op::kShader, operands, format(call), args);
  }

  static constexpr std::array<KernelRow, 4> table(const LatentNames& names) {
    KernelRow portable{.name = names.portable, .op = Op::kName, .families = "portable", .needs = kNeeds};
    portable.numerics.invariance = Invariance::kBatch;
    portable.accepts = accepts;
    portable.launch = launch<false>;
    KernelRow matrix = portable;
    matrix.name = names.matrices;
    matrix.families = "coopmat";
    matrix.needs = kNeedsBf16Matrices;
    matrix.numerics.accuracy = "bf16";
    matrix.accepts = accepts_matrices;
    matrix.launch = launch<true>;
    return {split_of<matrix_workspace>(matrix, names.split_matrices), matrix,
            split_of<workspace>(portable, names.split), portable};
  }

 private:
  template <std::int64_t (*bytes)(const DeviceInfo&, const OpCall&)>
  static constexpr KernelRow split_of(KernelRow row, const char* name) {
    row.name = name;
    row.numerics.invariance = Invariance::kRun;
    row.prefers = prefers_split<bytes>;
    row.workspace = bytes;
    return row;
  }
};

}  // namespace tamis::vulkan
