// Quantisation, MoE runner, shared-expert fusion and what follows from them (sheet 1.13, 1.16).
#include "core/policy/rule.h"

namespace tamis::policy {
namespace {

bool defaults(const Facts& f) { return f.is(Field::kFamilyDefaults, "true"); }
bool user_unset(const Facts& f) { return f.flags().quantization.empty(); }
bool no_checkpoint_format(const Facts& f) { return f.in.model.quantization.empty(); }

constexpr Source kSm100Block = server_args("L1753-1801");

constexpr Rule kQuantization[] = {
    {"quantization.user", [](const Facts& f) { return !user_unset(f); },
     Answer([](const Facts& f) { return f.flags().quantization; }), kSm100Block},
    {"quantization.checkpoint", [](const Facts& f) { return !no_checkpoint_format(f); },
     Answer([](const Facts& f) { return f.in.model.quantization; }), kSm100Block},
    {"quantization.sm100_default",
     [](const Facts& f) {
       return f.sm100() && defaults(f) && !f.flags().quantization_unset &&
              f.is(Field::kArchitecture, "DeepseekV3ForCausalLM");
     },
     "fp8", kSm100Block, kApril, "a checkpoint without a quantization_config is taken for FP8"},
    {"quantization.none", nullptr, "", kSm100Block, kEverywhere,
     "in 2026-08 the FP8 default of SM100 asks the checkpoint; the sheet does not say what it asks"},
};

bool int4_group32(const Facts& f) {
  return f.is(Field::kArchitecture, "KimiK25ForConditionalGeneration") && f.in.model.quant_group_size == 32;
}
bool trtllm_formats(const Facts& f) {
  return f.is(Field::kQuantization, {"fp8", "modelopt_fp8", "modelopt_fp4", "modelopt_mixed"}) ||
         int4_group32(f);
}

constexpr Rule kRunner[] = {
    {"moe.user", [](const Facts& f) { return f.flags().moe_runner != "auto"; },
     Answer([](const Facts& f) { return f.flags().moe_runner; }), server_args("L168-179")},
    {"moe.sm100_trtllm",
     [](const Facts& f) {
       return f.sm100() && defaults(f) && f.is(Field::kMoeA2a, "none") && trtllm_formats(f);
     },
     "flashinfer_trtllm", kSm100Block},
    {"moe.mxfp8", [](const Facts& f) { return f.is(Field::kQuantization, "mxfp8"); }, "flashinfer_trtllm",
     server_args("L2755-2855")},
    {"moe.auto", nullptr, "auto", server_args("L2755-2855"), kEverywhere,
     "each layer resolves it: moe_kernel"},
};

bool a2a_with_deep_gemm(const Facts& f) { return f.is(Field::kMoeA2a, {"deepep", "mooncake", "nixl"}); }
// deep_gemm_wrapper/configurer.py: as rules_gemm.cpp decides it, which runs later.
bool jit_deep_gemm(const Facts& f) {
  return f.sm() >= 90 && !f.flags().no_deep_gemm && f.flags().jit_deep_gemm;
}

constexpr Source kFp8Moe = {"python/sglang/srt/layers/quantization/fp8.py", "L789-805, L1491-1512"};
constexpr Rule kKernel[] = {
    {"moe_kernel.runner", [](const Facts& f) { return !f.is(Field::kMoeRunner, "auto"); },
     Answer([](const Facts& f) { return f.value(Field::kMoeRunner); }), server_args("L2755-2855")},
    {"moe_kernel.other_device", [](const Facts& f) { return !f.cuda() && !f.rocm(); }, "", kFp8Moe,
     kEverywhere, "the sheet has CUDA and ROCm"},
    {"moe_kernel.fp8_deep_gemm",
     [](const Facts& f) {
       return f.is(Field::kQuantization, "fp8") && jit_deep_gemm(f) && a2a_with_deep_gemm(f);
     },
     "deep_gemm", kFp8Moe},
    {"moe_kernel.fp8_triton", [](const Facts& f) { return f.is(Field::kQuantization, "fp8"); }, "triton",
     kFp8Moe},
    {"moe_kernel.w4afp8", [](const Facts& f) { return f.is(Field::kQuantization, "w4afp8"); }, "cutlass_w4a8",
     kFp8Moe, kEverywhere, "grouped GEMM of SM90"},
    {"moe_kernel.unquantised", [](const Facts& f) { return f.value(Field::kQuantization).empty(); }, "triton",
     kFp8Moe},
    {"moe_kernel.other", nullptr, "", kFp8Moe, kEverywhere,
     "the sheet has FP8, W4AFP8 and unquantised layers"},
};

bool rocm_eagle_fp4(const Facts& f) {
  return f.rocm() && f.is(Field::kSpecAlgorithm, "EAGLE") && f.is(Field::kQuantization, "modelopt_fp4");
}
bool rocm_fp8_nextn(const Facts& f) { return rocm_eagle_fp4(f) && f.flags().nvfp4_nextn_fp8; }
bool target_trtllm(const Facts& f) {
  return f.is(Field::kMoeRunner, {"flashinfer_trtllm", "flashinfer_trtllm_routed"});
}
constexpr Source kDraftRunner = server_args("L3181-3197");

constexpr Rule kSpecRunner[] = {
    {"spec_moe.none", [](const Facts& f) { return !f.speculative(); }, "", kDraftRunner},
    {"spec_moe.user",
     [](const Facts& f) { return !f.flags().spec_moe_runner.empty(); },
     {Answer([](const Facts& f) { return f.flags().spec_moe_runner; })},
     kDraftRunner},
    {"spec_moe.rocm_fp8", rocm_fp8_nextn, {"deep_gemm", "deepep"}, kSm100Block, kEverywhere, "needs EP > 1"},
    {"spec_moe.rocm_fp4", rocm_eagle_fp4, {"triton", "none"}, kSm100Block},
    {"spec_moe.trtllm", target_trtllm, "auto", kDraftRunner},
    {"spec_moe.same", nullptr, Answer([](const Facts& f) { return f.value(Field::kMoeRunner); }),
     kDraftRunner},
};

bool disables_fusion(const Facts& f) {
  return f.is(Field::kMoeRunner, {"flashinfer_trtllm", "flashinfer_trtllm_routed", "flashinfer_cutedsl"}) ||
         f.is(Field::kMoeA2a, "flashinfer");
}
bool deepep_class(const Facts& f) { return f.is(Field::kMoeA2a, {"deepep", "mooncake", "mori"}); }
bool gfx942_or_later(const Facts& f) { return f.gfx() >= 0x942 && f.gfx() < 0x1000; }
bool fusable(const Facts& f) {
  return f.is(Field::kArchitecture, {"DeepseekV3ForCausalLM", "DeepseekV3ForCausalLMNextN"}) &&
         f.in.model.n_routed_experts == 256 && f.in.model.n_shared_experts == 1;
}
std::string shared_experts(const Facts& f) { return std::to_string(f.in.model.n_shared_experts); }

constexpr Source kFusion = {"python/sglang/srt/models/deepseek_v2.py", "L2222-2280"};
constexpr Rule kFused[] = {
    {"fusion.runner", disables_fusion, "0", server_args("L2755-2855"), kEverywhere,
     "this runner sets --disable-shared-experts-fusion"},
    {"fusion.1_flag", [](const Facts& f) { return f.flags().disable_fusion; }, "0", kFusion},
    {"fusion.2_enforced", [](const Facts& f) { return deepep_class(f) && f.flags().enforce_fusion; },
     shared_experts, kFusion, kEverywhere, "in a slot of its home rank"},
    {"fusion.3_overlap", [](const Facts& f) { return f.flags().sbo || f.flags().tbo; }, "0", kFusion},
    {"fusion.4_deepep", deepep_class, "0", kFusion, kEverywhere,
     "row 2 names the class as deepep, mooncake, mori; the sheet does not place nixl"},
    {"fusion.5_model", [](const Facts& f) { return !fusable(f); }, "0", kFusion, kEverywhere,
     "GLM-5 is never fused: another architecture"},
    {"fusion.6_device", [](const Facts& f) { return !(f.cuda() && f.major() >= 8) && !gfx942_or_later(f); },
     "0", kFusion},
    {"fusion.7_ep", [](const Facts& f) { return f.number(Field::kEpSize) > 1 && !gfx942_or_later(f); }, "0",
     kFusion},
    {"fusion.8_w4afp8", [](const Facts& f) { return f.is(Field::kQuantization, "w4afp8"); }, "0", kFusion},
    {"fusion.9_fused", nullptr, shared_experts, kFusion},
};

constexpr Rule kPiecewise[] = {
    {"piecewise.moe_runner",
     [](const Facts& f) {
       return f.is(Field::kPiecewise, "true") &&
              f.is(Field::kMoeRunner, {"flashinfer_trtllm", "flashinfer_mxfp4", "flashinfer_trtllm_routed"});
     },
     {"false", ""},
     server_args("L2755-2855"),
     kEverywhere,
     "trtllm and mxfp4 runners turn it off"},
};

bool h20(const Facts& f) {
  return f.in.device.name.find("H20") != std::string::npos &&
         f.in.device.name.find("H200") == std::string::npos;
}
constexpr Rule kAllReduce[] = {
    {"all_reduce_fusion.on",
     [](const Facts& f) {
       return (f.sm() == 90 || f.sm100()) && defaults(f) && f.tp() > 1 &&
              !f.is(Field::kDpAttention, "true") && f.flags().nodes.value_or(1) == 1 && !h20(f) &&
              f.is(Field::kMoeA2a, "none");
     },
     "true", server_args("L2235-2275")},
    {"all_reduce_fusion.off", nullptr, "false", server_args("L2235-2275")},
};

constexpr Group kGroups[] = {
    {Field::kQuantization, kQuantization}, {Field::kMoeRunner, kRunner},
    {Field::kMoeKernel, kKernel},          {Field::kSpecMoeRunner, kSpecRunner, Field::kSpecMoeA2a},
    {Field::kFusedExperts, kFused},        {Field::kPiecewise, kPiecewise, Field::kPiecewiseMax},
    {Field::kAllReduceFusion, kAllReduce},
};

}  // namespace

std::span<const Group> moe_groups() { return kGroups; }

}  // namespace tamis::policy
