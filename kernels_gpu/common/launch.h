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

// Kernels walk their rows with a grid-stride loop, so a grid never needs to be larger than what fills the
// largest device some hundred times over. HIP allows 2^32 threads along x; both 65535 blocks along y.
inline constexpr std::int64_t kMaxGridX = 1 << 17;
inline constexpr std::int64_t kMaxGridY = 65535;

inline unsigned grid_of(std::int64_t blocks, std::int64_t most = kMaxGridX) {
  return static_cast<unsigned>(blocks < most ? blocks : most);
}

}  // namespace tamis::gpu
