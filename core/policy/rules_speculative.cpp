// Speculative defaults and corrections (sheet 1.2 draft mapping, 1.17).
#include "core/policy/rule.h"

namespace tamis::policy {
namespace {

constexpr Source kDefaults = server_args("L3330-3440");
constexpr Source kChoice = server_args("L7215-7253");

bool off(const Facts& f) { return !f.speculative(); }
bool shape_unset(const Facts& f) {
  return !f.flags().spec_steps && !f.flags().spec_topk && !f.flags().spec_draft_tokens;
}
bool llama(const Facts& f) {
  return shape_unset(f) && f.is(Field::kArchitecture, {"LlamaForCausalLM", "Grok1ForCausalLM"});
}
std::string text(const std::optional<std::int64_t>& value, std::int64_t fallback) {
  return std::to_string(value.value_or(fallback));
}
std::string user_steps(const Facts& f) { return text(f.flags().spec_steps, 3); }
std::string user_topk(const Facts& f) { return text(f.flags().spec_topk, 1); }
std::string user_draft(const Facts& f) {
  return text(f.flags().spec_draft_tokens, f.number(Field::kSpecSteps) + 1);
}
std::string steps_plus_1(const Facts& f) { return std::to_string(f.number(Field::kSpecSteps) + 1); }

constexpr char kPartly[] =
    "flags left out take the family's default; the sheet covers all or none of the three";

constexpr Rule kSteps[] = {
    {"spec.steps_off", off, "", kChoice},
    {"spec.steps_llama", llama, "5", kChoice},
    {"spec.steps_default", shape_unset, "3", kChoice},
    {"spec.steps_user", nullptr, user_steps, kChoice, kEverywhere, kPartly},
};
constexpr Rule kTopk[] = {
    {"spec.topk_off", off, "", kChoice},
    {"spec.topk_llama", llama, "4", kChoice},
    {"spec.topk_default", shape_unset, "1", kChoice},
    {"spec.topk_user", nullptr, user_topk, kChoice, kEverywhere, kPartly},
};
constexpr Rule kDraftTokens[] = {
    {"spec.draft_off", off, "", kChoice},
    {"spec.draft_llama", llama, "8", kChoice},
    {"spec.draft_default", shape_unset, "4", kChoice},
    {"spec.draft_corrected",
     [](const Facts& f) {
       return f.is(Field::kSpecTopk, "1") && f.flags().spec_draft_tokens &&
              *f.flags().spec_draft_tokens != f.number(Field::kSpecSteps) + 1;
     },
     steps_plus_1, kDefaults, kEverywhere, "one branch a step: steps + 1"},
    {"spec.draft_user", nullptr, user_draft, kChoice, kEverywhere, kPartly},
};

constexpr Rule kMaxRunning[] = {
    {"running.user", [](const Facts& f) { return f.flags().max_running.has_value(); },
     Answer([](const Facts& f) { return std::to_string(*f.flags().max_running); }), kDefaults},
    {"running.speculative", [](const Facts& f) { return f.speculative(); }, "48", kDefaults},
    {"running.unset", nullptr, "", kDefaults},
};

constexpr Source kDraftMap = {"python/sglang/srt/configs/model_config.py", "L302-308"};
constexpr char kNextN[] = "DeepseekV3ForCausalLMNextN";
constexpr Rule kDraftArchitecture[] = {
    {"draft.off", off, "", kDraftMap},
    {"draft.mapped",
     [](const Facts& f) {
       return f.is(Field::kArchitecture, {"DeepseekV3ForCausalLM", "GlmMoeDsaForCausalLM"});
     },
     kNextN, kDraftMap},
    {"draft.v32_unmapped",
     [](const Facts& f) { return f.is(Field::kArchitecture, "DeepseekV32ForCausalLM"); },
     "DeepseekV32ForCausalLM", kDraftMap, kApril | kMirror, "trap: the mapping lacks DeepseekV32ForCausalLM"},
    {"draft.v32", [](const Facts& f) { return f.is(Field::kArchitecture, "DeepseekV32ForCausalLM"); }, kNextN,
     kDraftMap, kAugust},
    {"draft.own", nullptr, Answer([](const Facts& f) { return f.value(Field::kArchitecture); }), kDraftMap,
     kEverywhere, "not mapped: the sheet lists the DeepSeek and GLM architectures"},
};

constexpr Rule kDraftPath[] = {
    {"draft_path.off", off, "", kDefaults},
    {"draft_path.user", [](const Facts& f) { return !f.flags().draft_model_path.empty(); },
     Answer([](const Facts& f) { return f.flags().draft_model_path; }), kDefaults},
    {"draft_path.target", nullptr, Answer([](const Facts& f) { return f.in.model.name; }), kDefaults,
     kEverywhere, "path and revision of the target"},
};

constexpr Rule kOverlap[] = {
    {"overlap.pipeline", [](const Facts& f) { return f.pp() > 1; }, "false", kDefaults},
    {"overlap.spec_v2", [](const Facts& f) { return f.speculative() && f.flags().spec_v2; }, "true",
     kDefaults},
    {"overlap.speculative", [](const Facts& f) { return f.speculative(); }, "false", kDefaults},
    {"overlap.on", nullptr, "true", kDefaults},
};
constexpr Rule kMixedChunk[] = {
    {"mixed_chunk.speculative", [](const Facts& f) { return f.speculative(); }, "false", kDefaults},
    {"mixed_chunk.user", [](const Facts& f) { return f.flags().mixed_chunk; }, "true", kDefaults},
    {"mixed_chunk.off", nullptr, "false", kDefaults},
};

constexpr Group kGroups[] = {
    {Field::kSpecSteps, kSteps},
    {Field::kSpecTopk, kTopk},
    {Field::kSpecDraftTokens, kDraftTokens},
    {Field::kMaxRunning, kMaxRunning},
    {Field::kDraftArchitecture, kDraftArchitecture},
    {Field::kDraftModelPath, kDraftPath},
    {Field::kOverlap, kOverlap},
    {Field::kMixedChunk, kMixedChunk},
};

}  // namespace

std::span<const Group> speculative_groups() { return kGroups; }

}  // namespace tamis::policy
