// hadamard: a block takes 512 values at a time, four vectors of 128, through log2(D) stages of butterflies in
// local memory, a barrier each. Vectors wider than 8192 take their stages in the workspace instead. Bytes: x
// read, y written; bound by the barriers of the stages. Not measured on a card.
#include "kernels_gpu/common/butterflies.h"
#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/hadamard/launch.h"

namespace tamis::gpu {
namespace {

constexpr unsigned kThreads = 128;
constexpr std::int64_t kValues = 512;  // of a block, unless one vector is wider

__device__ std::int64_t index_of(const Vectors& x, std::int64_t vector, std::int64_t heads, std::int64_t i) {
  return vector / heads * x.stride + vector % heads * x.head_stride + i;
}

template <bool local>
__global__ void __launch_bounds__(kThreads) hadamard_kernel(Hadamard args) {
  TAMIS_DYNAMIC_LOCAL(float, memory);
  float* values = local ? memory : args.workspace + blockIdx.x * args.width;
  const std::int64_t each = args.width < kValues ? kValues / args.width : 1;  // vectors of a block
  const std::int64_t vectors = args.tokens * args.heads;
  for (std::int64_t first = blockIdx.x * each; first < vectors; first += gridDim.x * each) {
    const std::int64_t size = (first + each < vectors ? each : vectors - first) * args.width;
#pragma unroll 1
    for (std::int64_t i = threadIdx.x; i < size; i += kThreads) {
      const std::int64_t at = index_of(args.x, first + i / args.width, args.heads, i % args.width);
      values[i] = load_element(args.x.element, args.x.data, at);
    }
    hadamard_butterflies(values, args.width, size);
#pragma unroll 1
    for (std::int64_t i = threadIdx.x; i < size; i += kThreads) {
      const std::int64_t at = index_of(args.y, first + i / args.width, args.heads, i % args.width);
      store_element(args.y.element, args.y.data, at, values[i] * args.factor);
    }
    __syncthreads();
  }
}

}  // namespace

Error launch_hadamard(const Hadamard& args, Stream stream) {
  const std::int64_t each = args.width < kValues ? kValues / args.width : 1;
  const std::int64_t blocks = (args.tokens * args.heads + each - 1) / each;
  if (blocks == 0) return kNoError;
  if (args.workspace == nullptr) {
    const std::int64_t bytes = 4 * each * args.width;
    TAMIS_LAUNCH(hadamard_kernel<true>, dim3(grid_of(blocks)), dim3(kThreads), static_cast<unsigned>(bytes),
                 stream, args);
  } else {
    TAMIS_LAUNCH(hadamard_kernel<false>, dim3(grid_of(blocks, kHadamardBlocks)), dim3(kThreads), 0, stream,
                 args);
  }
  return launch_error();
}

}  // namespace tamis::gpu
