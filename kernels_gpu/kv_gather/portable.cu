// kv_gather: a wave per output row, which finds the row's sequence by summing the lengths and copies one
// cache row. Bytes: `total` cache rows read, as many output rows written (1728 bytes a row from packed FP8 to
// bf16 at C 512, R 64): bound by memory. Not measured on a card.
#include "kernels_gpu/common/caches.h"
#include "kernels_gpu/common/sequences.h"
#include "kernels_gpu/kv_gather/launch.h"

namespace tamis::gpu {
namespace {

constexpr unsigned kThreads = 256;

template <Element element>
__global__ void __launch_bounds__(kThreads) kv_gather_kernel(KvGather args) {
  const std::int64_t waves = static_cast<std::int64_t>(gridDim.x) * waves_per_block();
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * waves_per_block() + wave_id();
  for (std::int64_t row = first; row < args.total; row += waves) {
    const SequenceRow at = sequence_of_row(args.lengths, args.table.sequences, row);
    std::int64_t slot = paged_slot(args.table, at.sequence, at.position);
    if (slot >= args.cache.slots) slot = -1;
#pragma unroll 1
    for (std::int64_t i = lane_id(); i < args.cache.c + args.cache.r; i += wave_size()) {
      const float value = slot < 0 ? 0.0f : load_latent<element>(args.cache, slot, i);
      if (i < args.cache.c) {
        store_element(args.latent, row, i, value);
      } else {
        store_element(args.rope, row, i - args.cache.c, value);
      }
    }
  }
}

template <Element element>
void launch_rows(const KvGather& args, Stream stream) {
  const std::int64_t rows_per_block = kThreads / 64;  // at least: waves of 32 are twice as many
  const dim3 grid(grid_of((args.total + rows_per_block - 1) / rows_per_block));
  TAMIS_LAUNCH(kv_gather_kernel<element>, grid, dim3(kThreads), 0, stream, args);
}

}  // namespace

Error launch_kv_gather(const KvGather& args, Stream stream) {
  if (args.total == 0) return kNoError;
  switch (args.cache.element) {
    case Element::kBF16: launch_rows<Element::kBF16>(args, stream); break;
    case Element::kE4M3: launch_rows<Element::kE4M3>(args, stream); break;
    default: launch_rows<Element::kF32>(args, stream);
  }
  return launch_error();
}

}  // namespace tamis::gpu
