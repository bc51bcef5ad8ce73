// The rules as rows of data. A group is a table for one field; its rows are walked in order and the first
// match answers. Checks are tables too, in which every match adds an error or a warning.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <span>
#include <string_view>

#include "core/policy/policy.h"

namespace tamis::policy {

// What a row's condition reads: the input, and the fields that earlier groups decided.
struct Facts {
  const PolicyInput& in;
  const PolicyDecision& decision;
  bool automatic;  // PolicyMode::kAuto

  const PolicyFlags& flags() const { return in.flags; }
  const std::string& value(Field field) const { return decision.value(field); }
  bool is(Field field, std::string_view text) const { return value(field) == text; }
  bool is(Field field, std::initializer_list<std::string_view> texts) const;
  std::int64_t number(Field field) const;  // 0 where undecided

  bool april() const { return in.rules == PolicyRules::k2026_04; }
  bool cuda() const { return in.device.platform == PolicyPlatform::kCuda; }
  bool rocm() const { return in.device.platform == PolicyPlatform::kRocm; }
  bool npu() const { return in.device.platform == PolicyPlatform::kNpu; }
  // torch's compute capability major; 9 on ROCm, as for gfx94x and gfx95x; else 0.
  int major() const;
  int sm() const { return cuda() ? in.device.number : 0; }
  int gfx() const { return rocm() ? in.device.number : 0; }
  bool rdna() const { return gfx() >= 0x1000; }
  // SGLang's is_blackwell, is_sm100_supported, is_sm120_supported: these ask for CUDA 12.8 too.
  bool blackwell() const;
  bool sm100() const { return major() == 10 && cuda() && in.device.cuda_version >= 1208; }
  bool sm120() const { return major() == 12 && cuda() && in.device.cuda_version >= 1208; }

  bool dsa() const { return is(Field::kIsDsa, "true"); }
  // A DSA model to which the block of DeepSeek defaults applies.
  bool dsa_defaults() const { return dsa() && is(Field::kFamilyDefaults, "true"); }
  bool speculative() const { return !value(Field::kSpecAlgorithm).empty(); }
  bool context_parallel() const { return flags().cp.value_or(1) > 1; }
  std::int64_t tp() const { return std::max<std::int64_t>(flags().tp.value_or(1), 1); }
  std::int64_t pp() const { return flags().pp.value_or(1); }
  // Ranks that the heads of one attention are split over.
  std::int64_t attention_tp() const;
  std::int64_t local_heads() const;

  // Not decode, verify or draft-extend: SGLang's "extend without speculation".
  bool plain_extend() const;
  std::int64_t new_tokens() const;
  std::int64_t prefix_tokens() const;
  std::int64_t total_tokens() const { return new_tokens() + prefix_tokens(); }
  std::int64_t longest_sequence() const;
  // The attention backend that serves this batch.
  const std::string& batch_attention() const;
};

bool one_of(std::string_view value, std::initializer_list<std::string_view> words);

using Condition = bool (*)(const Facts&);
using Compute = std::string (*)(const Facts&);

// A row's answer: fixed text, or a function of the facts; `second` for groups that fill two fields at once.
// In a check it is the message.
struct Answer {
  constexpr Answer(const char* fixed, const char* fixed_second = "") : text(fixed), second(fixed_second) {}
  constexpr Answer(Compute function) : compute(function) {}
  const char* text = "";
  const char* second = "";
  Compute compute = nullptr;
};

// Path in SGLang's repository and the lines there. `commit` is of the 2026-04 tree unless the row says
// August.
struct Source {
  const char* path;
  const char* lines;
};
constexpr Source server_args(const char* lines) { return {"python/sglang/srt/server_args.py", lines}; }
constexpr Source nsa_backend(const char* lines) {
  return {"python/sglang/srt/layers/attention/nsa_backend.py", lines};
}
// Where 2026-08 moved the rules; the lines are of its whole block.
constexpr Source overrides(const char* lines = "L592-720") {
  return {"python/sglang/srt/arg_groups/overrides.py", lines};
}
// A row of tamis, which has no counterpart in SGLang.
inline constexpr Source kTamis = {"tamis", ""};

// Which rule sets and modes a row belongs to: any of the sets named, any of the modes named.
enum Scope : std::uint8_t {
  kEverywhere = 0,
  kApril = 1,
  kAugust = 2,
  kMirror = 4,  // a trap: `auto` walks past it
  kAuto = 8,    // what runs here instead
};

struct Rule {
  const char* id;
  Condition when;  // null: always
  Answer answer;
  Source source;
  int scope = kEverywhere;
  const char* note = "";
};

constexpr Field kErrors = Field::kCount;

struct Group {
  Field field;  // kCount: a table of checks
  std::span<const Rule> rules;
  Field second = Field::kCount;  // filled with Answer::second by the same row
  bool warning = false;          // of a table of checks
};

// Every group, in the order in which SGLang's resolver runs them.
const std::vector<Group>& all_groups();

// The groups of each rules_<name>.cpp, in order.
std::span<const Group> model_groups();
std::span<const Group> memory_groups();
std::span<const Group> attention_groups();
std::span<const Group> parallel_groups();
std::span<const Group> cache_groups();
std::span<const Group> dsa_groups();
std::span<const Group> moe_groups();
std::span<const Group> gemm_groups();
std::span<const Group> speculative_groups();
std::span<const Group> mla_path_groups();
std::span<const Group> check_groups();
std::span<const Group> parallel_check_groups();

}  // namespace tamis::policy
