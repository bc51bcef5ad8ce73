// embed: a thread per element of y. T rows of the table read, T written: bound by memory, or by the launch
// for few tokens. Not measured on a card.
#include "kernels_gpu/common/plane_rows.h"
#include "kernels_gpu/common/product_operands.h"
#include "kernels_gpu/embed/launch.h"

namespace tamis::gpu {
namespace {

template <Element element>
__global__ void __launch_bounds__(256) embed_kernel(Embed args) {
  const std::int64_t i = sheet_column();
  if (i >= args.width) return;
#pragma unroll 1
  for (std::int64_t t = blockIdx.y; t < args.tokens; t += gridDim.y) {
    const std::int64_t id = args.ids.data[t * args.ids.stride], row = id - args.first;
    if (row >= 0 && row < args.table.count) {
      store_element(args.y, t, i, load_weight<element>(args.table, row, i));
    } else if (args.zeros && (id < 0 || id >= args.vocabulary)) {
      store_element(args.y, t, i, 0.0f);
    }
  }
}

template <Element element>
void launch(const Embed& args, Stream stream) {
  const Sheet sheet = sheet_of(args.tokens, args.width);
  TAMIS_LAUNCH(embed_kernel<element>, dim3(sheet.columns, sheet.rows), dim3(sheet.threads), 0, stream, args);
}

}  // namespace

Error launch_embed(const Embed& args, Stream stream) {
  if (args.tokens == 0 || args.width == 0) return kNoError;
  switch (args.table.rows.element) {
    case Element::kF32: launch<Element::kF32>(args, stream); break;
    case Element::kBF16: launch<Element::kBF16>(args, stream); break;
    case Element::kF16: launch<Element::kF16>(args, stream); break;
    case Element::kE4M3: launch<Element::kE4M3>(args, stream); break;
  }
  return launch_error();
}

}  // namespace tamis::gpu
