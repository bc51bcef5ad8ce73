// Exact top-k in one pass over the scores in the usual case. A sample of the row gives a threshold that the k
// best reach with near certainty and 1.5 times as many scores at most; one pass appends what reaches it to
// shared memory (2048 of 64K: 3168 +- 224 candidates), in any order; a search over their keys finds the k-th,
// and bitmaps put the chosen columns in order, ties by the lowest column. Nothing depends on the order of
// appending. When too few or too many reach the threshold, the row is read again: once more for a plateau of
// equal scores, which most overflows are, else four times for a radix select. Few rows: several blocks
// collect a row's parts, a second launch chooses.
//
// Bound by reading the scores once: 0.36 ms for 4096 x 64K at 3 TB/s.
//
// NVIDIA H100 80GB HBM3, 2026-11-22, tamis bench op --device cuda --op topk_select --tokens 1,64,4096: 2048
// of 64K in 22.5 us, 33.4 us and 549 us. Same machine and day, L2 flushed by writing 256 MiB, median of 15:
// 64 x 128K 42 us, 2048 x 128K 494 us; 4096 x 64K of equal scores 1.45 ms, 97 % zeros 1.94 ms.
#include <algorithm>

#include "kernels_cuda/topk_select/choose.cuh"
#include "kernels_cuda/topk_select/collect.cuh"

namespace tamis::cuda {
namespace {

using namespace topk;

// Rows up to 128K columns, and longer ones: candidates and samples a thread. Of 128K columns 3648 +- 340 are
// candidates when k is 2048.
struct ShortRows {
  static constexpr int kCandidates = 10, kSample = 8, kBlocks = 2;
};
struct LongRows {
  static constexpr int kCandidates = 20, kSample = 32, kBlocks = 1;
};
template <class Size>
constexpr int kCapacity = Size::kCandidates* kThreads;

struct Params {
  TopkSelectArgs args;
  SlotMap map;
  int splits;
  std::uint64_t* candidates;  // [rows, splits, capacity]
  float* thresholds;          // [rows]
  std::int32_t* counts;       // [rows, splits]: candidates, or kOverflow
};
constexpr std::int32_t kOverflow = -1;
constexpr int kMostSplits = 256;

__device__ void store(const Params& p, std::int64_t row, const std::int32_t* chosen, std::int32_t count) {
  const SlotMap& map = p.map;
  const int k = p.args.k;
  std::int32_t* idx = p.args.idx + row * p.args.idx_stride;
  const std::int64_t sequence = map.seq_of_token != nullptr ? map.seq_of_token[row] : 0;
  const bool known = sequence >= 0 && sequence < map.sequences;
  const auto page_size = static_cast<unsigned>(map.page_size);
  for (int i = threadIdx.x; i < k; i += kThreads) {
    const std::int32_t position = i >= count ? -1 : chosen != nullptr ? chosen[i] : i;
    idx[i] = position;
    if (map.slots == nullptr) continue;
    std::int64_t slot = -1;
    const std::int64_t page_index = position >= 0 ? static_cast<unsigned>(position) / page_size : 0;
    if (position >= 0 && known && page_index < map.pages_per_sequence) {
      const std::int64_t page = map.page_table[sequence * map.page_table_stride + page_index];
      if (page >= 0) slot = page * page_size + static_cast<unsigned>(position) % page_size;
    }
    map.slots[row * map.slots_stride + i] = slot > 0x7fffffff ? -1 : static_cast<std::int32_t>(slot);
  }
  if (threadIdx.x == 0) p.args.count[row] = count;
}

// Dynamic shared memory: candidates, then the two bitmaps.
struct Views {
  std::uint64_t* candidates;
  std::uint32_t* bits;
};
__device__ __forceinline__ Views views(int capacity) {
  extern __shared__ std::uint64_t dynamic[];
  return {dynamic, reinterpret_cast<std::uint32_t*>(dynamic + capacity)};
}

// `count` candidates reached the threshold, at least k of them unless the sample misled.
template <class Size>
__device__ void finish(const Params& p, std::int64_t row_index, const Row& row, std::int32_t count,
                       float threshold, const Views& v, Shared& s) {
  const int k = p.args.k;
  auto* out = reinterpret_cast<std::int32_t*>(v.candidates);
  if (count >= k && count <= kCapacity<Size>) {
    const std::uint32_t low = row.n <= kCapacity<Size> ? 0 : numeric::sortable_key(threshold);
    choose_candidates<Size::kCandidates>(v.candidates, count, low, k, row.n, v.bits, out, s);
  } else {
    int turn = 0;
    Choice choice{0, 0};
    if (count > kCapacity<Size>) choice = choose_on_plateau(row, threshold, k, s, turn);
    if (choice.equal == 0) choice = choose_in_memory(row, k, s);
    choose_scanned(row, choice, k, v.bits, out, s);
  }
  __syncthreads();
  store(p, row_index, out, k);
}

template <class Size>
__global__ void __launch_bounds__(kThreads, Size::kBlocks) select_rows(const __grid_constant__ Params p) {
  __shared__ Shared s;
  const Views v = views(kCapacity<Size>);
  const std::int64_t row_index = blockIdx.x;
  const Row row = row_of(p.args, row_index);
  if (row.n <= p.args.k) return store(p, row_index, nullptr, row.n);
  if (threadIdx.x == 0) s.count = 0;
  int turn = 0;
  float threshold = 0;
  if (row.n <= kCapacity<Size>) {
    __syncthreads();
    collect_all(row, v.candidates, s);
  } else {
    threshold = sampled_threshold<Size::kSample>(row, p.args.k, s, turn);
    __syncthreads();
    collect(row, 0, row.n, threshold, kCapacity<Size>, v.candidates, s);
  }
  __syncthreads();
  finish<Size>(p, row_index, row, s.count, threshold, v, s);
}

// Part blockIdx.x of row blockIdx.y.
template <class Size>
__global__ void __launch_bounds__(kThreads, 1) collect_parts(const __grid_constant__ Params p) {
  __shared__ Shared s;
  const std::int64_t row_index = blockIdx.y;
  const Row row = row_of(p.args, row_index);
  if (row.n <= kCapacity<Size>) return;
  const Views v = views(kCapacity<Size>);
  if (threadIdx.x == 0) s.count = 0;
  int turn = 0;
  const float threshold = sampled_threshold<Size::kSample>(row, p.args.k, s, turn);
  __syncthreads();
  const auto part = [&](unsigned i) {
    return static_cast<std::int32_t>(static_cast<std::int64_t>(row.n) * i / p.splits);
  };
  collect(row, part(blockIdx.x), part(blockIdx.x + 1), threshold, kCapacity<Size>, v.candidates, s);
  __syncthreads();
  const std::int64_t at = row_index * p.splits + blockIdx.x;
  const bool fits = s.count <= kCapacity<Size>;
  if (threadIdx.x == 0) {
    p.counts[at] = fits ? s.count : kOverflow;
    if (blockIdx.x == 0) p.thresholds[row_index] = threshold;
  }
  if (!fits) return;
  std::uint64_t* out = p.candidates + at * kCapacity<Size>;
  for (int i = threadIdx.x; i < s.count; i += kThreads) out[i] = v.candidates[i];
}

// The candidates of a row's parts, one part after the other; how many, or more than the capacity.
template <int kCapacity>
__device__ std::int32_t gather(const Params& p, std::int64_t row, std::uint64_t* candidates,
                               std::int32_t* counts) {
  for (int part = threadIdx.x; part < p.splits; part += kThreads)
    counts[part] = p.counts[row * p.splits + part];
  __syncthreads();
  std::int32_t total = 0;
  for (int part = 0; part < p.splits; ++part) {
    const std::int32_t count = counts[part];
    if (count == kOverflow || total + count > kCapacity) return kCapacity + 1;
    const std::uint64_t* from = p.candidates + (row * p.splits + part) * kCapacity;
    if (part % kWarps == static_cast<int>(threadIdx.x) / kWarp) {
      for (int i = threadIdx.x % kWarp; i < count; i += kWarp) candidates[total + i] = from[i];
    }
    total += count;
  }
  return total;
}

template <class Size>
__global__ void __launch_bounds__(kThreads, 1) select_collected(const __grid_constant__ Params p) {
  __shared__ Shared s;
  __shared__ std::int32_t counts[kMostSplits];
  const Views v = views(kCapacity<Size>);
  const std::int64_t row_index = blockIdx.x;
  const Row row = row_of(p.args, row_index);
  if (row.n <= p.args.k) return store(p, row_index, nullptr, row.n);
  std::int32_t total = 0;
  float threshold = 0;
  if (row.n <= kCapacity<Size>) {
    collect_all(row, v.candidates, s);
    total = row.n;
  } else {
    threshold = p.thresholds[row_index];
    total = gather<kCapacity<Size>>(p, row_index, v.candidates, counts);
  }
  __syncthreads();
  finish<Size>(p, row_index, row, total, threshold, v, s);
}

template <class Size>
cudaError_t launch(Params p, void* workspace, cudaStream_t stream) {
  constexpr int kBytes = kCapacity<Size> * 8 + 2 * kWords * 4;
  constexpr auto kAttribute = cudaFuncAttributeMaxDynamicSharedMemorySize;
  const auto rows = static_cast<unsigned>(p.args.rows);
  if (p.splits == 1) {
    const cudaError_t error = cudaFuncSetAttribute(select_rows<Size>, kAttribute, kBytes);
    if (error != cudaSuccess) return error;
    select_rows<Size><<<rows, kThreads, kBytes, stream>>>(p);
    return cudaGetLastError();
  }
  p.candidates = static_cast<std::uint64_t*>(workspace);
  p.thresholds = reinterpret_cast<float*>(p.candidates + p.args.rows * p.splits * kCapacity<Size>);
  p.counts = reinterpret_cast<std::int32_t*>(p.thresholds + p.args.rows);
  cudaError_t error = cudaFuncSetAttribute(collect_parts<Size>, kAttribute, kBytes);
  if (error != cudaSuccess) return error;
  collect_parts<Size><<<dim3(static_cast<unsigned>(p.splits), rows), kThreads, kBytes, stream>>>(p);
  error = cudaGetLastError();
  if (error == cudaSuccess) error = cudaFuncSetAttribute(select_collected<Size>, kAttribute, kBytes);
  if (error != cudaSuccess) return error;
  select_collected<Size><<<rows, kThreads, kBytes, stream>>>(p);
  return cudaGetLastError();
}

bool is_long(std::int64_t width, int k) { return k > 2048 || width > 131072; }

}  // namespace

TopkSplit topk_split(std::int64_t rows, std::int64_t width, int k, int multiprocessors) {
  const std::int64_t capacity = is_long(width, k) ? kCapacity<LongRows> : kCapacity<ShortRows>;
  TopkSplit split{1, 0};
  if (rows <= 0 || 2 * rows >= 3 * multiprocessors) return split;
  const std::int64_t most = width / 8192, wanted = 2 * multiprocessors / rows;
  split.splits = static_cast<int>(std::min({wanted, most, std::int64_t{kMostSplits}}));
  if (split.splits <= 1) return {1, 0};
  split.workspace_bytes = rows * (split.splits * (8 * capacity + 4) + 4);
  return split;
}

cudaError_t topk_select_sampled(const TopkSelectArgs& args, const SlotMap& map, const TopkSplit& split,
                                void* workspace, cudaStream_t stream) {
  if (args.rows == 0) return cudaSuccess;
  const Params p{args, map, split.splits, nullptr, nullptr, nullptr};
  return is_long(args.width, args.k) ? launch<LongRows>(p, workspace, stream)
                                     : launch<ShortRows>(p, workspace, stream);
}

}  // namespace tamis::cuda
