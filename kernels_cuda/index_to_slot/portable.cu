// One thread an index, a block per 256 indices of a token. 8 bytes an index and the page table, which stays
// in the cache: bound by memory. indexer_topk maps what it chooses itself.
#include "kernels_cuda/index_to_slot/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kThreads = 256;

__device__ std::int64_t slot_of(const IndexToSlotArgs& args, std::int64_t token, std::int64_t position) {
  if (position < 0) return -1;
  if (args.page_table == nullptr) {
    const std::int64_t start = args.row_start != nullptr ? args.row_start[token] : 0;
    return start < 0 ? -1 : start + position;
  }
  const std::int64_t sequence = args.seq_of_token != nullptr ? args.seq_of_token[token] : 0;
  const std::int64_t page_index = position / args.page_size;
  if (sequence < 0 || sequence >= args.sequences || page_index >= args.pages_per_sequence) return -1;
  const std::int64_t page = args.page_table[sequence * args.page_table_stride + page_index];
  return page < 0 ? -1 : page * args.page_size + position % args.page_size;
}

__global__ void index_to_slot_kernel(IndexToSlotArgs args, unsigned blocks_per_token) {
  const std::int64_t token = blockIdx.x / blocks_per_token;
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x % blocks_per_token) * kThreads + threadIdx.x;
  if (i >= args.k) return;
  const std::int64_t slot = slot_of(args, token, args.idx[token * args.idx_stride + i]);
  args.slots[token * args.slots_stride + i] = slot > 0x7fffffff ? -1 : static_cast<std::int32_t>(slot);
}

}  // namespace

cudaError_t index_to_slot_portable(const IndexToSlotArgs& args, cudaStream_t stream) {
  const std::int64_t per_token = (args.k + kThreads - 1) / kThreads;
  if (args.tokens * per_token == 0) return cudaSuccess;
  index_to_slot_kernel<<<static_cast<unsigned>(args.tokens * per_token), kThreads, 0, stream>>>(
      args, static_cast<unsigned>(per_token));
  return cudaGetLastError();
}

}  // namespace tamis::cuda
