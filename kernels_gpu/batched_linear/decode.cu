// batched_linear for few tokens. w [h, N, K]: kernels_gpu/common/decode_product.h. w [h, K, N]: a thread per
// output column, so that a wave reads neighbouring elements of each row of w, and the activations of four
// tokens from local memory (16 KB).
//
// Bound by reading the weight once per four tokens: h N K elements (8.4 MB in e4m3 for 128 heads of 128 x
// 512). Not measured on a card.
#include "kernels_gpu/batched_linear/operands.h"
#include "kernels_gpu/common/decode_product.h"

namespace tamis::gpu {
namespace {

constexpr int kTokens = static_cast<int>(kBatchedDecodeTokens);

template <Element element, bool packed>
__global__ void __launch_bounds__(kDecodeThreads) batched_decode_kernel(BatchedLinear args) {
  __shared__ float xs[kTokens][kDecodeChunk];
  const WeightPart part = part_at<element>(args.w, blockIdx.y);
  const std::int64_t block_first = decode_first_row();
  if (block_first >= part.rows.count) return;
  Product product = head_product(args, part.group, part.first);
  product.w = part.rows;
  const std::int64_t first = block_first + wave_id() * kDecodeRows;
  for (std::int64_t token = static_cast<std::int64_t>(blockIdx.z) * kTokens; token < args.tokens;
       token += static_cast<std::int64_t>(gridDim.z) * kTokens) {
    decode_product<element, packed, kTokens>(product, token, first, xs);
  }
}

// Adds w's rows [0, product.k), which meet the columns of x from x_column on, for output j.
template <Element element>
__device__ void add_rows(const Product& product, std::int64_t x_column, std::int64_t token, bool inside,
                         std::int64_t j, float (&xs)[kTokens][kDecodeChunk], float (&sums)[kTokens]) {
  for (std::int64_t k0 = 0; k0 < product.k; k0 += kDecodeChunk) {
    __syncthreads();
#pragma unroll 1
    for (int t = 0; t < kTokens; ++t) {
      for (int c = static_cast<int>(threadIdx.x); c < kDecodeChunk && k0 + c < product.k;
           c += static_cast<int>(blockDim.x)) {
        const std::int64_t row = token + t;
        xs[t][c] = row < product.tokens ? load_activation(product.x, row, x_column + k0 + c) : 0.0f;
      }
    }
    __syncthreads();
    const int count = static_cast<int>(product.k - k0 < kDecodeChunk ? product.k - k0 : kDecodeChunk);
    if (!inside) continue;
#pragma unroll 2
    for (int c = 0; c < count; ++c) {
      const float w = load_weight<element>(product.w, k0 + c, j);
      for (int t = 0; t < kTokens; ++t) sums[t] = multiply_add(w, xs[t][c], sums[t]);
    }
  }
}

template <Element element>
__global__ void __launch_bounds__(kDecodeThreads) batched_decode_transposed_kernel(BatchedLinear args) {
  __shared__ float xs[kTokens][kDecodeChunk];
  const std::int64_t head = args.first_head + blockIdx.y;
  const std::int64_t j = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  Product product = head_product(args, head, 0);
  for (std::int64_t token = static_cast<std::int64_t>(blockIdx.z) * kTokens; token < args.tokens;
       token += static_cast<std::int64_t>(gridDim.z) * kTokens) {
    float sums[kTokens] = {};
    const int parts = args.w.whole ? 1 : args.w.count;
#pragma unroll 1
    for (int i = 0; i < parts; ++i) {
      const WeightPart part = part_at<element>(args.w, args.w.whole ? head : i);
      if (part.group != head) continue;
      product.w = part.rows;
      product.k = part.rows.count;
      add_rows<element>(product, part.first, token, j < args.n, j, xs, sums);
    }
    for (int t = 0; t < kTokens; ++t) {
      if (j < args.n && token + t < args.tokens) store_element(product.y, token + t, j, sums[t]);
    }
  }
}

template <Element element, bool packed>
void launch(const BatchedLinear& args, Stream stream) {
  const unsigned tokens = grid_of((args.tokens + kTokens - 1) / kTokens, kMaxGridY);
  if (args.transposed) {
    const unsigned threads = args.n <= 64 ? 64 : args.n <= 128 ? 128 : kDecodeThreads;
    const dim3 grid(static_cast<unsigned>((args.n + threads - 1) / threads),
                    static_cast<unsigned>(args.heads), tokens);
    TAMIS_LAUNCH(batched_decode_transposed_kernel<element>, grid, dim3(threads), 0, stream, args);
  } else {
    const dim3 grid(decode_blocks(args.n), static_cast<unsigned>(args.w.count), tokens);
    TAMIS_LAUNCH((batched_decode_kernel<element, packed>), grid, dim3(kDecodeThreads), 0, stream, args);
  }
}

}  // namespace

Error launch_batched_linear_decode(const BatchedLinear& args, Stream stream) {
  if (args.tokens == 0 || args.n == 0 || args.w.count == 0) return kNoError;
  switch (args.w.element()) {
    case Element::kF32: launch<Element::kF32, false>(args, stream); break;
    case Element::kBF16: launch<Element::kBF16, false>(args, stream); break;
    case Element::kF16: launch<Element::kF16, false>(args, stream); break;
    case Element::kE4M3:
      if (args.packed) {
        launch<Element::kE4M3, true>(args, stream);
      } else {
        launch<Element::kE4M3, false>(args, stream);
      }
      break;
  }
  return launch_error();
}

}  // namespace tamis::gpu
