// Slots of positions, and rows of the latent and the index cache. Everything read from device tensors is
// checked: what lies outside is absent, -1.
#pragma once

#include "kernels_gpu/common/elements.h"

namespace tamis::gpu {

inline constexpr std::int64_t kMaxSlot = 0x7fffffff;  // slots are int32 on every device
inline constexpr int kLatentGroupLog2 = 7;            // latent values that share a scale: 128
inline constexpr std::int64_t kLatentGroup = 1 << kLatentGroupLog2;

// Slot of a position >= 0, or -1.
__device__ inline std::int64_t paged_slot(const PageTable& table, std::int64_t sequence,
                                          std::int64_t position) {
  if (sequence < 0 || sequence >= table.sequences) return -1;
  std::int64_t index, offset;
  if (position <= kMaxSlot) {  // a division of 32 bits is several times cheaper
    const auto low = static_cast<std::uint32_t>(position), size = static_cast<std::uint32_t>(table.page_size);
    index = low / size;
    offset = low % size;
  } else {
    index = position / table.page_size;
    offset = position % table.page_size;
  }
  if (index >= table.width) return -1;
  const std::int64_t page = table.pages[sequence * table.stride + index];
  const std::int64_t slot = page * table.page_size + offset;
  return page < 0 || slot > kMaxSlot ? -1 : slot;
}

// Scales of packed rows are aligned only if the number of latent values is.
__device__ inline float load_f32(const std::uint8_t* bytes, bool aligned) {
  if (aligned) return *reinterpret_cast<const float*>(bytes);
  float value;
  memcpy(&value, bytes, 4);
  return value;
}

// Value i of a row of the latent cache: i < c latent, then rope.
template <Element element>
__device__ inline float load_latent(const KvCache& cache, std::int64_t slot, std::int64_t i) {
  if constexpr (element != Element::kE4M3) {
    return load_element<element>(cache.data, slot * cache.stride + i);
  } else {
    const auto* row = static_cast<const std::uint8_t*>(cache.data) + slot * cache.stride;
    const std::uint8_t* scales = row + cache.c;
    if (i < cache.c) {
      return numeric::e4m3_to_float(row[i]) * load_f32(scales + (i >> kLatentGroupLog2) * 4, cache.aligned);
    }
    const std::uint8_t* rope =
        scales + ((cache.c + kLatentGroup - 1) >> kLatentGroupLog2) * 4 + (i - cache.c) * 2;
    return numeric::bf16_to_float(static_cast<std::uint16_t>(rope[0] | rope[1] << 8));
  }
}

// Where the index cache keeps a slot's key: an index of elements.
__device__ inline std::int64_t index_key_at(const IndexCache& cache, std::int64_t slot) {
  if (cache.element != Element::kE4M3) return slot * cache.stride;
  return slot / cache.page_size * cache.stride + slot % cache.page_size * cache.dim;
}
// And its scale, of a paged cache: four bytes, not aligned when Di is odd.
__device__ inline std::uint8_t* index_scale_at(const IndexCache& cache, std::int64_t slot) {
  return static_cast<std::uint8_t*>(cache.data) + slot / cache.page_size * cache.stride +
         cache.page_size * cache.dim + slot % cache.page_size * 4;
}

}  // namespace tamis::gpu
