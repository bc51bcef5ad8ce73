// Cases of mha_prefill: dtypes, odd sizes, value widths other than the key's, one and several sequences,
// chunks that continue a sequence, ke around the blocks, padding, lengths that pass S. Rows that no token
// sees hold NaN.
#include "core/ops/mha_prefill/mha_prefill.h"

#include "tests/cases/kv_fills.h"
#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

struct Token {
  double seq, ke;
};

struct Shape {
  std::int64_t heads, nope, rope, value;
};

struct Batch {
  std::vector<double> lengths;  // kv_len
  std::vector<Token> tokens;
  std::int64_t extra_rows = 3;  // of S past the sum of the lengths
};

std::vector<Token> causal(double seq, std::int64_t first, std::int64_t count) {
  std::vector<Token> tokens;
  for (std::int64_t i = 0; i < count; ++i) tokens.push_back({seq, static_cast<double>(first + i)});
  return tokens;
}

std::vector<Token> join(std::initializer_list<std::vector<Token>> parts) {
  std::vector<Token> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// Rows that some token sees.
std::vector<bool> seen_rows(const Batch& b, std::int64_t rows) {
  std::vector<bool> seen(static_cast<std::size_t>(rows), false);
  for (const Token& token : b.tokens) {
    if (token.seq < 0 || token.seq >= static_cast<double>(b.lengths.size())) continue;
    double start = 0;
    for (std::size_t s = 0; s < static_cast<std::size_t>(token.seq); ++s)
      start += std::max(0.0, b.lengths[s]);
    const double count = std::min(token.ke, b.lengths[static_cast<std::size_t>(token.seq)]);
    for (double j = 0; j < count && start + j < static_cast<double>(rows); ++j) {
      seen[static_cast<std::size_t>(start + j)] = true;
    }
  }
  return seen;
}

Fill fill_rows(const std::vector<bool>& seen) {
  return [seen](HostView& view, Rng& rng) {
    const std::int64_t width = view.size() / view.desc().dim(0);
    for (std::int64_t i = 0; i < view.size(); ++i) {
      view.set(i, seen[static_cast<std::size_t>(i / width)] ? rng.normal() : kNan);
    }
  };
}

Case mha_case(std::string name, const Shape& s, const Batch& b, DType act = DType::kF32,
              DType out = DType::kF32) {
  const auto count = static_cast<std::int64_t>(b.tokens.size());
  std::int64_t rows = b.extra_rows;
  for (double length : b.lengths) rows += std::max<std::int64_t>(0, static_cast<std::int64_t>(length));
  std::vector<double> seqs, kes;
  for (const Token& token : b.tokens) {
    seqs.push_back(token.seq);
    kes.push_back(token.ke);
  }
  // As the model makes them: queries are halves of [T, h, dn + R], keys and values of [S, h, dn + dv].
  TensorDesc q_nope(act, {count, s.heads, s.nope}), q_rope(act, {count, s.heads, s.rope});
  q_nope.strides = q_rope.strides = {s.heads * (s.nope + s.rope), s.nope + s.rope, 1};
  TensorDesc k_nope(act, {rows, s.heads, s.nope}), v(act, {rows, s.heads, s.value});
  k_nope.strides = v.strides = {s.heads * (s.nope + s.value), s.nope + s.value, 1};
  const Fill keys = fill_rows(seen_rows(b, rows));
  const MhaPrefillParams params{static_cast<float>(1.0 / std::sqrt(static_cast<double>(s.nope + s.rope))),
                                out};
  return make_case(
      fmt::format("{}_{}_{}", name, dtype_name(act), dtype_name(out)), params,
      {{.desc = q_nope, .fill = fill_normal()},
       {.desc = q_rope, .fill = fill_normal()},
       {.desc = k_nope, .fill = keys},
       {.desc = strided(act, {rows, s.rope}, s.rope + 2), .fill = keys},
       {.desc = v, .fill = keys},
       {.desc = {DType::kI32, {count}}, .fill = fill_values(seqs)},
       {.desc = {DType::kI32, {static_cast<std::int64_t>(b.lengths.size())}}, .fill = fill_values(b.lengths)},
       {.desc = {DType::kI32, {count}}, .fill = fill_values(kes)},
       output(),
       output()});
}

// A small model's prompt; prompts of DeepSeek-V3, also with an eighth of its heads, and of GLM-5.
void add_perf(CaseList& list) {
  const auto prompt = [](const char* model, const Shape& s, DType act = DType::kBF16) {
    return [=](std::int64_t tokens) {
      Case c = mha_case(fmt::format("{}_t{}_h{}", model, tokens, s.heads), s,
                        {{static_cast<double>(tokens)}, causal(0, 1, tokens)}, act, act);
      c.operands[mha_prefill_operand::kKRope].desc = {act, {tokens + 3, s.rope}};  // as kv_gather makes it
      return c;
    };
  };
  add_timed(list, prompt("perf", {8, 64, 16, 64}), {512});
  add_timed(list, prompt("v3", {16, 128, 64, 128}), {1024});
  add_timed_large(list, prompt("v3", {128, 128, 64, 128}), {1024, 4096});
  add_timed_large(list, prompt("v3", {128, 128, 64, 128}, DType::kF16), {4096});
  add_timed_large(list, prompt("glm5", {64, 192, 64, 256}), {4096});
}

}  // namespace

CaseList cases_mha_prefill() {
  CaseList list;
  const Shape tiny{4, 24, 8, 24}, odd{3, 17, 6, 21};
  // Three sequences, the middle one empty, the last a chunk that begins at position 30; padding at the end.
  const Batch mixed{{40, 0, 52},
                    join({causal(0, 1, 40), causal(2, 31, 22), {{0, 0}, {-1, 4}, {3, 9}, {1, 5}, {2, -3}}})};
  for (DType act : {DType::kF32, DType::kBF16, DType::kF16}) {
    list.push_back(mha_case("mixed", tiny, mixed, act, act));
    list.push_back(mha_case("mixed_odd", odd, mixed, act));
  }
  // Queries around the tile of 64, keys around the block of 256.
  for (std::int64_t tokens : {1, 2, 63, 64, 65, 129}) {
    list.push_back(
        mha_case(fmt::format("t{}", tokens), tiny, {{static_cast<double>(tokens)}, causal(0, 1, tokens)}));
  }
  for (std::int64_t ke : {255, 256, 257, 513}) {
    list.push_back(mha_case(fmt::format("ke{}", ke), odd, {{520}, causal(0, ke - 1, 3)}));
  }
  list.push_back(
      mha_case("past_kv_len", tiny, {{20, -4, 10}, {{0, 21}, {0, 500}, {1, 2}, {2, 11}, {2, 10}}}));
  list.push_back(mha_case("past_the_rows", tiny, {{20, 30}, {{0, 19}, {1, 29}, {1, 30}}, -5}));
  list.push_back(mha_case("all_padding", tiny, {{5}, {{0, 0}, {0, 0}}}));
  list.push_back(mha_case("not_sorted", tiny, {{30, 30}, {{0, 20}, {1, 7}, {0, 21}, {1, 30}, {0, 3}}}));
  list.push_back(mha_case("h1_v3", {1, 8, 2, 3}, {{90}, causal(0, 12, 70)}));
  list.push_back(mha_case("wide_values", {2, 16, 4, 600}, {{50}, causal(0, 31, 20)}));
  list.push_back(mha_case("model", {2, 128, 64, 128}, {{70}, causal(0, 41, 30)}, DType::kBF16, DType::kBF16));
  list.push_back(mha_case("glm", {2, 192, 64, 256}, {{40}, causal(0, 1, 40)}, DType::kBF16, DType::kBF16));
  // f16 around the tiles of 64 tokens and of 64 or 32 keys, and one decode-sized call.
  const Batch halves{{200, 33}, join({causal(0, 70, 131), causal(1, 1, 33), {{-1, 3}}})};
  list.push_back(mha_case("model", {2, 128, 64, 128}, halves, DType::kF16, DType::kF16));
  list.push_back(mha_case("glm", {2, 192, 64, 256}, halves, DType::kF16, DType::kF16));
  // bf16: runs that end inside of a block of keys that others see more of, and more tokens than a task takes.
  list.push_back(mha_case("runs", {2, 128, 64, 128}, halves, DType::kBF16, DType::kBF16));
  list.push_back(mha_case("long", {2, 64, 32, 96}, {{330}, causal(0, 1, 330)}, DType::kBF16, DType::kBF16));
  list.push_back(mha_case("decode", {4, 128, 64, 128}, {{300, 7}, {{0, 300}, {1, 7}}}, DType::kF16));
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
