// shaders/indexer_scores/prefill_coopmat.comp: what it takes, and its dispatch.
#pragma once

#include "backends/vulkan/index_scores.h"

namespace tamis::vulkan {

inline constexpr const char* kMatrixScores = "indexer_scores/prefill_coopmat";

struct MatrixScores {
  const Tensor &q, &keys;
  IndexFormat format;
  bool paged;
};

inline std::int64_t matrix_tiles(std::int64_t rows) { return (rows + 15) / 16; }

// Bytes of shared memory: rows of queries, sums over heads, weights, addresses of keys.
inline std::int64_t matrix_scores_shared(std::int64_t heads, std::int64_t dim) {
  const std::int64_t rows = 16 * matrix_tiles(heads);
  return rows * (2 * dim + 16) + 8 * 16 * 20 * 4 + rows * 4 + rows * 8;
}

// Rows of 16-byte pieces.
inline Reason accept_pieces(const char* name, const Tensor& tensor, std::int64_t stride) {
  const auto size = static_cast<std::int64_t>(dtype_size(tensor.desc.dtype));
  if (tensor.offset % 16 == 0 && stride * size % 16 == 0) return accept();
  return reject("{} has rows that do not begin at multiples of 16 bytes", name);
}

inline Reason accept_half(const char* name, std::uint32_t type) {
  if (type == static_cast<std::uint32_t>(DType::kF16) || type == static_cast<std::uint32_t>(DType::kE4M3))
    return accept();
  return reason::dtype(name, dtype_name(static_cast<DType>(type)), "f16, e4m3");
}

inline Reason accept_matrix_scores(const DeviceInfo& device, const MatrixScores& in) {
  if (Reason built = accept_built(kMatrixScores); !built.accepted()) return built;
  const std::int64_t heads = in.q.desc.dim(1), dim = in.q.desc.dim(2);
  if (Reason type = accept_half("q", type_of(in.q)); !type.accepted()) return type;
  if (Reason type = accept_half("keys", index_type(in.keys, in.format)); !type.accepted()) return type;
  if (heads > 64) return reason::size("Hi", heads, "up to 64");
  if (dim % 16 != 0 || dim > 128) return reason::size("Di", dim, "multiples of 16 up to 128");
  if (const std::int64_t bytes = matrix_scores_shared(heads, dim); bytes > device.local_memory_bytes) {
    return reject("a work group has {} bytes of shared memory, the row takes {}", device.local_memory_bytes,
                  bytes);
  }
  for (int axis = 0; axis < 2; ++axis) {
    if (Reason pieces = accept_pieces("q", in.q, in.q.desc.stride(axis)); !pieces.accepted()) return pieces;
  }
  return accept_pieces("keys", in.keys, in.keys.desc.stride(0));
}

inline Status dispatch_matrix_scores(VulkanQueue& recorder, const MatrixScores& in, IndexScores args) {
  constexpr std::int64_t kKeys = 256;          // of a work group
  constexpr std::uint32_t kMostTokens = 64;    // of one: enough to hide loading its keys
  constexpr std::int64_t kWantedGroups = 512;  // that fill a large device
  const std::int64_t tiles = (args.keys_count + kKeys - 1) / kKeys;
  const auto chunks = [&] { return (args.tokens + args.tokens_each - 1) / args.tokens_each; };
  args.tokens_each = kMostTokens;
  while (args.tokens_each > 1 && tiles * chunks() < kWantedGroups) args.tokens_each /= 2;
  const std::uint32_t key_type = index_type(in.keys, in.format);
  const Kernel kernel{kMatrixScores,
                      {type_of(in.q), key_type, in.paged ? 1u : 0u,
                       static_cast<std::uint32_t>(matrix_tiles(args.heads)), args.keys.dim / 16, 1},
                      32};
  return recorder.dispatch(kernel, args, tiles * chunks());
}

}  // namespace tamis::vulkan
