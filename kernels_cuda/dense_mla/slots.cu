// The slots of the positions that each token sees: slots[t, j] of position j < ke, -1 where there is none,
// and how many positions those are. A block writes kSpan positions of one token; blocks past the token's last
// position end at once, so the table's width costs little. Bound by the 4 bytes a position that it writes.
#include "kernels_cuda/dense_mla/launch.h"
#include "kernels_gpu/common/caches.h"

namespace tamis::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kSpan = 4 * kThreads;

__global__ void __launch_bounds__(kThreads) slots_kernel(DenseMlaSlotsArgs args, int blocks) {
  const std::int64_t token = blockIdx.x / blocks;
  const int begin = static_cast<int>(blockIdx.x % blocks) * kSpan;
  const std::int64_t sequence = args.sequence.data[token * args.sequence.stride];
  const bool exists = sequence >= 0 && sequence < args.table.sequences;
  const int seen = exists ? min(args.ke.data[token * args.ke.stride], args.keys) : 0;
  if (begin == 0 && threadIdx.x == 0) args.length[token] = max(seen, 0);
  std::int32_t* slots = args.slots + token * args.keys;
  const int end = min(seen, begin + kSpan);
  for (int j = begin + static_cast<int>(threadIdx.x); j < end; j += kThreads) {
    slots[j] = static_cast<std::int32_t>(gpu::paged_slot(args.table, sequence, j));
  }
}

}  // namespace

cudaError_t dense_mla_slots(const DenseMlaSlotsArgs& args, cudaStream_t stream) {
  if (args.tokens == 0) return cudaSuccess;
  const int blocks = args.keys <= kSpan ? 1 : (args.keys + kSpan - 1) / kSpan;
  slots_kernel<<<static_cast<unsigned>(args.tokens * blocks), kThreads, 0, stream>>>(args, blocks);
  return cudaGetLastError();
}

}  // namespace tamis::cuda
