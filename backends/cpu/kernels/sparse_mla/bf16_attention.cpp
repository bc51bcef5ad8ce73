#include "backends/cpu/kernels/sparse_mla/bf16_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/cpu/kernels/product/bf16.h"
#include "backends/cpu/kernels/sparse_mla/attention_items.h"
#include "backends/cpu/kernels/sparse_mla/bf16_kernels.h"
#include "backends/cpu/kernels/sparse_mla/row_walker.h"
#include "backends/cpu/threads.h"
#include "core/base/ceil_div.h"

#if defined(__x86_64__)
namespace tamis::cpu::mla {
namespace {

using numeric::SoftmaxState;

constexpr const Bf16AttentionKernels& kKernels = kAttentionAvx512Bf16;
// Blocks of values lie one cache line further apart than 4 KB, so that the stores of a pair of keys spread
// over the sets of the first-level cache.
constexpr std::int64_t kValueStride = kBlockKeys * 16 + 32;

// Where an item's memory lies; sizes in bytes, multiples of 64.
struct Cut : AttentionItems {
  std::int64_t groups;  // of columns that share a scale; 1 where there are no scales
  std::int64_t keys, values, scores, weights, scales, outputs;

  Cut(const LatentOperands& operands, std::int64_t longest, std::int64_t units)
      : AttentionItems(operands.q_latent->desc, longest, false, units) {
    const KvLayout& layout = operands.layout;
    groups = layout.format == KvFormat::kPackedFp8 ? ceil_div(layout.c, kScaleGroup) : 1;
    keys = 2 * kBlockKeys * (layout.c + layout.r);
    values = 2 * (layout.c / 16) * kValueStride;
    scores = 4 * heads * kBlockKeys;
    weights = 2 * groups * heads * kBlockKeys;
    scales = 4 * groups * kBlockKeys;
    outputs = (4 * heads * layout.c + std::int64_t{sizeof(SoftmaxState)} * heads + 63) / 64 * 64;
  }

  std::int64_t thread_bytes() const { return keys + values + scores + weights + scales; }
  // Outputs belong to a thread, or, where they are merged, to an item.
  std::int64_t bytes(std::int64_t units) const {
    return units * thread_bytes() + (splits > 1 ? items() : units) * outputs;
  }
};

// One item.
class Item {
 public:
  Item(const LatentOperands& operands, const Cut& cut, std::byte* memory, std::byte* outputs)
      : layout_(operands.layout),
        packed_(operands.layout.format == KvFormat::kPackedFp8),
        operands_(operands),
        cut_(cut),
        keys_(reinterpret_cast<std::uint16_t*>(memory)),
        values_(reinterpret_cast<std::uint16_t*>(memory + cut.keys)),
        scores_(reinterpret_cast<float*>(memory + cut.keys + cut.values)),
        weights_(reinterpret_cast<std::uint16_t*>(memory + cut.keys + cut.values + cut.scores)),
        scales_(reinterpret_cast<float*>(memory + cut.keys + cut.values + cut.scores + cut.weights)),
        outputs_(reinterpret_cast<float*>(outputs)),
        states_(reinterpret_cast<SoftmaxState*>(outputs_ + cut.heads * operands.layout.c)) {}

  void run(std::int64_t token, std::int64_t head, std::int64_t heads, RowWalker rows) {
    token_ = token;
    head_ = head;
    heads_ = heads;
    std::fill_n(outputs_, heads * layout_.c, 0.0f);
    std::fill_n(states_, heads, SoftmaxState{});
    RowBlock<kBlockKeys> blocks[2];
    rows.next(blocks[0]);
    for (int i = 0; blocks[i].n > 0; i ^= 1) {
      rows.next(blocks[i ^ 1]);
      attend(blocks[i]);
    }
  }

 private:
  void attend(const RowBlock<kBlockKeys>& block) {
    widen(block);
    score(block.n);
    for (std::int64_t h = 0; h < heads_; ++h) {
      const float factor = kKernels.weigh({.scores = scores_ + h * kBlockKeys,
                                           .n = block.n,
                                           .scale = operands_.scale,
                                           .max = &states_[h].max,
                                           .sum = &states_[h].sum,
                                           .value_scales = packed_ ? scales_ : nullptr,
                                           .groups = cut_.groups,
                                           .weights = weights_ + h * kBlockKeys,
                                           .weight_stride = heads_ * kBlockKeys});
      if (factor != 1.0f) kKernels.scale(outputs_ + h * layout_.c, layout_.c, factor);
    }
    accumulate(block.n);
  }

  void widen(const RowBlock<kBlockKeys>& block) {
    const std::int64_t rope_byte = packed_ ? layout_.c + 4 * cut_.groups : 2 * layout_.c;
    const WeightFormat format = packed_ ? WeightFormat::kE4M3 : WeightFormat::kBF16;
    const std::int64_t padded = ceil_div(block.n, 32) * 32;
    for (std::int64_t first = 0; first < padded; first += kBlockRows) {
      BlockRows latent{}, rope{};
      for (std::int64_t i = 0; i < kBlockRows; ++i) {
        const std::byte* row = block.rows[first + i];
        latent.rows[i] = row;
        rope.rows[i] = row == nullptr ? nullptr : row + rope_byte;
        for (std::int64_t g = 0; packed_ && g < cut_.groups; ++g) {
          float scale = 0;
          if (row != nullptr) std::memcpy(&scale, row + layout_.c + 4 * g, 4);
          scales_[g * kBlockKeys + first + i] = scale;
        }
      }
      latent.format = format;
      latent.cols = layout_.c;
      rope.format = WeightFormat::kBF16;
      rope.cols = layout_.r;
      std::uint16_t* keys = keys_ + first * (layout_.c + layout_.r);
      kBf16Avx512.widen(latent, keys);
      kBf16Avx512.widen(rope, keys + layout_.c * kBlockRows);
      kKernels.widen_values({block.rows + first, kBlockRows, layout_.c, format}, values_ + first * 16,
                            kValueStride);
    }
  }

  void score(std::int64_t n) {
    const Tensor &latent = *operands_.q_latent, &rope = *operands_.q_rope;
    const std::int64_t width = layout_.c + layout_.r, blocks = ceil_div(n, kBlockRows);
    const std::int64_t run = packed_ ? kScaleGroup : layout_.c;  // columns summed before they are scaled
    std::fill_n(scores_, heads_ * kBlockKeys, 0.0f);
    for (std::int64_t first = 0; first < blocks; first += 4) {
      BlockProduct p{};
      p.rows = heads_;
      p.block_stride = kBlockRows * width;
      p.block_count = std::min<std::int64_t>(4, blocks - first);
      p.c = scores_ + first * kBlockRows;
      p.ldc = kBlockKeys;
      const std::uint16_t* keys = keys_ + first * kBlockRows * width;
      const auto* query = reinterpret_cast<const std::uint16_t*>(row_address(latent, token_, head_));
      p.x_stride = latent.desc.stride(1);
      for (std::int64_t c = 0; c < layout_.c; c += run) {
        p.x = query + c;
        p.blocks = keys + c * kBlockRows;
        p.pairs = std::min(run, layout_.c - c) / 2;
        p.w_scales = packed_ ? scales_ + c / kScaleGroup * kBlockKeys + first * kBlockRows : nullptr;
        kBf16Avx512.add(p);
      }
      p.x = reinterpret_cast<const std::uint16_t*>(row_address(rope, token_, head_));
      p.x_stride = rope.desc.stride(1);
      p.blocks = keys + layout_.c * kBlockRows;
      p.pairs = layout_.r / 2;
      p.w_scales = nullptr;
      kBf16Avx512.add(p);
    }
  }

  void accumulate(std::int64_t n) {
    for (std::int64_t c = 0; c < layout_.c; c += 64) {
      BlockProduct p{};
      p.x = weights_ + (packed_ ? c / kScaleGroup * heads_ * kBlockKeys : 0);
      p.x_stride = kBlockKeys;
      p.rows = heads_;
      p.blocks = values_ + c / 16 * kValueStride;
      p.block_stride = kValueStride;
      p.block_count = std::min<std::int64_t>(4, (layout_.c - c) / 16);
      p.pairs = ceil_div(n, 32) * 16;
      p.c = outputs_ + c;
      p.ldc = layout_.c;
      kBf16Avx512.add(p);
    }
  }

  const KvLayout& layout_;
  bool packed_;
  const LatentOperands& operands_;
  const Cut& cut_;
  std::uint16_t* keys_;
  std::uint16_t* values_;
  float* scores_;           // [heads, kBlockKeys]
  std::uint16_t* weights_;  // [groups, heads, kBlockKeys]
  float* scales_;           // [groups, kBlockKeys]
  float* outputs_;          // [heads, c]
  SoftmaxState* states_;    // [heads]
  std::int64_t token_ = 0, head_ = 0, heads_ = 0;
};

// Adds the parts of one head, which lie `stride` floats apart, into the first.
SoftmaxState merge(float* outputs, SoftmaxState* states, const Cut& cut, std::int64_t c) {
  const std::int64_t floats = cut.outputs / 4, pairs = cut.outputs / std::int64_t{sizeof(SoftmaxState)};
  SoftmaxState all = states[0];
  for (std::int64_t s = 1; s < cut.splits; ++s) all.max = std::max(all.max, states[s * pairs].max);
  const auto factor = [&](const SoftmaxState& part) {
    return part.max == all.max ? 1.0f : numeric::rescale_factor(part.max, all.max);
  };
  const float first = factor(states[0]);
  all.sum = states[0].sum * first;
  kKernels.scale(outputs, c, first);
  for (std::int64_t s = 1; s < cut.splits; ++s) {
    const SoftmaxState& part = states[s * pairs];
    all.sum += part.sum * factor(part);
    kKernels.add_scaled(outputs + s * floats, c, factor(part), outputs);
  }
  return all;
}

void finish(const LatentOperands& operands, const Cut& cut, std::int64_t tile, std::byte* memory) {
  const std::int64_t token = tile / cut.head_tiles, head = tile % cut.head_tiles * cut.heads;
  const std::int64_t c = operands.layout.c;
  const std::int64_t heads = std::min(cut.heads, operands.out->desc.dim(1) - head);
  auto* outputs = reinterpret_cast<float*>(memory);
  auto* states = reinterpret_cast<SoftmaxState*>(outputs + cut.heads * c);
  const float* sinks = operands.sink != nullptr ? data<float>(*operands.sink) + head : nullptr;
  for (std::int64_t h = 0; h < heads; ++h) {
    const SoftmaxState state = merge(outputs + h * c, states + h, cut, c);
    const SoftmaxEnd end = finish_softmax(state, sinks != nullptr ? sinks + h : nullptr);
    kKernels.store(outputs + h * c, c, end.factor, row_address(*operands.out, token, head + h));
    reinterpret_cast<float*>(row_address(*operands.lse, token))[head + h] = end.lse;
    if (operands.max_logits == nullptr) continue;
    reinterpret_cast<float*>(row_address(*operands.max_logits, token))[head + h] = state.max;
  }
}

}  // namespace

Reason accept_bf16_operands(const LatentOperands& operands) {
  const KvLayout& layout = operands.layout;
  for (const Tensor* tensor : {operands.q_latent, operands.q_rope, operands.out}) {
    const DType dtype = tensor->desc.dtype;
    const char* name = tensor == operands.out ? "out" : "q";
    if (dtype != DType::kBF16) return reason::dtype(name, dtype_name(dtype), "bf16");
  }
  const DType cache = operands.cache->desc.dtype;
  if (layout.format == KvFormat::kPlain && cache != DType::kBF16)
    return reason::dtype("cache", dtype_name(cache), "packed FP8, bf16");
  if (layout.c % 32 != 0) return reason::size("C", layout.c, "a multiple of 32");
  if (layout.r % 32 != 0) return reason::size("R", layout.r, "a multiple of 32");
  return accept();
}

std::int64_t bf16_attention_workspace(const KeyLists& lists, const LatentOperands& operands,
                                      std::int64_t units) {
  return Cut(operands, lists.longest, units).bytes(units);
}

void bf16_attention(const KeyLists& lists, const LatentOperands& operands, std::byte* workspace) {
  const Cut cut(operands, lists.longest, thread_count());
  std::byte* outputs = workspace + thread_count() * cut.thread_bytes();
  const std::int64_t all_heads = operands.q_latent->desc.dim(1);
  parallel_for(cut.items(), 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t tile = i / cut.splits, token = tile / cut.head_tiles;
      const std::int64_t head = tile % cut.head_tiles * cut.heads;
      std::byte* out = outputs + (cut.splits > 1 ? i : thread) * cut.outputs;
      Item item(operands, cut, workspace + thread * cut.thread_bytes(), out);
      item.run(token, head, std::min(cut.heads, all_heads - head),
               lists.walk(lists.call, token, i % cut.splits, cut.splits));
      if (cut.splits == 1) finish(operands, cut, tile, out);
    }
  });
  if (cut.splits == 1) return;
  parallel_for(cut.tiles(), 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t tile = begin; tile < end; ++tile) {
      finish(operands, cut, tile, outputs + tile * cut.splits * cut.outputs);
    }
  });
}

}  // namespace tamis::cpu::mla
#endif
