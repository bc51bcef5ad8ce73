// Products of e4m3 rows with e4m3 weights on instructions that take the codes of both as they are. Blocks,
// waves and lanes as in tile.h, but of 32 or 64 rows of y: nothing is widened, so 64 fit into the registers.
// A stage of 128 columns of x is filled while the other is multiplied, with one barrier a stage; each run of
// x is read once for both blocks of outputs, and their weights of the next stage are fetched behind it.
//
// gfx942's codes are e4m3fnuz, worth half of e4m3's on both sides (Quantize::fnuz, layout row_scales_fnuz):
// the sums are a quarter, exactly, and the scales of x four times what they are. There a NaN code of a weight
// reads as 480, elsewhere as NaN: checkpoints have none.
//
// 2 M N K FLOP, and N K bytes of weights for each 32 or 64 rows of an expert: bound by memory up to some 128
// rows an expert, then by the matrix unit. 8.4 or 16.6 KB of local memory. No clock was measured.
#pragma once

#include "kernels_hip/moe_grouped_gemm/tile.h"

namespace tamis::hip {

// I: of e4m3.
template <class I, int rows>
struct Fp8Block : ProductBlock<I, rows> {
  using Base = ProductBlock<I, rows>;
  using S = typename Base::S;
  using Sums = typename Base::Sums;
  using Stage = ProductStage<I, rows>;
  using Codes = Run<Element::kE4M3>;
  static constexpr int kStages = 2;
  static constexpr int kRunsOfX = S::kRowBlocks > 2 ? 1 : 2;  // at hand: more do not fit into the registers
  static_assert(S::kFetches * S::kThreads == rows * kProductRuns);

  // A thread's part of x at some column, and of a lane its weights and their scales there.
  struct Rows {
    Codes runs[S::kFetches];
    float scale;  // of row threadIdx.x % rows
  };
  struct Weights {
    Codes runs[S::kRuns][S::kOutputBlocks];
    float scales[S::kOutputBlocks];
  };
  struct Totals {
    Sums sums[S::kRowBlocks][S::kOutputBlocks];
  };

  using Base::Base;

  __device__ __forceinline__ void fetch_rows(int column, Rows& x) const {
    this->fetch_x(column, x.runs);
    x.scale = this->x_scales[column / kProductColumns];
  }
  __device__ __forceinline__ void fetch_run(int column, int run, Weights& w) const {
    const auto* first = static_cast<const unsigned char*>(this->p.w.rows.data) + column + run * kRun;
#pragma unroll
    for (int block = 0; block < S::kOutputBlocks; ++block)
      w.runs[run][block] = load_run<Element::kE4M3>(first + this->w[block]);
  }
  __device__ __forceinline__ void fetch_scales(int column, float (&scales)[S::kOutputBlocks]) const {
    const float* first = this->p.w.scales + this->p.w.first_row * this->p.w.scale_stride;
#pragma unroll
    for (int block = 0; block < S::kOutputBlocks; ++block)
      scales[block] = first[this->w_scales[block] + column / kProductColumns];
  }

  __device__ __forceinline__ static void put_rows(const Rows& x, float worth, Stage& stage) {
    const auto thread = static_cast<int>(threadIdx.x);
#pragma unroll
    for (int i = 0; i < S::kFetches; ++i) {
      const int at = thread + i * S::kThreads, line = at / kProductRuns, run = at % kProductRuns;
      const int vector = run % S::kRuns;
      const int slot = row_slot<I, rows>(line % I::kLines, run / S::kRuns, vector);
      stage.x[line / I::kLines][vector][slot] = x.runs[i].parts[0];
    }
    // All threads of a row write the same.
    const int row = thread % rows, line = row % I::kLines;
    stage.scales[row - line + I::sum_group(line) * I::kSums + I::sum_register(line)] = x.scale * worth;
  }

  // The lane's values of one run of every row block of x.
  __device__ __forceinline__ static void read_run(const Stage& stage, int run, Quad (&x)[S::kRowBlocks]) {
    const int lane = gpu::lane_id();
#pragma unroll
    for (int t = 0; t < S::kRowBlocks; ++t)
      x[t] = stage.x[t][run][row_slot<I, rows>(I::line(lane), I::group(lane), run)];
  }

  __device__ __forceinline__ static void multiply_run(const Quad (&x)[S::kRowBlocks],
                                                      const Codes (&w)[S::kOutputBlocks], Totals& parts) {
#pragma unroll
    for (int i = 0; i < 4; i += S::kStepWords) {
#pragma unroll
      for (int t = 0; t < S::kRowBlocks; ++t) {
        const unsigned a[4] = {x[t].x, x[t].y, x[t].z, x[t].w};
#pragma unroll
        for (int block = 0; block < S::kOutputBlocks; ++block) {
          unsigned b[4];
          __builtin_memcpy(b, w[block].parts, sizeof(b));
          I::multiply(a + i, b + i, parts.sums[t][block]);
        }
      }
    }
    // Else a product may come behind the load of the next weights, which then go elsewhere and are moved at
    // the end of the loop, where all of them are waited for.
#pragma unroll
    for (int t = 0; t < S::kRowBlocks; ++t) {
#pragma unroll
      for (int block = 0; block < S::kOutputBlocks; ++block) settle(parts.sums[t][block]);
    }
  }

  // The products of a stage; and of the weights those at column `next` in place of what was multiplied.
  __device__ __forceinline__ Totals multiply_stage(int next, const Stage& stage, Weights& w) const {
    Totals parts = {};
    Quad x[kRunsOfX][S::kRowBlocks];
    read_run(stage, 0, x[0]);
#pragma unroll
    for (int run = 0; run < S::kRuns; ++run) {
      const int ahead = run + kRunsOfX - 1;
      if (ahead > 0 && ahead < S::kRuns) read_run(stage, ahead, x[ahead % kRunsOfX]);
      schedule_barrier();
      multiply_run(x[run % kRunsOfX], w.runs[run], parts);
      schedule_barrier();
      fetch_run(next, run, w);
    }
    return parts;
  }

  __device__ __forceinline__ static void add_scaled(const Totals& parts, const Stage& stage,
                                                    const float (&w_scales)[S::kOutputBlocks],
                                                    Totals& totals) {
    const int of_lane = gpu::lane_id() / I::kLines * I::kSums;
#pragma unroll
    for (int t = 0; t < S::kRowBlocks; ++t) {
      Sums x_scales;
      __builtin_memcpy(&x_scales, stage.scales + t * I::kLines + of_lane, sizeof(Sums));
#pragma unroll
      for (int block = 0; block < S::kOutputBlocks; ++block) {
        Sums& sums = totals.sums[t][block];
        sums = multiply_add<I::kSums>(parts.sums[t][block], x_scales * w_scales[block], sums);
        settle(sums);
      }
    }
  }

  // What is fetched has a whole stage to come. Behind the last stage the last is fetched again, into what
  // nobody reads: loads without a branch.
  __device__ __forceinline__ void run(Stage (&stages)[kStages], float worth) const {
    const int last = static_cast<int>(this->p.k) - kProductColumns;
    Totals totals = {};
    Rows x;
    Weights w;
    fetch_rows(0, x);
    put_rows(x, worth, stages[0]);
    fetch_rows(last < kProductColumns ? last : kProductColumns, x);
    fetch_scales(0, w.scales);
    // In the order of the loop's, which else waits for as many of them as either order needs.
#pragma unroll
    for (int run = 0; run < S::kRuns; ++run) {
      schedule_barrier();
      fetch_run(0, run, w);
    }
    __syncthreads();
#pragma unroll 1
    for (int column = 0, stage = 0; column <= last; column += kProductColumns, stage ^= 1) {
      const int next = column < last ? column + kProductColumns : last;
      put_rows(x, worth, stages[stage ^ 1]);
      fetch_rows(next < last ? next + kProductColumns : last, x);
      schedule_barrier();
      const Totals parts = multiply_stage(next, stages[stage], w);
      add_scaled(parts, stages[stage], w.scales, totals);
      fetch_scales(next, w.scales);
      __syncthreads();
    }
    this->store(totals.sums);
  }
};

struct Fp8Product {
  gpu::GroupedGemm gemm;
  float worth;  // of a product of two codes, as a multiple of what the instruction takes it for
};

template <class I, int rows>
__global__ void __launch_bounds__(kProductWaves* I::kLanes, 2) fp8_product_kernel(Fp8Product args) {
  if constexpr (I::kHere) {
    using Block = Fp8Block<I, rows>;
    __shared__ typename Block::Stage stages[Block::kStages];
    multiply_experts<Block>(args.gemm, stages, args.worth);
  }
}

template <class I, int rows>
void launch_fp8_rows(const Fp8Product& args, gpu::Stream stream) {
  TAMIS_LAUNCH((fp8_product_kernel<I, rows>), (product_grid<I, rows>(args.gemm)),
               dim3(ProductShape<I, rows>::kThreads), 0, stream, args);
}

template <class I>
gpu::Error launch_fp8_product(const Fp8Product& args, gpu::Stream stream) {
  const gpu::GroupedGemm& gemm = args.gemm;
  if (gemm.rows == 0 || gemm.n == 0 || gemm.w.count == 0) return gpu::kNoError;
  if (gemm.rows > gemm.experts * kProductRows) {
    launch_fp8_rows<I, kManyProductRows>(args, stream);
  } else {
    launch_fp8_rows<I, kProductRows>(args, stream);
  }
  return gpu::launch_error();
}

}  // namespace tamis::hip
