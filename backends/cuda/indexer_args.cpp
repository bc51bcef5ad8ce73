#include "backends/cuda/indexer_args.h"

#include <algorithm>

#include "backends/cuda/fp8_mma.h"

namespace tamis::cuda {
namespace {

constexpr std::int64_t kPageKeys = 64;

// Tensor copies want addresses and strides in multiples of 16 bytes.
Reason accepts_strides(const ScoreCall& call) {
  for (int axis = 0; axis < 2; ++axis) {
    if (call.q.desc.stride(axis) % 16 != 0)
      return reason::size("stride of q", call.q.desc.stride(axis), "multiples of 16");
  }
  if (call.keys.desc.stride(0) % 16 != 0)
    return reason::size("stride of keys", call.keys.desc.stride(0), "multiples of 16");
  return accept();
}

Reason accepts_extent(const ScoreCall& call, std::int64_t tile) {
  const std::int64_t tiles = (call.max_keys + tile - 1) / tile * call.tokens();
  if (call.max_keys > (1 << 30)) return reason::size("max_keys", call.max_keys, "up to 2^30");
  return tiles <= 0x7fffffff ? accept() : reason::size("tiles of keys", tiles, "up to 2^31 - 1");
}

}  // namespace

Reason accepts_wgmma(const ScoreCall& call) {
  const std::int64_t heads = call.q.desc.dim(1), dim = call.q.desc.dim(2);
  if (call.q.desc.dtype != DType::kE4M3) return reason::dtype("q", dtype_name(call.q.desc.dtype), "e4m3");
  if (call.key_dtype() != DType::kE4M3) return reason::dtype("keys", dtype_name(call.key_dtype()), "e4m3");
  if (heads != 32 && heads != 64) return reason::size("Hi", heads, "32 or 64");
  if (dim != 128) return reason::size("Di", dim, "128");
  if (call.paged && call.page_size != kPageKeys) return reason::size("page_size", call.page_size, "64");
  if (Reason why = accepts_strides(call); !why.accepted()) return why;
  return accepts_extent(call, kPageKeys);
}

Reason accepts_mma_fp8(const DeviceInfo& device, const ScoreCall& call) {
  const Reason why = accept_fp8_mma(device);
  return why.accepted() ? accepts_wgmma(call) : why;
}

Reason accepts_mma(const ScoreCall& call) {
  const std::int64_t dim = call.q.desc.dim(2);
  const auto takes = [](DType dtype) { return dtype == DType::kE4M3 || dtype == DType::kBF16; };
  if (!takes(call.q.desc.dtype)) return reason::dtype("q", dtype_name(call.q.desc.dtype), "e4m3 or bf16");
  if (!takes(call.key_dtype())) return reason::dtype("keys", dtype_name(call.key_dtype()), "e4m3 or bf16");
  if (dim > kMmaMaxDim) return reason::size("Di", dim, "up to 128");
  return accepts_extent(call, 256);
}

bool few_tokens(const ScoreCall& call) {
  return call.tokens() <= 4 * (call.paged ? call.page_table.desc.dim(0) : 1);
}

IndexerScoresArgs score_args(const ScoreCall& call, int multiprocessors) {
  const auto stride_of = [](const Tensor& tensor) { return tensor.present() ? tensor.desc.stride(0) : 0; };
  const TensorDesc &q = call.q.desc, &keys = call.keys.desc;
  return {.q = pointer<const std::uint8_t>(call.q),
          .q_type = element_of(q.dtype),
          .q_token_stride = q.stride(0),
          .q_head_stride = q.stride(1),
          .w = pointer<const float>(call.w),
          .w_stride = call.w.desc.stride(0),
          .q_scale = pointer<const float>(call.q_scale),
          .q_scale_stride = stride_of(call.q_scale),
          .keys = pointer<const std::uint8_t>(call.keys),
          .key_type = element_of(call.key_dtype()),
          .packed_pages = call.packed_pages(),
          .key_stride = keys.stride(0) * static_cast<std::int64_t>(dtype_size(keys.dtype)),
          .key_count = keys.dim(0),
          .page_size = call.page_size,
          .key_scale = pointer<const float>(call.key_scale),
          .seq_of_token = pointer<const std::int32_t>(call.seq_of_token),
          .page_table = pointer<const std::int32_t>(call.page_table),
          .page_table_stride = stride_of(call.page_table),
          .sequences = call.paged ? call.page_table.desc.dim(0) : 0,
          .pages_per_sequence = call.paged ? call.page_table.desc.dim(1) : 0,
          .ks = pointer<const std::int32_t>(call.ks),
          .ke = pointer<const std::int32_t>(call.ke),
          .scores = nullptr,
          .score_stride = 0,
          .first_token = 0,
          .end_token = call.tokens(),
          .tokens = call.tokens(),
          .heads = static_cast<int>(q.dim(1)),
          .dim = static_cast<int>(q.dim(2)),
          .scale = call.scale,
          .max_keys = call.max_keys,
          .end_column = call.paged ? call.max_keys : std::min(call.max_keys, keys.dim(0)),
          .min_keys = 1,
          .fill = true,
          .units = multiprocessors};
}

}  // namespace tamis::cuda
