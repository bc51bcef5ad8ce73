// sample: draws the next token of each row. The only sampler of the project.
//
//   logits      [n, V]  f32, rows may be strided; V <= 2^22
//   temperature [n]     f32; not above 0: the best token is taken, without a draw
//   top_k       [n]     i32; below 1: off
//   top_p       [n]     f32; not below 1: off; not above 0: the best token only
//   min_p       [n]     f32; not above 0: off
//   repetition  [n]     f32, 1 = off
//   presence    [n]     f32, 0 = off
//   frequency   [n]     f32, 0 = off
//   counts      [n, V]  i32, optional: how often each token was seen; without it no penalty counts
//   seed        [n, 2]  i32: low and high half of a u64
//   position    [n]     i32: of the token that is drawn
//   token       [n]     i32
//   logprob     [n]     f32: natural log of the token's probability under the final distribution
//
// Order of the steps, each on what the one before left over:
//   1. penalties: a token with count > 0 gets logit / repetition if the logit is above 0, else
//      logit * repetition (CTRL); then presence + frequency * count is subtracted (OpenAI; count saturates at
//      2^24). In fp64, rounded once to fp32. After that a NaN is -inf and +inf is the largest finite float. A
//      row with nothing above -inf gives token 0, logprob -inf.
//   2. temperature. 0: the token of the largest penalised logit, logprob 0.
//   3. top-k: the k best tokens by (penalised logit descending, id ascending).
//   4. top-p: the shortest prefix of that order whose probability, of what top-k left, reaches top_p;
//      the token that reaches it stays.
//   5. min-p: tokens of at least min_p times the probability of the best one.
//   6. draw: u = uniform24(philox4x32_10(seed, position, 0).v[0]); the first token, by ascending id, at
//      which the cumulated probability of the kept tokens exceeds u.
//
// Determinism: given equal logits every backend gives the same token. Probabilities are 64-bit integers in
// units of 2^-40 of the best token's (core/numeric/sampling.h, which every backend compiles), so the sums of
// steps 4 to 6 are exact and may be taken in any order; ids order only what they must, ties and the draw. A
// token more than 27.7 temperatures below the best is never drawn. A row's token does not depend on its place
// in the batch. logprob is the log of the ratio of two such sums, in fp64.
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef sample;
}

struct SampleParams {
  std::uint8_t unused = 0;
};

inline constexpr std::int64_t kMaxSampleVocabulary = std::int64_t{1}
                                                     << 22;  // sums of 2^40 each stay below 2^62

namespace sample_operand {
enum : int {
  kLogits,
  kTemperature,
  kTopK,
  kTopP,
  kMinP,
  kRepetition,
  kPresence,
  kFrequency,
  kCounts,
  kSeed,
  kPosition,
  kToken,
  kLogprob
};
}

// In operand order.
struct SampleInputs {
  ValueId logits, temperature, top_k, top_p, min_p, repetition, presence, frequency;
  ValueId counts = kNoValue;
  ValueId seed, position;
};

// Read kToken and kLogprob of the result.
inline NodeValues add_sample(Graph& graph, const SampleInputs& in) {
  return graph.add(op::sample, SampleParams{},
                   {in.logits, in.temperature, in.top_k, in.top_p, in.min_p, in.repetition, in.presence,
                    in.frequency, in.counts, in.seed, in.position, kNewValue, kNewValue});
}

}  // namespace tamis
