// linear for few tokens (kernels_gpu/common/decode_product.h).
//
// Bound by reading the weight once per eight tokens: N K bytes in e4m3 (14.7 MB at 2048 x 7168). Decoding
// e4m3 by integer arithmetic costs about 8 instructions an element, shared by the tokens. Not measured on a
// card.
#include "kernels_gpu/common/decode_product.h"
#include "kernels_gpu/linear/launch.h"

namespace tamis::gpu {
namespace {

template <Element element, bool packed, int tokens>
__global__ void __launch_bounds__(kDecodeThreads) linear_decode_kernel(Linear args) {
  __shared__ float xs[tokens][kDecodeChunk];
  const std::int64_t block_first = decode_first_row();
  if (block_first >= args.w.count) return;
  const std::int64_t first = block_first + wave_id() * kDecodeRows;
  for (std::int64_t token = static_cast<std::int64_t>(blockIdx.y) * tokens; token < args.tokens;
       token += static_cast<std::int64_t>(gridDim.y) * tokens) {
    decode_product<element, packed, tokens>(args, token, first, xs);
  }
}

template <Element element, bool packed, int tokens>
void launch_decode(const Linear& args, Stream stream) {
  const dim3 grid(decode_blocks(args.w.count), grid_of((args.tokens + tokens - 1) / tokens, kMaxGridY));
  TAMIS_LAUNCH((linear_decode_kernel<element, packed, tokens>), grid, dim3(kDecodeThreads), 0, stream, args);
}

template <Element element, bool packed>
void launch_for_tokens(const Linear& args, Stream stream) {
  if (args.tokens == 1) return launch_decode<element, packed, 1>(args, stream);
  if (args.tokens == 2) return launch_decode<element, packed, 2>(args, stream);
  if (args.tokens <= 4) return launch_decode<element, packed, 4>(args, stream);
  launch_decode<element, packed, kDecodeTokens>(args, stream);
}

}  // namespace

Error launch_linear_decode(const Linear& args, Stream stream) {
  if (args.tokens == 0 || args.w.count == 0) return kNoError;
  switch (args.w.rows.element) {
    case Element::kF32: launch_for_tokens<Element::kF32, false>(args, stream); break;
    case Element::kBF16: launch_for_tokens<Element::kBF16, false>(args, stream); break;
    case Element::kF16: launch_for_tokens<Element::kF16, false>(args, stream); break;
    case Element::kE4M3:
      if (args.packed) {
        launch_for_tokens<Element::kE4M3, true>(args, stream);
      } else {
        launch_for_tokens<Element::kE4M3, false>(args, stream);
      }
      break;
  }
  return launch_error();
}

}  // namespace tamis::gpu
