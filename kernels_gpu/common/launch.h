// What every kernels_gpu/<op>/launch.h shares: plain host C++, also read by the kernels.
#pragma once

#include <cstdint>

namespace tamis::gpu {

// A cudaStream_t or a hipStream_t, and a cudaError_t or a hipError_t: whose, the backend knows that was
// linked with the kernels.
using Stream = void*;
using Error = int;
inline constexpr Error kNoError = 0;

// Element types in the order of DType, so that the backend converts by a cast.
enum class Element : std::uint8_t { kF32 = 0, kBF16, kF16, kE4M3 };

// Rows of elements in device memory; the elements of a row are consecutive.
struct Rows {
  void* data = nullptr;
  std::int64_t stride = 0;  // elements from one row to the next
  Element element = Element::kF32;
};

// The same of int32, as vectors: stride 1 unless a slice.
struct Ints {
  std::int32_t* data = nullptr;
  std::int64_t stride = 1;
};

// Vectors of elements, [tokens, heads, dim]; the elements of a vector are consecutive.
struct Vectors {
  void* data = nullptr;
  std::int64_t stride = 0;       // elements from token to token
  std::int64_t head_stride = 0;  // and from head to head
  Element element = Element::kF32;
};

// [n_seqs, max_pages] i32: the page of positions [j * page_size, (j + 1) * page_size) of a sequence.
struct PageTable {
  const std::int32_t* pages = nullptr;
  std::int64_t stride = 0;
  std::int64_t sequences = 0;
  std::int64_t width = 0;  // pages a sequence may have
  std::int64_t page_size = 1;
};

// The latent cache, in either format of KvFormat (core/ops/kv_store/kv_store.h).
struct KvCache {
  void* data = nullptr;
  std::int64_t stride = 0;  // elements from slot to slot; packed: bytes
  std::int64_t slots = 0;
  std::int64_t c = 0;  // latent values of a row, then r rotated key values
  std::int64_t r = 0;
  Element element = Element::kF32;  // kE4M3: packed
  bool aligned = false;  // packed: scales lie at multiples of 4 bytes, rope values at multiples of 2
};

// The index cache, in either format of IndexFormat (core/ops/index_k_store/index_k_store.h).
struct IndexCache {
  void* data = nullptr;
  std::int64_t stride = 0;  // elements from slot to slot; paged: bytes from page to page
  std::int64_t slots = 0;
  std::int64_t dim = 0;
  std::int64_t page_size = 1;
  Element element = Element::kF32;  // kE4M3: paged, with a scale a key
};

// Kernels walk their rows with a grid-stride loop, so a grid never needs to be larger than what fills the
// largest device some hundred times over. HIP allows 2^32 threads along x; both 65535 blocks along y.
inline constexpr std::int64_t kMaxGridX = 1 << 17;
inline constexpr std::int64_t kMaxGridY = 65535;

inline unsigned grid_of(std::int64_t blocks, std::int64_t most = kMaxGridX) {
  return static_cast<unsigned>(blocks < most ? blocks : most);
}

}  // namespace tamis::gpu
