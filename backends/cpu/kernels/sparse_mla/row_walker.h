// The cache rows that a token of sparse_mla names, in blocks.
#pragma once

#include <algorithm>

#include "backends/cpu/host_tensor.h"
#include "core/ops/sparse_mla/sparse_mla.h"

namespace tamis::cpu::mla {

// Rows of the cache; null behind the n-th.
template <std::int64_t keys>
struct RowBlock {
  const std::byte* rows[keys];
  std::int64_t n;
};

// The valid entries of a token's list, block by block.
class RowWalker {
 public:
  RowWalker(const OpCall& call, std::int64_t token, std::int64_t split, std::int64_t splits)
      : cache_(call[sparse_mla_operand::kCache]),
        slots_(reinterpret_cast<const std::int32_t*>(row_address(call[sparse_mla_operand::kSlots], token))),
        row_bytes_(cache_.desc.dim(1) * static_cast<std::int64_t>(dtype_size(cache_.desc.dtype))) {
    std::int64_t length = call[sparse_mla_operand::kSlots].desc.dim(1);
    if (call[sparse_mla_operand::kLength].present())
      length =
          std::clamp<std::int64_t>(data<std::int32_t>(call[sparse_mla_operand::kLength])[token], 0, length);
    at_ = length * split / splits;
    end_ = length * (split + 1) / splits;
    const std::int64_t rows = cache_.desc.dim(0);
    for (std::int64_t i = 0; i < length; ++i) valid_ += slots_[i] >= 0 && slots_[i] < rows ? 1 : 0;
  }

  // Entries of the whole token.
  std::int64_t valid() const { return valid_; }

  // Fills the next block and begins to fetch it.
  template <std::int64_t keys>
  void next(RowBlock<keys>& block) {
    block.n = 0;
    for (; at_ < end_ && block.n < keys; ++at_) {
      if (slots_[at_] < 0 || slots_[at_] >= cache_.desc.dim(0)) continue;
      const std::byte* row = row_address(cache_, slots_[at_]);
      for (std::int64_t byte = 0; byte < row_bytes_; byte += 64) __builtin_prefetch(row + byte, 0, 2);
      block.rows[block.n++] = row;
    }
    std::fill(block.rows + block.n, block.rows + keys, nullptr);
  }

 private:
  const Tensor& cache_;
  const std::int32_t* slots_;
  std::int64_t row_bytes_, at_ = 0, end_ = 0, valid_ = 0;
};

}  // namespace tamis::cpu::mla
