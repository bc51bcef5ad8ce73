// Rounds activations to e4m3 with a scale per 128 columns, once per launch of a quantised product: a wave per
// group. The codes (1.03 bytes an element) are what the product kernels read; N of them share each. Divisions
// are correctly rounded and codes come from integer arithmetic, so the bits are those of every backend. Not
// measured on a card.
#include "core/numeric/fp8_fnuz.h"
#include "kernels_gpu/common/plane_rows.h"
#include "kernels_gpu/common/product.h"
#include "kernels_gpu/common/wave.h"

namespace tamis::gpu {
namespace {

constexpr unsigned kThreads = 256;

__device__ void quantize_group(const Quantize& args, std::int64_t t, std::int64_t group) {
  const std::int64_t begin = group * kQuantGroup;
  const std::int64_t end = begin + kQuantGroup < args.k ? begin + kQuantGroup : args.k;
  const std::int64_t row = row_offset(args.x, t);
  float amax = 0;
  for (std::int64_t i = begin + lane_id(); i < end; i += wave_size()) {
    const float magnitude = fabsf(load_element(args.x.element, args.x.data, row + i));
    amax = magnitude > amax ? magnitude : amax;
  }
  const float scale = numeric::activation_scale(wave_reduce<Max>(amax), args.pow2);
  auto* codes = static_cast<std::uint8_t*>(args.out.rows.data) + t * args.out.rows.stride;
  for (std::int64_t i = begin + lane_id(); i < end; i += wave_size()) {
    const std::uint8_t code = scaled_code(load_element(args.x.element, args.x.data, row + i), scale);
    codes[i] = args.fnuz ? numeric::e4m3_to_half_e4m3fnuz(code) : code;
  }
  if (lane_id() == 0) const_cast<float*>(args.out.scales)[t * args.out.groups + group] = scale;
}

__global__ void __launch_bounds__(kThreads) quantize_kernel(Quantize args) {
  const std::int64_t tasks = used_rows(args.used, args.rows) * args.out.groups;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * waves_per_block();
  for (std::int64_t task = static_cast<std::int64_t>(blockIdx.x) * waves_per_block() + wave_id();
       task < tasks; task += step) {
    quantize_group(args, task / args.out.groups, task % args.out.groups);
  }
}

}  // namespace

Error launch_quantize(const Quantize& args, Stream stream) {
  if (args.rows == 0 || args.k == 0) return kNoError;
  const std::int64_t least_waves = kThreads / 64;  // of a block
  const std::int64_t blocks = (args.rows * args.out.groups + least_waves - 1) / least_waves;
  TAMIS_LAUNCH(quantize_kernel, dim3(grid_of(blocks)), dim3(kThreads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
