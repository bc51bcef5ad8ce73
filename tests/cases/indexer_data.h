// Operands that the cases of indexer_scores and indexer_topk share: a paged index cache whose slots beyond
// the visible keys hold garbage, shuffled pages, tokens of several sequences.
#pragma once

#include "tests/cases/case.h"

namespace tamis::cases {

struct IndexerShape {
  std::int64_t tokens, heads, dim;
  std::int64_t keys;  // visible to the last token of a sequence
  std::int64_t sequences = 1;
  std::int32_t page_size = 16;
  IndexFormat format = IndexFormat::kExact;
  DType q_dtype = DType::kF32;
  DType cache_dtype = DType::kF32;  // kExact
  std::int64_t max_keys = 0;

  std::int64_t pages_per_sequence() const { return (keys + page_size - 1) / page_size + 1; }
  std::int64_t pages() const { return sequences * pages_per_sequence() + 1; }
};

// DeepSeek-V3.2's indexer, FP8 on both sides.
inline IndexerShape perf_indexer_shape(std::int64_t tokens, std::int64_t keys = 65536,
                                       std::int64_t sequences = 1) {
  return {.tokens = tokens,
          .heads = 64,
          .dim = 128,
          .keys = keys,
          .sequences = sequences,
          .page_size = 64,
          .format = IndexFormat::kFp8Paged,
          .q_dtype = DType::kE4M3,
          .max_keys = keys};
}

// The published models' indexer, which rows on FP8 matrix units take: their sums over Di are narrower than
// fp32.
inline bool fits_fp8_units(const IndexerShape& s) {
  return s.q_dtype == DType::kE4M3 && s.dim == 128 && s.page_size == 64;
}
// Of |I| + rms(I), what such rows may be off (core/ops/indexer_scores/indexer_scores.h).
inline constexpr double kFp8UnitError = 0x1p-9;

// `exact`: small multiples of 1/8, so that every sum is exact in fp32 and scores tie often.
CaseOperand queries(const IndexerShape& s, bool exact = false);
CaseOperand head_weights(const IndexerShape& s, bool exact = false);
CaseOperand query_scales(const IndexerShape& s);  // powers of two
CaseOperand index_cache(const IndexerShape& s, bool exact);
// The same without garbage, for perf cases: as many rows as the view has, no two alike.
CaseOperand perf_index_cache(const IndexerShape& s);
// Tokens in runs, one run a sequence; every seventh token sees nothing (padding).
CaseOperand sequences(const IndexerShape& s);
CaseOperand visible_keys(const IndexerShape& s);
CaseOperand page_table(const IndexerShape& s);

}  // namespace tamis::cases
