// Slots of positions, and rows of the latent and of the index cache. Everything read from device tensors is
// checked: what lies outside is absent, -1. The structs are those of backends/vulkan/caches.h.
#include "shaders/common/fp8.glsl"

const uint kLatentGroup = 128;  // latent values that share a scale

struct PageTable {
  uint64_t pages;
  uint64_t stride;  // bytes
  uint sequences, width, page_size, unused;
};

struct KvCache {
  uint64_t data;
  uint64_t stride;  // bytes
  uint slots, c, r, unused;
};

struct IndexCache {
  uint64_t data;
  uint64_t stride;  // bytes, of a page (FP8) or of a slot
  uint slots, dim, page_size, unused;
};

// Slot of a position >= 0, or -1.
int paged_slot(PageTable table, int sequence, uint position) {
  if (sequence < 0 || uint(sequence) >= table.sequences) return -1;
  const uint index = position / table.page_size;
  if (index >= table.width) return -1;
  const int page = Ints(table.pages + uint64_t(sequence) * table.stride).at[index];
  const int64_t slot = int64_t(page) * int64_t(table.page_size) + int64_t(position % table.page_size);
  return page < 0 || slot > 0x7fffffffl ? -1 : int(slot);
}

uint load_word(uint64_t at, bool aligned) {
  if (aligned) return Words(at).at[0];
  return uint(Bytes(at).at[0]) | uint(Bytes(at).at[1]) << 8 | uint(Bytes(at).at[2]) << 16 |
         uint(Bytes(at).at[3]) << 24;
}

// Value i of the row at `row`: i < c latent, then rope. `type` e4m3 is the packed format, whose scales are
// aligned only if C and the stride are multiples of 4.
float load_latent(uint type, bool aligned, KvCache cache, uint64_t row, uint i) {
  if (type != kE4M3) return load_float(type, row, i);
  const uint64_t scales = row + cache.c;
  if (i < cache.c) {
    return e4m3_to_float(uint(Bytes(row).at[i])) *
           uintBitsToFloat(load_word(scales + 4u * (i / kLatentGroup), aligned));
  }
  const uint groups = (cache.c + kLatentGroup - 1u) / kLatentGroup;
  const uint64_t at = scales + 4u * groups + 2u * (i - cache.c);
  const uint code = aligned ? uint(Halves(at).at[0]) : uint(Bytes(at).at[0]) | uint(Bytes(at).at[1]) << 8;
  return uintBitsToFloat(code << 16);
}

// Where the index cache keeps a slot's key, and in FP8 pages its scale: four bytes, not aligned when Di is
// odd.
uint64_t index_key_at(bool fp8, IndexCache cache, uint slot) {
  if (!fp8) return cache.data + uint64_t(slot) * cache.stride;
  return cache.data + uint64_t(slot / cache.page_size) * cache.stride +
         uint64_t(slot % cache.page_size) * cache.dim;
}
uint64_t index_scale_at(IndexCache cache, uint slot) {
  return cache.data + uint64_t(slot / cache.page_size) * cache.stride +
         uint64_t(cache.page_size) * cache.dim + 4u * (slot % cache.page_size);
}

void store_word(uint64_t at, uint word) {
  for (uint i = 0u; i < 4u; ++i) Bytes(at).at[i] = uint8_t((word >> (8u * i)) & 0xffu);
}
