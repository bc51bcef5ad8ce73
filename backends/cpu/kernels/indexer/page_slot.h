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

// Slot of `position` >= 0 in sequence `seq`, or -1.
inline std::int64_t page_slot(const Tensor& page_table, std::int64_t seq, std::int64_t position,
                              std::int64_t page_size) {
  const std::int64_t page_index = position / page_size;
  if (seq < 0 || seq >= page_table.desc.dim(0) || page_index >= page_table.desc.dim(1)) return -1;
  const std::int64_t page = data<std::int32_t>(page_table)[seq * page_table.desc.stride(0) + page_index];
  if (page < 0) return -1;
  const std::int64_t slot = page * page_size + position % page_size;
  return slot <= kMaxSlot ? slot : -1;
}

}  // namespace tamis::cpu::indexer
