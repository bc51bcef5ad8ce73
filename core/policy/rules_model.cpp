// Is the model DSA, do the DeepSeek defaults apply, and how long a prompt is prefilled densely
// (sheet 1.2, 1.3).
#include "core/policy/rule.h"

namespace tamis::policy {
namespace {

constexpr char kV3[] = "DeepseekV3ForCausalLM", kV32[] = "DeepseekV32ForCausalLM",
               kGlm[] = "GlmMoeDsaForCausalLM";
constexpr char kLongcat[] = "LongcatFlashForCausalLM";

bool is_v32(const Facts& f) { return f.in.model.architecture == kV32; }
std::string own_architecture(const Facts& f) { return f.in.model.architecture; }

constexpr Rule kArchitecture[] = {
    {"arch.same", is_v32, kV3, kTamis, kAuto,
     "DeepseekV32ForCausalLM and DeepseekV3ForCausalLM with index_topk are one architecture here"},
    {"arch.rewritten",
     [](const Facts& f) { return is_v32(f) && !f.flags().transformers_knows_v32; },
     kV3,
     {"python/sglang/srt/utils/hf_transformers/common.py", "L310-338"},
     kMirror,
     "trap: the loader rewrites deepseek_v32 where the installed transformers does not know it"},
    {"arch.own", nullptr, own_architecture, {"python/sglang/srt/utils/hf_transformers/config.py", "L77-92"}},
};

constexpr Source kDetection = {"python/sglang/srt/configs/model_config.py", "L58-84"};

constexpr Rule kIsDsa[] = {
    {"is_dsa.no_index_topk", [](const Facts& f) { return f.in.model.index_topk == 0; }, "false", kDetection},
    {"is_dsa.listed",
     [](const Facts& f) {
       return f.is(Field::kArchitecture, {kV3, kV32, "DeepseekV3ForCausalLMNextN", "MistralLarge3ForCausalLM",
                                          "PixtralForConditionalGeneration", kGlm});
     },
     "true", kDetection},
    {"is_dsa.longcat", [](const Facts& f) { return f.is(Field::kArchitecture, kLongcat); }, "true",
     overrides(), kAugust,
     "the sheet names LongcatFlash; that its architecture is spelled LongcatFlashForCausalLM is assumed"},
    {"is_dsa.other_architecture", nullptr, "false", kDetection},
};

constexpr Rule kFamilyDefaults[] = {
    {"defaults.listed",
     [](const Facts& f) {
       return f.is(Field::kArchitecture, {kV3, "KimiK25ForConditionalGeneration", "MistralLarge3ForCausalLM",
                                          "PixtralForConditionalGeneration", kGlm});
     },
     "true", server_args("L1646-1652")},
    {"defaults.added",
     [](const Facts& f) {
       return f.is(Field::kArchitecture, {kV32, kLongcat});
     },
     "true", overrides(), kAugust},
    {"defaults.v32_missed", [](const Facts& f) { return f.is(Field::kArchitecture, kV32); }, "false",
     server_args("L1646-1652"), kApril | kMirror,
     "trap: DeepseekV32ForCausalLM is not listed, so a config that keeps this name gets no DSA defaults"},
    {"defaults.other", nullptr, "false", server_args("L1646-1652")},
};

std::string user_threshold(const Facts& f) { return std::to_string(f.flags().dense_threshold.value_or(0)); }
std::string index_topk(const Facts& f) { return std::to_string(f.in.model.index_topk); }

constexpr Rule kDenseThreshold[] = {
    {"threshold.not_dsa", [](const Facts& f) { return !f.dsa(); }, "", server_args("L1653-1735")},
    {"threshold.glm_blackwell",
     [](const Facts& f) { return f.is(Field::kArchitecture, kGlm) && f.blackwell(); }, "0",
     server_args("L1653-1735"), kApril, "dense prefill is never used; a value of the user is overwritten"},
    {"threshold.user",
     [](const Facts& f) { return f.flags().dense_threshold.has_value(); },
     user_threshold,
     {"python/sglang/srt/environ.py", "L407-411"}},
    {"threshold.index_topk", [](const Facts& f) { return f.dsa_defaults(); }, index_topk,
     server_args("L1653-1735")},
    {"threshold.environment",
     nullptr,
     "2048",
     {"python/sglang/srt/environ.py", "L407-411"},
     kEverywhere,
     "the environment's default: the block that sets index_topk did not run"},
};

constexpr Rule kSpecAlgorithm[] = {
    {"spec.nextn", [](const Facts& f) { return f.flags().speculative == "NEXTN"; }, "EAGLE",
     server_args("L3330-3440"), kEverywhere, "NEXTN is another name of EAGLE"},
    {"spec.algorithm", nullptr, Answer([](const Facts& f) { return f.flags().speculative; }),
     server_args("L3330-3440")},
};

constexpr Group kGroups[] = {
    {Field::kArchitecture, kArchitecture},     {Field::kIsDsa, kIsDsa},
    {Field::kFamilyDefaults, kFamilyDefaults}, {Field::kDenseThreshold, kDenseThreshold},
    {Field::kSpecAlgorithm, kSpecAlgorithm},
};

}  // namespace

std::span<const Group> model_groups() { return kGroups; }

}  // namespace tamis::policy
