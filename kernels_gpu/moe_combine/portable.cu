// moe_combine: a thread per output column, which gathers its topk elements in k order. Bound by reading T
// topk H elements. Not measured on a card.
#include "kernels_gpu/common/plane_rows.h"
#include "kernels_gpu/moe_combine/launch.h"

namespace tamis::gpu {
namespace {

__global__ void __launch_bounds__(256) moe_combine_kernel(MoeCombine args) {
  const std::int64_t i = sheet_column();
  if (i >= args.width) return;
#pragma unroll 1
  for (std::int64_t t = blockIdx.y; t < args.tokens; t += gridDim.y) {
    float sum = 0;
#pragma unroll 1
    for (std::int64_t j = 0; j < args.topk; ++j) {
      const std::int64_t row = args.row_of.data[t * args.row_of.stride + j];
      if (row >= 0 && row < args.rows) {
        sum += args.weights[t * args.weights_stride + j] * load_element(args.y, row, i);
      }
    }
    if (args.shared.data != nullptr) sum += load_element(args.shared, t, i);
    store_element(args.out, t, i, sum);
  }
}

}  // namespace

Error launch_moe_combine(const MoeCombine& args, Stream stream) {
  if (args.tokens == 0 || args.width == 0) return kNoError;
  const Sheet sheet = sheet_of(args.tokens, args.width);
  TAMIS_LAUNCH(moe_combine_kernel, dim3(sheet.columns, sheet.rows), dim3(sheet.threads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
