#include "core/policy/policy.h"

#include <algorithm>
#include <charconv>

#include "core/policy/rule.h"

namespace tamis {
namespace policy {

bool one_of(std::string_view value, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), value) != words.end();
}

bool Facts::is(Field field, std::initializer_list<std::string_view> texts) const {
  return one_of(value(field), texts);
}

std::int64_t Facts::number(Field field) const {
  const std::string& text = value(field);
  std::int64_t result = 0;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

int Facts::major() const {
  if (rocm()) return 9;
  return cuda() ? in.device.number / 10 : 0;
}

bool Facts::blackwell() const {
  return cuda() && major() >= 10 && major() <= 12 && in.device.cuda_version >= 1208;
}

std::int64_t Facts::attention_tp() const {
  if (context_parallel()) return 1;
  const std::int64_t groups =
      is(Field::kDpAttention, "true") ? std::max<std::int64_t>(number(Field::kDpSize), 1) : 1;
  return std::max<std::int64_t>(tp() / groups, 1);
}

std::int64_t Facts::local_heads() const {
  return std::max<std::int64_t>(in.model.n_heads / attention_tp(), 1);
}

bool Facts::plain_extend() const {
  return in.batch.kind == BatchKind::kExtend || in.batch.kind == BatchKind::kMixed;
}

std::int64_t Facts::new_tokens() const {
  std::int64_t sum = 0;
  for (const auto& sequence : in.batch.sequences) sum += sequence.fresh;
  return sum;
}

std::int64_t Facts::prefix_tokens() const {
  std::int64_t sum = 0;
  for (const auto& sequence : in.batch.sequences) sum += sequence.prefix;
  return sum;
}

std::int64_t Facts::longest_sequence() const {
  std::int64_t longest = 0;
  for (const auto& sequence : in.batch.sequences)
    longest = std::max(longest, sequence.fresh + sequence.prefix);
  return longest;
}

const std::string& Facts::batch_attention() const {
  // models/deepseek_v2.py L1347-1366: verify and draft-extend use the prefill backend unless told otherwise.
  const bool draft = in.batch.kind == BatchKind::kVerify || in.batch.kind == BatchKind::kDraftExtend;
  const bool decode =
      in.batch.kind == BatchKind::kDecode || (draft && flags().spec_attention_mode == "decode");
  return value(decode ? Field::kDecodeAttention : Field::kPrefillAttention);
}

namespace {

bool in_scope(const Rule& rule, const Facts& facts) {
  const int set = facts.april() ? kApril : kAugust, mode = facts.automatic ? kAuto : kMirror;
  const int sets = rule.scope & (kApril | kAugust), modes = rule.scope & (kMirror | kAuto);
  return (sets == 0 || (sets & set) != 0) && (modes == 0 || (modes & mode) != 0);
}

bool matches(const Rule& rule, const Facts& facts) {
  return in_scope(rule, facts) && (rule.when == nullptr || rule.when(facts));
}

std::string answer(const Rule& rule, const Facts& facts) {
  return rule.answer.compute != nullptr ? rule.answer.compute(facts) : rule.answer.text;
}

void run_checks(const Group& group, const Facts& facts, PolicyDecision& decision) {
  for (const Rule& rule : group.rules) {
    if (!matches(rule, facts)) continue;
    decision.hits.push_back(&rule);
    (group.warning ? decision.warnings : decision.errors).push_back({answer(rule, facts), &rule});
  }
}

void run_group(const Group& group, const Facts& facts, PolicyDecision& decision) {
  const auto rule = std::find_if(group.rules.begin(), group.rules.end(),
                                 [&](const Rule& row) { return matches(row, facts); });
  if (rule == group.rules.end()) return;
  decision.hits.push_back(&*rule);
  decision.fields[static_cast<std::size_t>(group.field)] = {answer(*rule, facts), &*rule};
  if (group.second != Field::kCount)
    decision.fields[static_cast<std::size_t>(group.second)] = {rule->answer.second, &*rule};
}

constexpr FieldInfo kFields[] = {
#define FIELD(id, name, kind, help) {name, kind, help},
#include "core/policy/fields.def"
#undef FIELD
};

}  // namespace

const std::vector<Group>& all_groups() {
  static const std::vector<Group> groups = [] {
    std::vector<Group> all;
    for (const auto& part : {model_groups(), memory_groups(), parallel_groups(), attention_groups(),
                             cache_groups(), dsa_groups(), moe_groups(), gemm_groups(), speculative_groups(),
                             mla_path_groups(), check_groups(), parallel_check_groups()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return groups;
}

}  // namespace policy

const FieldInfo& field_info(Field field) { return policy::kFields[static_cast<std::size_t>(field)]; }

PolicyDecision decide(const PolicyInput& input, PolicyMode mode) {
  PolicyDecision decision;
  const policy::Facts facts{input, decision, mode == PolicyMode::kAuto};
  for (const policy::Group& group : policy::all_groups()) {
    if (group.field == policy::kErrors) {
      policy::run_checks(group, facts, decision);
    } else {
      policy::run_group(group, facts, decision);
    }
  }
  return decision;
}

std::vector<OpFamily> policy_families(const PolicyDecision& decision) {
  std::vector<OpFamily> families;
  const auto add = [&](const char* op, const std::string& family) {
    if (!family.empty() && family != "auto" && family != "portable") families.push_back({op, family});
  };
  const std::string& attention = decision.value(Field::kPrefillImpl);
  if (decision.value(Field::kUseMha) == "true") {
    add("mha_prefill", decision.value(Field::kDenseKernel));
  } else if (decision.value(Field::kIsDsa) == "true") {
    add("sparse_mla", attention);
    add("topk_select", decision.value(Field::kTopkBackend));
    add("indexer_scores", decision.value(Field::kPagedLogits));
  } else {
    for (const char* op : {"dense_mla", "mha_prefill"}) add(op, attention);
  }
  add("linear", decision.value(Field::kFp8Gemm));
  add("moe_experts", decision.value(Field::kMoeKernel));
  return families;
}

}  // namespace tamis
