#include "backends/cpu/kernels/mha_prefill/bf16_prefill.h"

#include "backends/cpu/kernels/common/attention_tile.h"
#include "backends/cpu/kernels/mha_prefill/prefill_call.h"
#include "backends/cpu/kernels/product/bf16.h"
#include "backends/cpu/kernels/sparse_mla/bf16_kernels.h"

#if defined(__x86_64__)
namespace tamis::cpu::prefill {
namespace {

using namespace mha_prefill_operand;
using mla::kBlockKeys;
using numeric::SoftmaxState;

constexpr std::int64_t kTokens = 256;  // of a task; fewer where threads would have fewer than four tasks each
constexpr std::int64_t kQueries = 64;  // multiplied at a time: what none of them sees is left out
constexpr const mla::Bf16AttentionKernels& kKernels = mla::kAttentionAvx512Bf16;
constexpr std::int64_t kValueStride = kBlockKeys * 16 + 32;  // as in sparse_mla/bf16_attention.cpp

// Where a thread's memory lies; sizes in bytes, multiples of 64.
struct Memory {
  std::int64_t keys, values, scores, weights, outputs, states;

  explicit Memory(const Sizes& sizes)
      : keys(2 * kBlockKeys * (sizes.nope + sizes.rope)),
        values(2 * sizes.value / 16 * kValueStride),
        scores(4 * kQueries * kBlockKeys),
        weights(2 * kQueries * kBlockKeys),
        outputs(4 * kTokens * sizes.value),
        states(std::int64_t{sizeof(SoftmaxState)} * kTokens) {}

  std::int64_t bytes() const { return keys + values + scores + weights + outputs + states; }
};

class Task {
 public:
  Task(const OpCall& call, const Sizes& sizes, std::byte* at)
      : call_(call), sizes_(sizes), scale_(call.as<MhaPrefillParams>().scale) {
    const Memory memory(sizes);
    const auto take = [&](auto*& pointer, std::int64_t bytes) {
      pointer = reinterpret_cast<std::remove_reference_t<decltype(pointer)>>(at);
      at += bytes;
    };
    take(keys_, memory.keys);
    take(values_, memory.values);
    take(scores_, memory.scores);
    take(weights_, memory.weights);
    take(outputs_, memory.outputs);
    take(states_, memory.states);
  }

  void attend(const TokenRun& run, std::int64_t head) {
    head_ = head;
    std::fill_n(outputs_, run.count * sizes_.value, 0.0f);
    std::fill_n(states_, run.count, SoftmaxState{});
    const RunKeys keys(call_, sizes_, run);
    // Blocks begin at multiples of kBlockKeys whatever the run, so that a token's result does not depend on
    // its neighbours.
    for (std::int64_t block = 0; block < keys.end; block += kBlockKeys) {
      const std::int64_t n = std::min(kBlockKeys, keys.end - block);
      widen(keys.start + block, n);
      fetch(keys.start + block + n, std::min(kBlockKeys, keys.end - block - n));
      for (std::int64_t t = 0; t < run.count; t += kQueries) {
        attend_block({run.first + t, t, std::min(kQueries, run.count - t)}, keys, block);
      }
    }
    store(run);
  }

 private:
  struct Queries {
    std::int64_t token;  // the first
    std::int64_t row;    // its place in the run
    std::int64_t count;
  };

  void attend_block(const Queries& queries, const RunKeys& keys, std::int64_t block) {
    std::int64_t visible[kQueries], n = 0;
    for (std::int64_t t = 0; t < queries.count; ++t) {
      visible[t] = keys.visible(queries.token + t, block, kBlockKeys);
      n = std::max(n, visible[t]);
    }
    if (n == 0) return;
    score(queries, n);
    for (std::int64_t t = 0; t < queries.count; ++t) weigh(t, queries.row + t, visible[t]);
    accumulate(queries, n);
  }

  void widen(std::int64_t first, std::int64_t n) {
    const Tensor &nope = call_[kKNope], &rope = call_[kKRope], &value = call_[kV];
    for (std::int64_t i = 0; i < ceil_div(n, 32) * 32; i += kBlockRows) {
      BlockRows nopes{}, ropes{};
      const std::byte* values[kBlockRows] = {};
      for (std::int64_t k = 0; k < std::min(kBlockRows, n - i); ++k) {
        const std::int64_t key = first + i + k;
        nopes.rows[k] = row_address(nope, key, head_);
        ropes.rows[k] = row_address(rope, key);
        values[k] = row_address(value, key, head_);
      }
      nopes.format = ropes.format = WeightFormat::kBF16;
      nopes.cols = sizes_.nope;
      ropes.cols = sizes_.rope;
      std::uint16_t* keys = keys_ + i * (sizes_.nope + sizes_.rope);
      kBf16Avx512.widen(nopes, keys);
      kBf16Avx512.widen(ropes, keys + sizes_.nope * kBlockRows);
      kKernels.widen_values({values, kBlockRows, sizes_.value, WeightFormat::kBF16}, values_ + i * 16,
                            kValueStride);
    }
  }

  void fetch(std::int64_t first, std::int64_t n) const {
    const auto row = [](const std::byte* at, std::int64_t columns) {
      for (std::int64_t byte = 0; byte < 2 * columns; byte += 64) __builtin_prefetch(at + byte, 0, 2);
    };
    for (std::int64_t key = first; key < first + n; ++key) {
      row(row_address(call_[kKNope], key, head_), sizes_.nope);
      row(row_address(call_[kV], key, head_), sizes_.value);
    }
  }

  void score(const Queries& queries, std::int64_t n) {
    const std::int64_t width = sizes_.nope + sizes_.rope, blocks = ceil_div(n, kBlockRows);
    std::fill_n(scores_, queries.count * kBlockKeys, 0.0f);
    for (std::int64_t first = 0; first < blocks; first += 4) {
      BlockProduct p{};
      p.rows = queries.count;
      p.block_stride = kBlockRows * width;
      p.block_count = std::min<std::int64_t>(4, blocks - first);
      p.c = scores_ + first * kBlockRows;
      p.ldc = kBlockKeys;
      p.blocks = keys_ + first * kBlockRows * width;
      for (const int operand : {kQNope, kQRope}) {
        const Tensor& q = call_[operand];
        p.x = reinterpret_cast<const std::uint16_t*>(row_address(q, queries.token, head_));
        p.x_stride = q.desc.stride(0);
        p.pairs = q.desc.dim(2) / 2;
        kBf16Avx512.add(p);
        p.blocks += kBlockRows * q.desc.dim(2);
      }
    }
  }

  void weigh(std::int64_t query, std::int64_t row, std::int64_t visible) {
    const float factor = kKernels.weigh({.scores = scores_ + query * kBlockKeys,
                                         .n = visible,
                                         .scale = scale_,
                                         .max = &states_[row].max,
                                         .sum = &states_[row].sum,
                                         .value_scales = nullptr,
                                         .groups = 1,
                                         .weights = weights_ + query * kBlockKeys,
                                         .weight_stride = 0});
    if (factor != 1.0f) kKernels.scale(outputs_ + row * sizes_.value, sizes_.value, factor);
  }

  void accumulate(const Queries& queries, std::int64_t n) {
    for (std::int64_t c = 0; c < sizes_.value; c += 64) {
      BlockProduct p{};
      p.x = weights_;
      p.x_stride = kBlockKeys;
      p.rows = queries.count;
      p.blocks = values_ + c / 16 * kValueStride;
      p.block_stride = kValueStride;
      p.block_count = std::min<std::int64_t>(4, (sizes_.value - c) / 16);
      p.pairs = ceil_div(n, 32) * 16;
      p.c = outputs_ + queries.row * sizes_.value + c;
      p.ldc = sizes_.value;
      kBf16Avx512.add(p);
    }
  }

  void store(const TokenRun& run) {
    for (std::int64_t t = 0; t < run.count; ++t) {
      const SoftmaxEnd end = finish_softmax(states_[t], nullptr);
      kKernels.store(outputs_ + t * sizes_.value, sizes_.value, end.factor,
                     row_address(call_[kOut], run.first + t, head_));
      reinterpret_cast<float*>(row_address(call_[kLse], run.first + t))[head_] = end.lse;
    }
  }

  const OpCall& call_;
  const Sizes& sizes_;
  float scale_;
  std::int64_t head_ = 0;
  std::uint16_t* keys_;     // [16 keys][pair of columns][16][2]
  std::uint16_t* values_;   // [16 columns][pair of keys][16][2]
  float* scores_;           // [kQueries, kBlockKeys]
  std::uint16_t* weights_;  // [kQueries, kBlockKeys]
  float* outputs_;          // [kTokens, value]
  SoftmaxState* states_;    // [kTokens]
};

}  // namespace

Reason accept_bf16(const OpCall& call) {
  struct Named {
    const char* name;
    int operand;
  };
  constexpr Named kOperands[] = {{"q", kQNope},      {"q_rope", kQRope}, {"k", kKNope},
                                 {"k_rope", kKRope}, {"v", kV},          {"out", kOut}};
  for (const Named& named : kOperands) {
    const DType dtype = call[named.operand].desc.dtype;
    if (dtype != DType::kBF16) return reason::dtype(named.name, dtype_name(dtype), "bf16");
  }
  const Sizes sizes(call);
  if (sizes.nope % 32 != 0) return reason::size("dn", sizes.nope, "a multiple of 32");
  if (sizes.rope % 32 != 0) return reason::size("R", sizes.rope, "a multiple of 32");
  if (sizes.value % 32 != 0) return reason::size("dv", sizes.value, "a multiple of 32");
  return accept();
}

std::int64_t bf16_workspace(const OpCall& call, std::int64_t units) {
  return units * Memory(Sizes(call)).bytes();
}

void bf16_prefill(const OpCall& call, std::byte* workspace) {
  const Sizes sizes(call);
  const std::int64_t even = sizes.tokens * sizes.heads / (4 * thread_count());
  const std::int64_t tokens = std::clamp(even / kQueries * kQueries, kQueries, kTokens);
  for_each_task(call, sizes, tokens,
                [&](int thread) { return Task(call, sizes, workspace + thread * Memory(sizes).bytes()); });
}

}  // namespace tamis::cpu::prefill
#endif
