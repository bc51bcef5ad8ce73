// What the rows on matrix instructions of sparse_mla and dense_mla share.
#pragma once

#include "backends/gpu/latent_attention.h"
#include "backends/hip/matrix_devices.h"
#include "kernels_hip/sparse_mla/launch.h"

namespace tamis::hip {

// Of q_latent, q_rope, out and the call's arguments.
inline Reason accepts_matrix_latent(const gpu::LatentAttention& args, const Tensor& q_latent,
                                    const Tensor& q_rope, const Tensor& out) {
  if (args.cache.c != kMatrixLatent) return reason::size("C", args.cache.c, "512");
  if (args.cache.r != kMatrixRope) return reason::size("R", args.cache.r, "64");
  for (const auto& [name, tensor] : {std::pair{"q_latent", &q_latent}, {"q_rope", &q_rope}, {"out", &out}}) {
    const DType dtype = tensor->desc.dtype;
    if (dtype != DType::kBF16) return reason::dtype(name, dtype_name(dtype), "bf16");
  }
  if (args.cache.element == gpu::Element::kF32) return reason::dtype("cache", "f32", "bf16, packed");
  return accept();
}

// The same kernel on each generation; heads_of_block as the kernel deals them.
struct MatrixLatentRow {
  const char* name;
  const char* families;
  Features needs;
};

// As many parts as fill the device twice.
template <std::int64_t (*most_keys)(const OpCall&), std::int64_t (*heads_of_block)(std::int64_t)>
std::int64_t matrix_latent_parts(const DeviceInfo& device, const OpCall& call) {
  const TensorDesc& q = call[0].desc;  // q_latent
  const std::int64_t heads = heads_of_block(q.dim(1));
  return gpu::latent_parts(device, q.dim(0) * ((q.dim(1) + heads - 1) / heads), most_keys(call));
}

template <std::int64_t (*most_keys)(const OpCall&), std::int64_t (*heads_of_block)(std::int64_t)>
std::int64_t matrix_latent_workspace(const DeviceInfo& device, const OpCall& call) {
  const std::int64_t parts = matrix_latent_parts<most_keys, heads_of_block>(device, call);
  return parts > 1 ? parts * gpu::latent_part_bytes(call) : 0;
}

template <std::int64_t (*most_keys)(const OpCall&), std::int64_t (*heads_of_block)(std::int64_t)>
Reason prefers_matrix_split(const DeviceInfo& device, const OpCall& call) {
  return matrix_latent_parts<most_keys, heads_of_block>(device, call) > 1
             ? accept()
             : reason::slower("enough blocks without splitting keys");
}

// The row that splits the keys of a token, and the one that does not. `Op` has the op's name, most_keys,
// arguments, accepts and its kernels.
template <class Op, auto kernel, std::int64_t (*heads_of_block)(std::int64_t)>
constexpr KernelRow matrix_split_row(const MatrixLatentRow& own) {
  return {.name = own.name,
          .op = Op::kName,
          .families = own.families,
          .needs = own.needs,
          .numerics = {.accuracy = "bf16"},
          .accepts = Op::accepts,
          .prefers = prefers_matrix_split<&Op::most_keys, heads_of_block>,
          .workspace = matrix_latent_workspace<&Op::most_keys, heads_of_block>,
          .launch = gpu::launch_split<&Op::arguments, kernel>};
}

template <class Op, auto kernel>
constexpr KernelRow matrix_whole_row(const MatrixLatentRow& own) {
  return {.name = own.name,
          .op = Op::kName,
          .families = own.families,
          .needs = own.needs,
          .numerics = {.accuracy = "bf16", .invariance = Invariance::kBatch},
          .accepts = Op::accepts,
          .launch = gpu::launch<&Op::arguments, kernel>};
}

}  // namespace tamis::hip
