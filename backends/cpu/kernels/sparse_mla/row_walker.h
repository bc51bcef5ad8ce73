// The cache rows that a token of sparse_mla or dense_mla attends to, in blocks.
#pragma once

#include <algorithm>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/common/kv_rows.h"
#include "core/ops/sparse_mla/sparse_mla.h"

namespace tamis::cpu::mla {

// Rows of the cache; null behind the n-th.
template <std::int64_t keys>
struct RowBlock {
  const std::byte* rows[keys];
  std::int32_t at[keys];  // in the token's list, or the position
  std::int64_t n;
};

// The valid entries of a token's list, or of the positions that it sees, block by block.
class RowWalker {
 public:
  // Part `split` of a token's list in sparse_mla.
  RowWalker(const OpCall& call, std::int64_t token, std::int64_t split, std::int64_t splits)
      : RowWalker(call[sparse_mla_operand::kCache]) {
    slots_ = reinterpret_cast<const std::int32_t*>(row_address(call[sparse_mla_operand::kSlots], token));
    std::int64_t length = call[sparse_mla_operand::kSlots].desc.dim(1);
    if (call[sparse_mla_operand::kLength].present())
      length =
          std::clamp<std::int64_t>(data<std::int32_t>(call[sparse_mla_operand::kLength])[token], 0, length);
    take_part(length, split, splits);
  }

  // Positions [0, length) of a sequence; take_part() then chooses of them.
  RowWalker(const Tensor& cache, const PagedKeys& keys, std::int64_t seq, std::int64_t length)
      : RowWalker(cache) {
    paged_ = keys;
    seq_ = seq;
    take_part(length, 0, 1);
  }

  void take_part(std::int64_t length, std::int64_t split, std::int64_t splits) {
    at_ = length * split / splits;
    end_ = length * (split + 1) / splits;
  }

  void fetch(const std::byte* row) const {
    for (std::int64_t byte = 0; byte < row_bytes_; byte += 64) __builtin_prefetch(row + byte, 0, 2);
  }

  // Fills the next block and, unless the caller does, begins to fetch it.
  template <std::int64_t keys>
  void next(RowBlock<keys>& block, bool fetches = true) {
    block.n = 0;
    for (; at_ < end_ && block.n < keys; ++at_) {
      const std::int64_t slot = slots_ != nullptr ? slots_[at_] : paged_slot(paged_, seq_, at_);
      if (slot < 0 || slot >= cache_.desc.dim(0)) continue;
      const std::byte* row = row_address(cache_, slot);
      if (fetches) fetch(row);
      block.at[block.n] = static_cast<std::int32_t>(at_);
      block.rows[block.n++] = row;
    }
    std::fill(block.rows + block.n, block.rows + keys, nullptr);
  }

 private:
  explicit RowWalker(const Tensor& cache)
      : cache_(cache),
        row_bytes_(cache.desc.dim(1) * static_cast<std::int64_t>(dtype_size(cache.desc.dtype))) {}

  const Tensor& cache_;
  std::int64_t row_bytes_, at_ = 0, end_ = 0;
  const std::int32_t* slots_ = nullptr;  // null: positions of a paged sequence
  PagedKeys paged_{};
  std::int64_t seq_ = 0;
};

// The keys of a call's tokens.
struct KeyLists {
  const OpCall& call;
  std::int64_t longest;  // entries of a list at most
  // Part `split` of a token's.
  RowWalker (*walk)(const OpCall& call, std::int64_t token, std::int64_t split, std::int64_t splits);
  // Tokens of one sequence see its positions below their ke; null: each has a list of its own.
  const Tensor* seq_of_token = nullptr;
  const Tensor* ke = nullptr;
};

}  // namespace tamis::cpu::mla
