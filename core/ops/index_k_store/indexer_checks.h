// What the infer() functions of the indexer's ops share: checks of operands by dtype and shape.
#pragma once

#include <initializer_list>
#include <string>

#include "core/graph/op_def.h"
#include "core/ops/ops.h"

namespace tamis::indexer {

constexpr bool is_activation(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16;
}
// Queries and ragged keys: an activation, or e4m3 codes.
constexpr bool is_score_input(DType dtype) { return is_activation(dtype) || dtype == DType::kE4M3; }

inline constexpr std::int64_t kAnySize = -1;

inline bool has_shape(const TensorDesc& desc, std::initializer_list<std::int64_t> shape) {
  if (desc.rank != static_cast<int>(shape.size())) return false;
  int axis = 0;
  for (std::int64_t size : shape) {
    if (size != kAnySize && desc.dim(axis) != size) return false;
    ++axis;
  }
  return true;
}

struct Expected {
  const char* op;
  const char* operand;
  DType dtype;
  std::initializer_list<std::int64_t> shape;
};

// A required operand of one dtype and shape.
inline Status check(const Expected& expected, const TensorDesc& found) {
  if (found.dtype == expected.dtype && has_shape(found, expected.shape)) return {};
  std::string sizes;
  for (std::int64_t size : expected.shape) {
    sizes += (sizes.empty() ? "" : ", ") + (size == kAnySize ? std::string("*") : std::to_string(size));
  }
  return shape_error(expected.op, expected.operand, fmt::format("{}[{}]", dtype_name(expected.dtype), sizes),
                     found);
}

// The same for an operand that may be absent.
inline Status check_optional(const Expected& expected, const TensorDesc& found) {
  return found.rank == 0 ? Status() : check(expected, found);
}

inline Status check_absent(const char* op, const char* operand, const char* when, const TensorDesc& found) {
  if (found.rank == 0) return {};
  return shape_error(op, operand, fmt::format("no operand ({})", when), found);
}

// The index cache: [slots, Di] f32 or bf16 (kExact), or u8 [pages, page_size * (Di + 4)] (kFp8Paged).
Status check_index_cache(const char* op, IndexFormat format, std::int64_t page_size, std::int64_t dim,
                         const TensorDesc& cache);

// q [T, Hi, Di] and w, q_scale [T, Hi] of the ops that score keys.
Status check_queries(const char* op, const TensorDesc& q, const TensorDesc& w, const TensorDesc& q_scale);
// seq_of_token [T] (optional) and page_table [n_seqs, max_pages].
Status check_paging(const char* op, std::int64_t tokens, const TensorDesc& seq_of_token,
                    const TensorDesc& page_table);

// Bytes of the cache that a step cannot see: it reads at most max_keys keys of each sequence of the page
// table.
struct CacheUse {
  IndexFormat format;
  std::int64_t page_size, max_keys;
};
double unseen_cache_bytes(const CacheUse& use, const TensorDesc& cache, const TensorDesc& page_table);

}  // namespace tamis::indexer
