// Slots through the page table. Everything read from device tensors is checked: what lies outside is absent,
// -1.
#pragma once

#include <cstdint>

#include "backends/cpu/host_tensor.h"

namespace tamis::cpu::indexer {

inline constexpr std::int64_t kMaxSlot = 0x7fffffff;  // slots are int32 on every device

inline std::int64_t read_i32(const Tensor& vector, std::int64_t i) {
  return data<std::int32_t>(vector)[i * vector.desc.stride(0)];
}

// The sequence of token t; 0 when the call has only one.
inline std::int64_t sequence_of(const Tensor& seq_of_token, std::int64_t t) {
  return seq_of_token.present() ? read_i32(seq_of_token, t) : 0;
}

// Slots of positions of one sequence. Remembers the last page, so that walking upwards divides once a page.
class PageWalker {
 public:
  PageWalker() = default;  // finds nothing
  PageWalker(const Tensor& page_table, std::int64_t sequence, std::int64_t page_size)
      : page_count_(page_table.desc.dim(1)), page_size_(page_size), begin_(-page_size) {
    if (sequence < 0 || sequence >= page_table.desc.dim(0)) return;
    pages_ = data<std::int32_t>(page_table) + sequence * page_table.desc.stride(0);
  }

  // Slot of `position` >= 0, or -1.
  std::int64_t slot(std::int64_t position) {
    if (position < begin_ || position >= begin_ + page_size_) turn_to(position / page_size_);
    const std::int64_t slot = first_slot_ + (position - begin_);
    return first_slot_ >= 0 && slot <= kMaxSlot ? slot : -1;
  }

 private:
  void turn_to(std::int64_t page_index) {
    begin_ = page_index * page_size_;
    const std::int64_t page = pages_ != nullptr && page_index < page_count_ ? pages_[page_index] : -1;
    first_slot_ = page < 0 ? -1 : page * page_size_;
  }

  const std::int32_t* pages_ = nullptr;  // null: the sequence is not in the table
  std::int64_t page_count_ = 0, page_size_ = 1;
  std::int64_t begin_ = -1;       // first position of the page at hand; before the first turn, of none
  std::int64_t first_slot_ = -1;  // its slot; -1: there is no such page
};

}  // namespace tamis::cpu::indexer
