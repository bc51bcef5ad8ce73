// silu_mul: a thread per output. x read once, y written once: bound by memory. Not measured on a card.
#include "kernels_gpu/common/dependent.h"
#include "kernels_gpu/common/plane_rows.h"
#include "kernels_gpu/silu_mul/launch.h"

namespace tamis::gpu {
namespace {

__global__ void __launch_bounds__(256) silu_mul_kernel(SiluMul args) {
  after_predecessor();
  const std::int64_t i = sheet_column();
  if (i >= args.width) return;
  const std::int64_t tokens = used_rows(args.used, args.tokens);
#pragma unroll 1
  for (std::int64_t t = blockIdx.y; t < tokens; t += gridDim.y) {
    const float gate = load_element(args.x, t, i), up = load_element(args.x, t, args.width + i);
    store_element(args.y, t, i, gate / (1.0f + expf(-gate)) * up);
  }
}

}  // namespace

Error launch_silu_mul(const SiluMul& args, Stream stream) {
  if (args.tokens == 0 || args.width == 0) return kNoError;
  const Sheet sheet = sheet_of(args.tokens, args.width);
  return launch_dependent<silu_mul_kernel>(dim3(sheet.columns, sheet.rows), sheet.threads, 0, stream, args);
}

}  // namespace tamis::gpu
