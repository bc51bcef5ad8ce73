// topk_select: a block per row selects the k best (kernels_gpu/common/radix_select.h). A row is read four
// times: bound by the cache behind memory for long rows, by the barriers of the last pass for short ones. 8
// KB of local memory. Not measured on a card.
#include "kernels_gpu/common/radix_select.h"
#include "kernels_gpu/topk_select/launch.h"

namespace tamis::gpu {
namespace {

// The visible scores of one row.
struct Visible {
  const float* scores;
  std::int64_t n;
  std::int32_t* idx;

  __device__ float score(std::int64_t i) const { return scores[i]; }
  __device__ std::int32_t item(std::int64_t i) const { return static_cast<std::int32_t>(i); }
  __device__ void take(std::int64_t place, std::int32_t item) const { idx[place] = item; }
};

__device__ std::int64_t clamp(std::int64_t value, std::int64_t low, std::int64_t high) {
  return value < low ? low : value > high ? high : value;
}

__global__ void __launch_bounds__(1024) topk_select_kernel(TopkSelect args) {
  __shared__ unsigned counts[kSelectBins];
  for (std::int64_t t = blockIdx.x; t < args.tokens; t += gridDim.x) {
    const std::int64_t ks = args.ks.data != nullptr ? args.ks.data[t * args.ks.stride] : 0;
    const std::int64_t first = clamp(ks, 0, args.width);
    const std::int64_t last = clamp(args.ke.data[t * args.ke.stride], first, args.width);
    std::int32_t* idx = args.idx.data + t * args.idx.stride;
    const Visible row{args.scores + t * args.scores_stride + first, last - first, idx};
    const std::int64_t chosen = row.n < args.k ? row.n : args.k;
    if (row.n > args.k) {
      select_best(row, args.k, counts);
    } else {
      for (std::int64_t i = threadIdx.x; i < row.n; i += blockDim.x) idx[i] = static_cast<std::int32_t>(i);
    }
    for (std::int64_t i = chosen + threadIdx.x; i < args.k; i += blockDim.x) idx[i] = -1;
    if (threadIdx.x == 0) args.count.data[t * args.count.stride] = static_cast<std::int32_t>(chosen);
  }
}

}  // namespace

Error launch_topk_select(const TopkSelect& args, Stream stream) {
  if (args.tokens == 0) return kNoError;
  const unsigned threads = args.width <= 4096 ? 256 : 1024;
  TAMIS_LAUNCH(topk_select_kernel, dim3(grid_of(args.tokens)), dim3(threads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
