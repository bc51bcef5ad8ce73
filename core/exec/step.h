// A step runs the model once over a flat batch of tokens that may mix prefill chunks, decode and verify rows
// of many sequences. Its inputs are device tensors at fixed addresses, so that a captured plan replays with
// other contents; shapes are buckets (upper bounds), and the rows past the real ones are padding.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace tamis {

// How attention is computed in a step.
enum class StepVariant : std::uint8_t {
  kSparse,         // DSA: indexer, top-k, absorbed sparse attention; prefill, decode and verify alike
  kDenseAbsorbed,  // every visible key, absorbed (MQA over the latent cache)
  kDenseExpanded,  // every visible key, keys and values expanded through kv_b (MHA); prefill
};

// Names of the step inputs in the graph. All int32.
namespace step_input {
inline constexpr const char* kTokenIds = "step.token_ids";   // [n_tokens]
inline constexpr const char* kPositions = "step.positions";  // [n_tokens]
inline constexpr const char* kSeqOfToken =
    "step.seq_of_token";                                      // [n_tokens] row of page_table; 0 for padding
inline constexpr const char* kWriteSlot = "step.write_slot";  // [n_tokens] global cache slot; -1 = padding
inline constexpr const char* kVisible =
    "step.visible";  // [n_tokens] keys it may see: position + 1; 0 = padding
inline constexpr const char* kPageTable = "step.page_table";  // [n_seqs, max_kv / page_size]
inline constexpr const char* kKvLen = "step.kv_len";  // [n_seqs] cached tokens after this step; 0 = padding
inline constexpr const char* kOutRows =
    "step.out_rows";  // [n_out] rows whose logits are wanted; -1 = padding
inline constexpr const char* kDraftHidden =
    "step.draft_hidden";  // MTP only: [n_tokens, H] of the main model, final norm
inline constexpr const char* kStreamIn = "step.stream";  // layers_only: [n_tokens, H] before the first layer
inline constexpr const char* kDeltaIn = "step.delta";    // layers_only: [n_tokens, H] still to be added to it
inline constexpr const char* kTemperature =
    "sample.temperature";  // this and the rest: [n_out], see op sample
inline constexpr const char* kTopK = "sample.top_k";
inline constexpr const char* kTopP = "sample.top_p";
inline constexpr const char* kMinP = "sample.min_p";
inline constexpr const char* kRepetition = "sample.repetition";
inline constexpr const char* kPresence = "sample.presence";
inline constexpr const char* kFrequency = "sample.frequency";
inline constexpr const char* kSeed = "sample.seed";  // [n_out, 2]
inline constexpr const char* kPosition = "sample.position";
inline constexpr const char* kCounts = "sample.counts";  // [n_out, V]
}  // namespace step_input

// Names of a step's outputs.
namespace step_output {
inline constexpr const char* kLogits = "logits";     // [n_out, V] f32
inline constexpr const char* kHidden = "hidden";     // [n_tokens, H] after the final norm: what MTP reads
inline constexpr const char* kToken = "token";       // [n_out] i32
inline constexpr const char* kLogprob = "logprob";   // [n_out] f32
inline constexpr const char* kStreamOut = "stream";  // layers_only: [n_tokens, H] after the last layer
inline constexpr const char* kDeltaOut = "delta";    // layers_only: [n_tokens, H] still to be added to it
// layers_only: "experts_<i>" [n_tokens, top_k] i32, the experts that MoE layer i routes to
// and, with all_hidden, "hidden_0" … "hidden_L": the residual stream after layer i-1; the last one after the
// final norm; with index_scores, "index_scores_<layer>" [n_tokens, max_kv] f32 of every indexer layer
}  // namespace step_output

// What a plan is cached by.
struct StepKey {
  StepVariant variant = StepVariant::kSparse;
  bool mtp = false;           // the MTP module instead of the main layers
  bool sample = false;        // draw a token from every row of logits
  bool penalties = false;     // sample with counts
  bool keep_hidden = false;   // output the hidden states after the final norm
  bool all_hidden = false;    // output the residual stream after every layer
  bool index_scores = false;  // with all_hidden: output what the indexers select by, computed once more
  // Neither embedding nor head: the residual stream is an input and an output. For benchmarks of layers.
  bool layers_only = false;
  std::int64_t n_tokens = 0;
  std::int64_t n_seqs = 0;
  std::int64_t n_out = 0;
  std::int64_t max_kv = 0;    // longest sequence, tokens; a multiple of the page size
  std::int64_t total_kv = 0;  // kDenseExpanded: sum over sequences
  std::string attention;      // family of attention rows that is tried first; empty: none is asked for

  auto operator<=>(const StepKey&) const = default;
};

// Buckets: exact up to 8, then steps of 1/8 of the next lower power of two, so that padding wastes at most
// 1/8.
constexpr std::int64_t bucket(std::int64_t n) {
  std::int64_t power = 8;
  while (power * 2 <= n) power *= 2;
  const std::int64_t step = power / 8;
  return n <= 8 ? n : (n + step - 1) / step * step;
}
// Bound of a sequence length: powers of two from 256 on. It sizes tables and workspaces; no time depends on
// it.
constexpr std::int64_t kv_bucket(std::int64_t n) {
  std::int64_t power = 256;
  while (power < n) power *= 2;
  return power;
}

}  // namespace tamis
