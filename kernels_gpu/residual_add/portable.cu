// residual_add: a thread per element. Both inputs read once, y written once: bound by memory, or by the
// launch for few tokens. Not measured on a card.
#include "kernels_gpu/common/plane_rows.h"
#include "kernels_gpu/residual_add/launch.h"

namespace tamis::gpu {
namespace {

__global__ void __launch_bounds__(256) residual_add_kernel(ResidualAdd args) {
  const std::int64_t i = sheet_column();
  if (i >= args.width) return;
#pragma unroll 1
  for (std::int64_t t = blockIdx.y; t < args.tokens; t += gridDim.y) {
    store_element(args.y, t, i, load_element(args.x, t, i) + load_element(args.delta, t, i));
  }
}

}  // namespace

Error launch_residual_add(const ResidualAdd& args, Stream stream) {
  if (args.tokens == 0 || args.width == 0) return kNoError;
  const Sheet sheet = sheet_of(args.tokens, args.width);
  TAMIS_LAUNCH(residual_add_kernel, dim3(sheet.columns, sheet.rows), dim3(sheet.threads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
