// argmax: a block per row, one pass; (value, index) is one 64-bit key, so the reduction is a maximum and
// needs no rule for ties. NaN has the least key, of index 0 if the row holds nothing else. Bound by reading
// the logits (517 KB a row of 129280 in f32); a step has few rows, so one row keeps one unit busy: splitting
// rows is what to do first when this shows. Not measured on a card.
#include "core/numeric/sortable_key.h"
#include "kernels_gpu/argmax/launch.h"
#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/common/wave.h"

namespace tamis::gpu {
namespace {

__global__ void __launch_bounds__(1024) argmax_kernel(Argmax args) {
  for (std::int64_t row = blockIdx.x; row < args.rows; row += gridDim.x) {
    unsigned long long best = 0;
    for (std::int64_t i = threadIdx.x; i < args.width; i += blockDim.x) {
      const unsigned long long key =
          numeric::sortable_key(load_element(args.logits, row, i), static_cast<std::uint32_t>(i));
      best = key > best ? key : best;
    }
    best = block_reduce<Max>(best);
    if (threadIdx.x == 0) {
      args.token.data[row * args.token.stride] =
          static_cast<std::int32_t>(0xffffffffu - static_cast<std::uint32_t>(best));
    }
  }
}

}  // namespace

Error launch_argmax(const Argmax& args, Stream stream) {
  if (args.rows == 0) return kNoError;
  const unsigned threads = args.width <= 2048 ? 128 : 1024;
  TAMIS_LAUNCH(argmax_kernel, dim3(grid_of(args.rows)), dim3(threads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
