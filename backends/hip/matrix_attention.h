// What the rows on matrix instructions of sparse_mla and dense_mla share.
#pragma once

#include <array>

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

// Of a generation of matrix instructions, as the table names them.
struct MatrixLatentNames {
  const char *split, *whole, *families;
};

// The row that splits the keys of a token and the one that does not, in the order of the table. How many
// parts there are depends on the number of tokens, so the sums of the first do, too.
template <class Op, auto kernel, gpu::HeadsOfBlock* heads_of_block>
constexpr std::array<KernelRow, 2> matrix_latent_pair(const MatrixLatentNames& names, const Features& needs) {
  KernelRow whole{.name = names.whole, .op = Op::kName, .families = names.families, .needs = needs};
  whole.numerics = {.accuracy = "bf16", .invariance = Invariance::kBatch};
  whole.accepts = Op::accepts;
  whole.launch = gpu::launch<&Op::arguments, kernel>;
  KernelRow split = whole;
  split.name = names.split;
  split.numerics.invariance = Invariance::kRun;
  split.prefers = gpu::prefers_split<&Op::most_keys, heads_of_block>;
  split.workspace = gpu::split_workspace<&Op::most_keys, heads_of_block>;
  split.launch = gpu::launch_split<&Op::arguments, kernel>;
  return {split, whole};
}

// The same rows on each generation. `Op` has the op's kName, most_keys, arguments and accepts.
template <class Op>
constexpr std::array<KernelRow, 6> matrix_latent_rows(const MatrixLatentNames& gfx9,
                                                      const MatrixLatentNames& gfx11,
                                                      const MatrixLatentNames& gfx12) {
  const auto [split9, whole9] =
      matrix_latent_pair<Op, &launch_latent_mfma_gfx9, &heads_of_mfma_block>(gfx9, kMfmaGfx9);
  const auto [split11, whole11] =
      matrix_latent_pair<Op, &launch_latent_wmma_gfx11, &heads_of_wmma_block>(gfx11, kWmmaGfx11);
  const auto [split12, whole12] =
      matrix_latent_pair<Op, &launch_latent_wmma_gfx12, &heads_of_wmma_block>(gfx12, kWmmaGfx12);
  return {split9, whole9, split11, whole11, split12, whole12};
}

}  // namespace tamis::hip
