// Products of bf16 or e4m3 rows with e4m3 weights (layout row_scales) on AMD's matrix instructions. A block
// of four waves makes 32 rows of y, on gfx9 64 where an expert has more of bf16, by 256 (gfx9), 128 (gfx12)
// or 64 outputs. Weights go from memory to the lanes that multiply them, 64 or (gfx11) 128 bytes of an
// output, those of one block of outputs under way while another's are multiplied; rows of x pass through
// local memory, 128 columns at a time. Rows of x are the rows of the products, so that a lane stores
// neighbouring outputs.
//
// e4m3 is widened exactly: both sides to f16 where x is codes, else to bf16 as x is; fp8_tile.h, which has
// much of this, is for instructions that take codes. Sums are fp32, and every
// 128 columns join the totals times the scales of the row of x and of the output. A row's sums do not depend
// on its neighbours. A NaN code of a weight reads as 480: checkpoints have none.
//
// 2 M N K FLOP, and N K bytes of weights for each 32 rows of an expert: bound by memory up to some 64 rows an
// expert, then by widening (4 vector instructions a pair of codes, for 32 or 64 rows) or the matrix unit. 8.3
// or 16.5 KB of local memory.
#pragma once

#include "kernels_gpu/moe_grouped_gemm/expert_rows.h"
#include "kernels_hip/common/matrix_core.h"
#include "kernels_hip/common/widen.h"
#include "kernels_hip/moe_grouped_gemm/launch.h"

namespace tamis::hip {

inline constexpr int kProductWaves = 4;
inline constexpr int kProductRows = 32;  // of y
inline constexpr int kManyProductRows = 64;
inline constexpr int kProductColumns = 128;  // of K in a stage: those that share a scale
static_assert(kProductColumns == gpu::kQuantGroup);
inline constexpr int kProductRuns = kProductColumns / kRun;

// I: of the type that both sides have or are widened to; f16 and e4m3 say that x is codes.
template <class I, int rows>
struct ProductShape {
  static constexpr bool kCodes = I::kElement == Element::kE4M3;  // not widened
  static constexpr Element kX = kCodes || I::kElement == Element::kF16 ? Element::kE4M3 : Element::kBF16;
  static constexpr int kThreads = kProductWaves * I::kLanes;
  // Of a wave: two, but on gfx11, where a lane holds a whole row of each.
  static constexpr int kOutputBlocks = I::kGroups == 1 ? 1 : 2;
  static constexpr int kWaveOutputs = kOutputBlocks * I::kLines;
  static constexpr int kOutputs = kProductWaves * kWaveOutputs;
  static constexpr int kRowBlocks = rows / I::kLines;
  static constexpr int kColumns = kProductColumns / I::kGroups;  // of a lane
  static constexpr int kRuns = kColumns / kRun;
  static constexpr int kRunVectors = kCodes ? 1 : 2;  // of 16 bytes
  static constexpr int kVectors = kRuns * kRunVectors;
  static constexpr int kStepWords = I::kEach / (kCodes ? 4 : 2);
  static constexpr int kFetches = (rows * kProductRuns + kThreads - 1) / kThreads;
};

template <class I, int rows>
struct ProductStage {
  using S = ProductShape<I, rows>;
  Quad x[S::kRowBlocks][S::kVectors][I::kLines * I::kGroups];
  float scales[rows];  // by block, then in the order of the registers of sums
};
// Neighbouring runs lie in different banks.
template <class I, int rows>
__device__ __forceinline__ int row_slot(int line, int group, int vector) {
  using S = ProductShape<I, rows>;
  const int run = group * S::kRuns + vector / S::kRunVectors;
  return (group * I::kLines + line) ^ run;
}

// The product of an expert's rows with its weight, as one block's threads see it.
template <class I, int rows>
struct ProductBlock {
  using S = ProductShape<I, rows>;
  using Sums = typename I::Sums;
  static constexpr int kRows = rows, kStages = 1;
  const gpu::Product& p;
  std::int64_t first_row, first_output;  // of the wave's outputs
  // Where this thread reads x, a row in each of its fetches; and the scales of row threadIdx.x. Rows and
  // outputs that are not there are read as the last ones, and not stored: loads without a branch leave the
  // registers to the compiler.
  const unsigned char* x[S::kFetches];
  const float* x_scales = nullptr;      // of codes
  unsigned w[S::kOutputBlocks];         // bytes from the expert's first weight to the lane's
  unsigned w_scales[S::kOutputBlocks];  // floats from the expert's first scale

  __device__ __forceinline__ ProductBlock(const gpu::Product& product, std::int64_t row, std::int64_t output)
      : p(product), first_row(row), first_output(output + gpu::wave_id() * S::kWaveOutputs) {
    const auto thread = static_cast<int>(threadIdx.x);
#pragma unroll
    for (int i = 0; i < S::kFetches; ++i) {
      x[i] = static_cast<const unsigned char*>(p.x.rows.data) +
             (x_row((thread + i * S::kThreads) / kProductRuns % rows) * p.x.rows.stride +
              thread % kProductRuns * kRun) *
                 Run<S::kX>::kBytes;
    }
    if constexpr (S::kX == Element::kE4M3) x_scales = p.x.scales + x_row(thread % rows) * p.x.groups;
#pragma unroll
    for (int block = 0; block < S::kOutputBlocks; ++block) {
      std::int64_t j = first_output + block * I::kLines + I::line(gpu::lane_id());
      if (j >= p.w.count) j = p.w.count - 1;
      w[block] = static_cast<unsigned>(j * p.w.rows.stride) + I::group(gpu::lane_id()) * S::kColumns;
      w_scales[block] = static_cast<unsigned>(j * p.w.scale_stride);
    }
  }
  __device__ __forceinline__ std::int64_t x_row(int i) const {
    const std::int64_t t = first_row + i;
    return gpu::source_row(p.x, t < p.tokens ? t : p.tokens - 1);
  }

  __device__ __forceinline__ void fetch_x(int column, Run<S::kX> (&runs)[S::kFetches]) const {
#pragma unroll
    for (int i = 0; i < S::kFetches; ++i) {
      runs[i] = load_run<S::kX>(x[i] + static_cast<std::int64_t>(column) * Run<S::kX>::kBytes);
    }
  }
  __device__ __forceinline__ void fetch_w(int column, int block,
                                          Run<Element::kE4M3> (&runs)[S::kRuns]) const {
    const auto* first = static_cast<const unsigned char*>(p.w.rows.data) + column;
#pragma unroll
    for (int i = 0; i < S::kRuns; ++i) runs[i] = load_run<Element::kE4M3>(first + w[block] + i * kRun);
  }
  __device__ __forceinline__ void put(int column, const Run<S::kX> (&runs)[S::kFetches],
                                      ProductStage<I, rows>& stage) const {
    const auto thread = static_cast<int>(threadIdx.x);
#pragma unroll
    for (int i = 0; i < S::kFetches; ++i) {
      const int at = thread + i * S::kThreads, row = at / kProductRuns, first = at % kProductRuns * kRun;
      if (at >= rows * kProductRuns) break;
      unsigned words[8];
      if constexpr (S::kX == Element::kE4M3) {
        widen_f16<true>(runs[i], words);
      } else {
        widen(runs[i], words);
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int vector = first % S::kColumns / 8 + half;
        const int slot = row_slot<I, rows>(row % I::kLines, first / S::kColumns, vector);
        stage.x[row / I::kLines][vector][slot] = {words[half * 4], words[half * 4 + 1], words[half * 4 + 2],
                                                  words[half * 4 + 3]};
      }
    }
    if constexpr (S::kX == Element::kE4M3) {
      if (thread >= rows) return;
      const int row = thread % I::kLines;
      stage.scales[thread - row + I::sum_group(row) * I::kSums + I::sum_register(row)] =
          x_scales[column / kProductColumns];
    }
  }

  // The lane's weights of one block of outputs times a stage, into the totals.
  __device__ __forceinline__ void multiply(int column, const ProductStage<I, rows>& stage, int block,
                                           const Run<Element::kE4M3> (&runs)[S::kRuns],
                                           Sums (&totals)[S::kRowBlocks][S::kOutputBlocks]) const {
    // Read again for each block of outputs: kept for both, a stage takes 128 registers.
    const int lane = here(gpu::lane_id()), line = I::line(lane), group = I::group(lane);
    const float* scales = p.w.scales + p.w.first_row * p.w.scale_stride;
    const float scale = scales[w_scales[block] + column / kProductColumns];
    Sums parts[S::kRowBlocks] = {};
#pragma unroll
    for (int run = 0; run < S::kRuns; ++run) {
      unsigned words[8];
      if constexpr (S::kX == Element::kE4M3) {
        widen_f16<false>(runs[run], words);
      } else {
        widen<false>(runs[run], words);
      }
#pragma unroll
      for (int t = 0; t < S::kRowBlocks; ++t) {
        unsigned a[8];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const int vector = run * 2 + half;
          const Quad part = stage.x[t][vector][row_slot<I, rows>(line, group, vector)];
          a[half * 4] = part.x, a[half * 4 + 1] = part.y, a[half * 4 + 2] = part.z, a[half * 4 + 3] = part.w;
        }
#pragma unroll
        for (int i = 0; i < 8; i += S::kStepWords) I::multiply(a + i, words + i, parts[t]);
      }
      if (I::kGroups > 1 && rows == kProductRows && run % 2 == 0) continue;
#pragma unroll
      for (int t = 0; t < S::kRowBlocks; ++t) settle(parts[t]);
      schedule_barrier();
    }
    const int of_lane = lane / I::kLines * I::kSums;
#pragma unroll
    for (int t = 0; t < S::kRowBlocks; ++t) {
#pragma unroll
      for (int r = 0; r < I::kSums; ++r) {
        float both = scale;
        if constexpr (S::kX == Element::kE4M3) both *= stage.scales[t * I::kLines + of_lane + r];
        totals[t][block][r] = gpu::multiply_add(parts[t][r], both, totals[t][block][r]);
      }
    }
  }

  // One loop per type: with the choice inside, the loop is too long to be unrolled, and registers have no
  // index.
  template <Element element>
  __device__ __forceinline__ void store(const Sums (&totals)[S::kRowBlocks][S::kOutputBlocks]) const {
    const int lane = here(gpu::lane_id());  // else 64 addresses are computed before the products
#pragma unroll
    for (int t = 0; t < S::kRowBlocks; ++t) {
#pragma unroll
      for (int block = 0; block < S::kOutputBlocks; ++block) {
        const std::int64_t j = first_output + block * I::kLines + I::sum_column(lane);
#pragma unroll
        for (int r = 0; r < I::kSums; ++r) {
          const std::int64_t row = first_row + t * I::kLines + I::sum_row(lane, r);
          if (row >= p.tokens || j >= p.w.count) continue;
          gpu::store_element(element, p.y.data, row * p.y.stride + j, totals[t][block][r]);
        }
      }
    }
  }
  __device__ __forceinline__ void store(const Sums (&totals)[S::kRowBlocks][S::kOutputBlocks]) const {
    switch (p.y.element) {
      case Element::kBF16: return store<Element::kBF16>(totals);
      case Element::kF16: return store<Element::kF16>(totals);
      default: return store<Element::kF32>(totals);
    }
  }

  // Weights of a block of outputs are fetched again as soon as they are multiplied, while the other block is.
  __device__ __forceinline__ void run(ProductStage<I, rows> (&stages)[kStages]) const {
    ProductStage<I, rows>& stage = stages[0];
    Sums totals[S::kRowBlocks][S::kOutputBlocks] = {};
    Run<S::kX> x_runs[S::kFetches];
    Run<Element::kE4M3> w_runs[S::kOutputBlocks][S::kRuns];
    fetch_x(0, x_runs);
#pragma unroll
    for (int block = 0; block < S::kOutputBlocks; ++block) fetch_w(0, block, w_runs[block]);
    put(0, x_runs, stage);
    __syncthreads();
    for (int column = 0; column < p.k; column += kProductColumns) {
      const int next = column + kProductColumns;
      if (next < p.k) fetch_x(next, x_runs);
#pragma unroll
      for (int block = 0; block < S::kOutputBlocks; ++block) {
        multiply(column, stage, block, w_runs[block], totals);
        if (next < p.k) fetch_w(next, block, w_runs[block]);
        schedule_barrier();
      }
      __syncthreads();
      if (next < p.k) put(next, x_runs, stage);
      __syncthreads();
    }
    store(totals);
  }
};

// Grid: outputs along x, experts along y, tiles of rows along z.
template <class Block, class Stage, class... More>
__device__ __forceinline__ void multiply_experts(const gpu::GroupedGemm& args,
                                                 Stage (&stages)[Block::kStages], More... more) {
  // Packed weights lie in one piece.
  const std::int64_t outputs = args.w.rows_per_group, expert = blockIdx.y;
  const gpu::WeightPart part{gpu::rows_from<Element::kE4M3>(args.w.rows, expert * outputs, outputs), expert,
                             0};
  const std::int64_t output = static_cast<std::int64_t>(blockIdx.x) * Block::S::kOutputs;
  if (output >= part.rows.count) return;
  const gpu::ExpertRows range =
      args.offsets == nullptr ? gpu::ExpertRows{0, args.rows} : gpu::rows_of_expert(args, part.group);
  const gpu::Product product = gpu::expert_product(args, part, range);
  for (std::int64_t row = static_cast<std::int64_t>(blockIdx.z) * Block::kRows; row < product.tokens;
       row += static_cast<std::int64_t>(gridDim.z) * Block::kRows) {
    Block(product, row, output).run(stages, more...);
  }
}

template <class I, int rows>
__global__ void __launch_bounds__(kProductWaves* I::kLanes, 2) matrix_product_kernel(gpu::GroupedGemm args) {
  if constexpr (I::kHere) {
    using Block = ProductBlock<I, rows>;
    __shared__ ProductStage<I, rows> stages[Block::kStages];
    multiply_experts<Block>(args, stages);
  }
}

template <class I, int rows>
dim3 product_grid(const gpu::GroupedGemm& args) {
  constexpr int kOutputs = ProductShape<I, rows>::kOutputs;
  const auto columns = static_cast<unsigned>((args.n + kOutputs - 1) / kOutputs);
  // Twice what an expert has on average; those with more loop.
  const unsigned tiles = gpu::grid_of(2 * args.rows / (args.experts * rows) + 1, 1024);
  return dim3(columns, static_cast<unsigned>(args.w.count), tiles);
}

template <class I, int rows>
void launch_matrix_rows(const gpu::GroupedGemm& args, gpu::Stream stream) {
  TAMIS_LAUNCH((matrix_product_kernel<I, rows>), (product_grid<I, rows>(args)),
               dim3(ProductShape<I, rows>::kThreads), 0, stream, args);
}

template <class F16, class BF16>
gpu::Error launch_matrix_product(const gpu::GroupedGemm& args, gpu::Stream stream) {
  if (args.rows == 0 || args.n == 0 || args.w.count == 0) return gpu::kNoError;
  // 64 rows share what widening a weight takes. On RDNA no estimate says what it would gain.
  constexpr int kMany = BF16::kLanes == 64 ? kManyProductRows : kProductRows;
  if (args.x.rows.element == Element::kE4M3) {
    launch_matrix_rows<F16, kProductRows>(args, stream);
  } else if (args.rows > args.experts * kProductRows) {
    launch_matrix_rows<BF16, kMany>(args, stream);
  } else {
    launch_matrix_rows<BF16, kProductRows>(args, stream);
  }
  return gpu::launch_error();
}

}  // namespace tamis::hip
