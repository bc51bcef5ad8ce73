// The order of moe_permute: a block per expert reads all ids twice. First it counts those of lower experts,
// which is where its rows begin, and each wave its own in a run of consecutive ids; then each wave gives its
// copies their rows. No block waits for another, and the result depends on the ids alone.
//
// E T topk ids are read, from the cache behind memory (33 MB at 256 experts and 4096 tokens of 8): bound by
// that, or at few tokens by the launch. Not measured on a card.
#include "kernels_gpu/common/wave.h"
#include "kernels_gpu/moe_permute/launch.h"

namespace tamis::gpu {
namespace {

constexpr std::int64_t kNoExpert = -1;

__device__ std::int64_t expert_at(const ExpertOrder& args, std::int64_t i) {
  const std::int64_t id = args.ids.data[i / args.topk * args.ids.stride + i % args.topk];
  return id >= 0 && id < args.experts ? id : kNoExpert;
}

__device__ void set_row(const ExpertOrder& args, std::int64_t i, std::int64_t row) {
  args.row_of.data[i / args.topk * args.row_of.stride + i % args.topk] = static_cast<std::int32_t>(row);
}

// The run of ids that this wave has.
struct Run {
  std::int64_t begin, end;
};
__device__ Run run_of_wave(std::int64_t count) {
  const std::int64_t length = (count + waves_per_block() - 1) / waves_per_block(), begin = wave_id() * length;
  return {begin, begin + length < count ? begin + length : count};
}

// Rows for the copies of `expert` in this wave's run, from `row` on.
__device__ void give_rows(const ExpertOrder& args, const Run& run, std::int64_t expert, std::int64_t row) {
  for (std::int64_t tile = run.begin; tile < run.end; tile += wave_size()) {
    const std::int64_t i = tile + lane_id();
    const int taken = i < run.end && expert_at(args, i) == expert ? 1 : 0;
    int before = taken;  // in this lane and those before it
    for (int delta = 1; delta < wave_size(); delta *= 2) {
      const int lower = shuffle_up(before, delta);
      if (lane_id() >= delta) before += lower;
    }
    if (taken != 0) {
      set_row(args, i, row + before - 1);
      args.token_of[row + before - 1] = static_cast<std::int32_t>(i / args.topk);
    }
    row += shuffle(before, wave_size() - 1);
  }
}

// What is the same for all experts, by the block of expert 0: copies that are not made, and the rows behind
// the last.
__device__ void mark_absent(const ExpertOrder& args, std::int64_t used) {
  const std::int64_t count = args.tokens * args.topk;
  for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    if (expert_at(args, i) == kNoExpert) set_row(args, i, -1);
    if (i >= used) args.token_of[i] = -1;
  }
}

__global__ void __launch_bounds__(256) expert_order_kernel(ExpertOrder args) {
  __shared__ int of_wave[kMaxWaves];
  const std::int64_t count = args.tokens * args.topk;
  const Run run = run_of_wave(count);
  for (std::int64_t expert = blockIdx.x; expert < args.experts; expert += gridDim.x) {
    int lower = 0, mine = 0, valid = 0;
    for (std::int64_t i = run.begin + lane_id(); i < run.end; i += wave_size()) {
      const std::int64_t id = expert_at(args, i);
      lower += id != kNoExpert && id < expert ? 1 : 0;
      mine += id == expert ? 1 : 0;
      valid += id != kNoExpert ? 1 : 0;
    }
    mine = wave_reduce<Sum>(mine);
    if (lane_id() == 0) of_wave[wave_id()] = mine;
    const std::int64_t begin = block_reduce<Sum>(lower), used = block_reduce<Sum>(valid);
    std::int64_t row = begin, end = begin;
    for (int wave = 0; wave < waves_per_block(); ++wave) {
      if (wave == wave_id()) row = end;
      end += of_wave[wave];
    }
    __syncthreads();  // of_wave is read before the next expert writes it
    if (mine > 0) give_rows(args, run, expert, row);
    if (threadIdx.x == 0) args.offsets.data[expert + 1] = static_cast<std::int32_t>(end);
    if (expert != 0) continue;
    if (threadIdx.x == 0) args.offsets.data[0] = 0;
    mark_absent(args, used);
  }
}

}  // namespace

Error launch_expert_order(const ExpertOrder& args, Stream stream) {
  const unsigned threads = args.tokens * args.topk <= 1024 ? 64 : 256;
  TAMIS_LAUNCH(expert_order_kernel, dim3(grid_of(args.experts)), dim3(threads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
