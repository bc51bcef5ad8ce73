// Rows of sparse_mla and dense_mla on cooperative matrices of bf16: what their shaders,
// shaders/<op>/heads32_bf16_coopmat.comp, take, and how they are dispatched.
#pragma once

#include "backends/vulkan/latent_attention.h"

namespace tamis::vulkan {

// Subgroups of 32 with full control over their size, and 16x16x16 products of bf16 with f32 sums.
inline constexpr Features kNeedsBf16Matrices = {.all_of = kBufferAddress | kWave32 | kSubgroupSizeControl |
                                                          kCoopmatBf16};

inline constexpr std::int64_t kMatrixHeads = 32;  // of a work group

// Work groups that fill a large device. Twice as many made 32 tokens of 128 heads 6 % faster on an H100, and
// 8 tokens 27 % slower.
inline constexpr std::int64_t kMatrixGroups = 256;
inline constexpr std::int64_t kMatrixPartKeys = 128;  // at least, of a part

std::int64_t matrix_groups(const TensorDesc& q);
std::int64_t matrix_parts(const TensorDesc& q, std::int64_t keys);

Reason accept_latent_matrices(const DeviceInfo& device, const LatentOperands& in, KvFormat format,
                              std::string_view shader);

// `shader`, and the merge where there are parts.
Status dispatch_latent_matrices(VulkanQueue& recorder, std::string_view shader, const LatentOperands& in,
                                KvFormat format, const LatentAttention& args);

}  // namespace tamis::vulkan
