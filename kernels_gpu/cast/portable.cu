// cast: a thread per element. x read once, y written once: bound by memory. Not measured on a card.
#include "kernels_gpu/cast/launch.h"
#include "kernels_gpu/common/plane_rows.h"

namespace tamis::gpu {
namespace {

__global__ void __launch_bounds__(256) cast_kernel(Cast args) {
  const std::int64_t i = sheet_column();
  if (i >= args.width) return;
#pragma unroll 1
  for (std::int64_t row = blockIdx.y; row < args.rows; row += gridDim.y) {
    store_element(args.y, row, i, load_element(args.x, row, i));
  }
}

}  // namespace

Error launch_cast(const Cast& args, Stream stream) {
  if (args.rows == 0 || args.width == 0) return kNoError;
  const Sheet sheet = sheet_of(args.rows, args.width);
  TAMIS_LAUNCH(cast_kernel, dim3(sheet.columns, sheet.rows), dim3(sheet.threads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
