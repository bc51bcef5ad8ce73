// Copies of rows: a thread per unit of up to 16 bytes, neighbours side by side. Every byte is read and
// written once: bound by memory, or by the launch when rows are few. Not measured on a card.
#include "kernels_gpu/common/copy_rows.h"
#include "kernels_gpu/common/plane_rows.h"

namespace tamis::gpu {
namespace {

template <class Unit>
__device__ Unit load_unit(const CopyRows& args, std::int64_t row, std::int64_t i) {
  const CopySource& source = i < args.first.width ? args.first : args.second;
  const std::int64_t column = i < args.first.width ? i : i - args.first.width;
  return static_cast<const Unit*>(source.rows.data)[row_offset(source.rows, row) + column];
}

template <class Unit>
__global__ void __launch_bounds__(256) copy_rows_kernel(CopyRows args) {
  const std::int64_t i = sheet_column();
  if (i >= args.first.width + args.second.width) return;
  for (std::int64_t r = blockIdx.y; r < args.rows; r += gridDim.y) {
    const std::int64_t row = args.index.data != nullptr ? args.index.data[r * args.index.stride] : r;
    Unit value = {};
    if (row >= 0 && row < args.source_rows) value = load_unit<Unit>(args, row, i);
    static_cast<Unit*>(args.to.data)[row_offset(args.to, r) + i] = value;
  }
}

template <class Unit>
void launch(const CopyRows& args, Stream stream) {
  const Sheet sheet = sheet_of(args.rows, args.first.width + args.second.width);
  TAMIS_LAUNCH(copy_rows_kernel<Unit>, dim3(sheet.columns, sheet.rows), dim3(sheet.threads), 0, stream, args);
}

}  // namespace

Error launch_copy_rows(const CopyRows& args, Stream stream) {
  if (args.rows == 0 || args.first.width + args.second.width == 0) return kNoError;
  switch (args.unit) {
    case 16: launch<uint4>(args, stream); break;
    case 4: launch<std::uint32_t>(args, stream); break;
    case 2: launch<std::uint16_t>(args, stream); break;
    default: launch<std::uint8_t>(args, stream); break;
  }
  return launch_error();
}

}  // namespace tamis::gpu
