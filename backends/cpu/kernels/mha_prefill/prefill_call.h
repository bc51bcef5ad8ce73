// What the rows of mha_prefill share: sizes, keys of a sequence, and tasks of up to 64 consecutive tokens x
// one head.
#pragma once

#include <algorithm>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/common/token_runs.h"
#include "backends/cpu/threads.h"
#include "core/base/ceil_div.h"
#include "core/ops/mha_prefill/mha_prefill.h"

namespace tamis::cpu::prefill {

struct Sizes {
  std::int64_t tokens, heads, keys;
  std::int64_t nope, rope, value;

  explicit Sizes(const OpCall& call)
      : tokens(call[mha_prefill_operand::kQNope].desc.dim(0)),
        heads(call[mha_prefill_operand::kQNope].desc.dim(1)),
        keys(call[mha_prefill_operand::kKNope].desc.dim(0)),
        nope(call[mha_prefill_operand::kQNope].desc.dim(2)),
        rope(call[mha_prefill_operand::kQRope].desc.dim(2)),
        value(call[mha_prefill_operand::kV].desc.dim(2)) {}
};

// The rows of the key tensors that tokens of a run see: of each token of its own so many.
struct RunKeys {
  std::int64_t start = 0;
  std::int64_t count = 0;  // of the sequence
  std::int64_t end = 0;    // the most that a token sees

  RunKeys(const OpCall& call, const Sizes& sizes, const TokenRun& run) : ke_(call[mha_prefill_operand::kKe]) {
    const Tensor& kv_len = call[mha_prefill_operand::kKvLen];
    if (run.seq < 0 || run.seq >= kv_len.desc.dim(0)) return;
    const auto* lengths = data<std::int32_t>(kv_len);
    for (std::int64_t s = 0; s < run.seq; ++s) start += std::max(0, lengths[s]);
    count = std::clamp<std::int64_t>(sizes.keys - start, 0, std::max(0, lengths[run.seq]));
    for (std::int64_t t = 0; t < run.count; ++t) end = std::max(end, visible(run.first + t));
  }

  std::int64_t visible(std::int64_t token) const { return visible_keys(ke_, token, count); }
  // Of n keys from the block-th on.
  std::int64_t visible(std::int64_t token, std::int64_t block, std::int64_t n) const {
    return std::clamp<std::int64_t>(visible(token) - block, 0, n);
  }

 private:
  const Tensor& ke_;
};

// attend(run, head) of a thread's task, which make(thread) returns, for all tokens, at most `tokens` at a
// time, and heads. The last tokens see the most keys: they go first.
template <class Make>
void for_each_task(const OpCall& call, const Sizes& sizes, std::int64_t tokens, Make&& make) {
  const std::int64_t blocks = ceil_div(sizes.tokens, tokens);
  parallel_for(blocks * sizes.heads, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    auto task = make(thread);
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = (blocks - 1 - i / sizes.heads) * tokens;
      const std::int64_t last = std::min(sizes.tokens, first + tokens);
      for (std::int64_t t = first; t < last;) {
        const TokenRun run = token_run(call[mha_prefill_operand::kSeqOfToken], t, last);
        task.attend(run, i % sizes.heads);
        t += run.count;
      }
    }
  });
}

}  // namespace tamis::cpu::prefill
