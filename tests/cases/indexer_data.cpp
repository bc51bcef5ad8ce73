#include "tests/cases/indexer_data.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace tamis::cases {
namespace {

std::int64_t sequence_at(const IndexerShape& s, std::int64_t token) { return token * s.sequences / s.tokens; }

// A permutation of the pages; the last page belongs to no sequence.
std::int64_t page_of(const IndexerShape& s, std::int64_t sequence, std::int64_t page) {
  const std::int64_t logical = sequence * s.pages_per_sequence() + page;
  return s.pages() - 2 - logical;
}

// Whether any token sees the slot's position.
std::vector<bool> seen_slots(const IndexerShape& s) {
  std::vector<bool> seen(static_cast<std::size_t>(s.pages() * s.page_size), false);
  for (std::int64_t sequence = 0; sequence < s.sequences; ++sequence) {
    for (std::int64_t p = 0; p < s.keys; ++p) {
      const std::int64_t slot = page_of(s, sequence, p / s.page_size) * s.page_size + p % s.page_size;
      seen[static_cast<std::size_t>(slot)] = true;
    }
  }
  return seen;
}

double key_value(bool exact, Rng& rng) {
  return exact ? static_cast<double>(rng.below(9) - 4) / 8.0 : rng.normal();
}

void fill_exact_cache(const IndexerShape& s, bool exact, HostView& view, Rng& rng) {
  const std::vector<bool> seen = seen_slots(s);
  for (std::int64_t i = 0; i < view.size(); ++i) {
    view.set(i, seen[static_cast<std::size_t>(i / s.dim)] ? key_value(exact, rng) : std::nan(""));
  }
}

void fill_paged_cache(const IndexerShape& s, bool exact, HostView& view, Rng& rng) {
  const std::vector<bool> seen = seen_slots(s);
  for (std::int64_t page = 0; page < s.pages(); ++page) {
    std::byte* codes = view.address(page * s.page_size * (s.dim + 4));
    std::byte* scales = codes + s.page_size * s.dim;
    HostView code_view({DType::kE4M3, {s.page_size, s.dim}}, codes),
        scale_view({DType::kF32, {s.page_size}}, scales);
    for (std::int64_t offset = 0; offset < s.page_size; ++offset) {
      const bool visible = seen[static_cast<std::size_t>(page * s.page_size + offset)];
      for (std::int64_t i = 0; i < s.dim; ++i) {
        code_view.set(offset * s.dim + i, visible ? key_value(exact, rng) : std::nan(""));
      }
      const double scale = exact ? std::ldexp(1.0, static_cast<int>(rng.below(3)) - 1) : rng.uniform(0.01, 2);
      scale_view.set(offset, visible ? scale : std::numeric_limits<double>::infinity());
    }
  }
}

}  // namespace

CaseOperand queries(const IndexerShape& s, bool exact) {
  return {.desc = {s.q_dtype, {s.tokens, s.heads, s.dim}}, .fill = exact ? fill_exact() : fill_normal()};
}

CaseOperand head_weights(const IndexerShape& s, bool exact) {
  return {.desc = {DType::kF32, {s.tokens, s.heads}}, .fill = exact ? fill_exact() : fill_normal()};
}

CaseOperand query_scales(const IndexerShape& s) {
  return {.desc = {DType::kF32, {s.tokens, s.heads}}, .fill = fill_values({1, 0.5, 2, 0.25, 1})};
}

CaseOperand index_cache(const IndexerShape& s, bool exact) {
  if (s.format == IndexFormat::kFp8Paged) {
    return {.desc = {DType::kU8, {s.pages(), s.page_size * (s.dim + 4)}},
            .fill = [s, exact](HostView& view, Rng& rng) { fill_paged_cache(s, exact, view, rng); }};
  }
  return {.desc = {s.cache_dtype, {s.pages() * s.page_size, s.dim}},
          .fill = [s, exact](HostView& view, Rng& rng) { fill_exact_cache(s, exact, view, rng); }};
}

CaseOperand perf_index_cache(const IndexerShape& s) {
  CaseOperand cache = index_cache(s, false);
  cache.distinct_rows = true;
  cache.fill = [s](HostView& view, Rng& rng) {
    const std::int64_t codes = s.page_size * s.dim;
    for (std::int64_t page = 0; page < view.desc().dim(0); ++page) {
      std::byte* row = view.address(page * codes + page * s.page_size * 4);
      // e4m3 of sign, exponent 2^-2 to 2^1 and three bits of mantissa; a tenth of the time of normal numbers.
      for (std::int64_t i = 0; i < codes; i += 4) {
        const std::uint32_t word = rng.bits();
        const std::uint32_t four = (word & 0x80808080u) | ((word & 0x1f1f1f1fu) + 0x28282828u);
        std::memcpy(row + i, &four, 4);
      }
      for (std::int64_t i = 0; i < s.page_size; ++i) {
        const auto scale = static_cast<float>(rng.uniform(0.01, 2));
        std::memcpy(row + codes + 4 * i, &scale, 4);
      }
    }
  };
  return cache;
}

CaseOperand sequences(const IndexerShape& s) {
  return {.desc = {DType::kI32, {s.tokens}}, .fill = [s](HostView& view, Rng&) {
            for (std::int64_t t = 0; t < s.tokens; ++t) view.set(t, static_cast<double>(sequence_at(s, t)));
          }};
}

CaseOperand visible_keys(const IndexerShape& s) {
  return {.desc = {DType::kI32, {s.tokens}}, .fill = [s](HostView& view, Rng&) {
            for (std::int64_t t = 0; t < s.tokens; ++t) {
              // The last token of a sequence sees `keys`, the ones before it one less each.
              std::int64_t last = t;
              while (last + 1 < s.tokens && sequence_at(s, last + 1) == sequence_at(s, t)) ++last;
              const std::int64_t count = std::max<std::int64_t>(0, s.keys - (last - t));
              view.set(t, t % 7 == 5 ? 0.0 : static_cast<double>(count));
            }
          }};
}

CaseOperand page_table(const IndexerShape& s) {
  return {.desc = {DType::kI32, {s.sequences, s.pages_per_sequence()}}, .fill = [s](HostView& view, Rng&) {
            for (std::int64_t i = 0; i < view.size(); ++i) {
              view.set(
                  i, static_cast<double>(page_of(s, i / s.pages_per_sequence(), i % s.pages_per_sequence())));
            }
          }};
}

}  // namespace tamis::cases
