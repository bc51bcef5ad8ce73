// moe_grouped_gemm for few rows an expert (kernels_gpu/common/decode_product.h), four rows at a time (16 KB
// of local memory). A block has some outputs of one expert. With fewer rows than experts, and the weight in
// one piece, the grid has an entry per row, and the blocks of an expert's first row do its work: 256 experts
// of which 8 are visited would else be 250 times as many blocks that find nothing to do as blocks that do.
//
// Bound by reading the visited experts' weights once per four rows: N K bytes in e4m3 (29.4 MB for 4096 x
// 7168). Not measured on a card.
#include "kernels_gpu/common/decode_product.h"
#include "kernels_gpu/moe_grouped_gemm/expert_rows.h"

namespace tamis::gpu {
namespace {

constexpr int kRows = static_cast<int>(kGroupedDecodeRows);

template <Element element, bool packed>
__global__ void __launch_bounds__(kDecodeThreads) grouped_decode_kernel(GroupedGemm args) {
  __shared__ float xs[kRows][kDecodeChunk];
  std::int64_t part_index = blockIdx.y;
  if (args.w.whole && args.rows < args.experts) {
    part_index = expert_that_begins(args, blockIdx.y);
    if (part_index < 0) return;
  }
  const WeightPart part = part_at<element>(args.w, part_index);
  const std::int64_t block_first = decode_first_row();
  if (block_first >= part.rows.count) return;
  const ExpertRows rows = rows_of_expert(args, part.group);
  const Product product = expert_product(args, part, rows);
  const std::int64_t first = block_first + wave_id() * kDecodeRows;
  for (std::int64_t row = 0; row < product.tokens; row += kRows) {
    decode_product<element, packed, kRows>(product, row, first, xs);
  }
}

template <Element element, bool packed>
void launch(const GroupedGemm& args, Stream stream) {
  const bool by_row = args.w.whole && args.rows < args.experts;
  const dim3 grid(decode_blocks(args.n), static_cast<unsigned>(by_row ? args.rows : args.w.count));
  TAMIS_LAUNCH((grouped_decode_kernel<element, packed>), grid, dim3(kDecodeThreads), 0, stream, args);
}

}  // namespace

Error launch_grouped_gemm_decode(const GroupedGemm& args, Stream stream) {
  if (args.rows == 0 || args.n == 0 || args.w.count == 0) return kNoError;
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
