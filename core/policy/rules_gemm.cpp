// DeepGEMM's gate, the FP8 block-scaled linear and its shape fallbacks (sheet 1.14, 1.15).
#include "core/policy/rule.h"

namespace tamis::policy {
namespace {

constexpr Source kGate = {"python/sglang/srt/layers/deep_gemm_wrapper/configurer.py", ""};

constexpr Rule kDeepGemm[] = {
    {"deep_gemm.arch", [](const Facts& f) { return f.sm() < 90; }, "false", kGate, kEverywhere,
     "SM90 and later"},
    {"deep_gemm.import", [](const Facts& f) { return f.flags().no_deep_gemm; }, "false", kGate},
    {"deep_gemm.environment", [](const Facts& f) { return !f.flags().jit_deep_gemm; }, "false", kGate},
    {"deep_gemm.on", nullptr, "true", kGate},
};
bool deep_gemm(const Facts& f) { return f.is(Field::kDeepGemm, "true"); }
constexpr Rule kScales[] = {
    {"deep_gemm.no_scales", [](const Facts& f) { return !deep_gemm(f); }, "", kGate},
    {"deep_gemm.ue8m0", [](const Facts& f) { return f.major() >= 10 && f.major() <= 12; }, "ue8m0", kGate,
     kEverywhere, "packed"},
    {"deep_gemm.f32", nullptr, "fp32", kGate},
};

bool flashinfer(const Facts& f) { return !f.flags().no_flashinfer; }
constexpr Source utils(const char* lines = "L361-475") {
  return {"python/sglang/srt/layers/quantization/fp8_utils.py", lines};
}

constexpr Rule kFp8Gemm[] = {
    {"gemm.not_fp8", [](const Facts& f) { return !f.is(Field::kQuantization, "fp8"); }, "", utils(),
     kEverywhere, "no FP8 block-scaled weights"},
    {"gemm.other_device", [](const Facts& f) { return !f.cuda() && !f.rocm(); }, "", utils(), kEverywhere,
     "the sheet has CUDA and ROCm"},
    {"gemm.marlin_forced", [](const Facts& f) { return f.cuda() && f.flags().force_marlin; }, "marlin",
     utils("L1601-1608"), kEverywhere, "weight-only FP8"},
    {"gemm.marlin_sm8x", [](const Facts& f) { return f.sm() >= 80 && f.sm() < 89; }, "marlin",
     utils("L1601-1608"), kEverywhere, "weight-only FP8: native FP8 needs SM89"},
    {"gemm.user", [](const Facts& f) { return f.flags().fp8_gemm != "auto"; },
     Answer([](const Facts& f) { return f.flags().fp8_gemm; }), server_args("L191-200")},
    {"gemm.sm120", [](const Facts& f) { return f.sm120(); }, "triton", utils(), kEverywhere,
     "auto on SM120 becomes triton at initialisation, so DeepGEMM and flashinfer's SM12x variant are not "
     "reached"},
    {"gemm.deep_gemm", deep_gemm, "deep_gemm", utils()},
    {"gemm.flashinfer_sm100", [](const Facts& f) { return f.blackwell() && flashinfer(f); },
     "flashinfer_trtllm", utils()},
    {"gemm.cutlass", [](const Facts& f) { return f.sm() >= 90 && !f.flags().no_cutlass_fp8; }, "cutlass",
     utils()},
    {"gemm.triton_rdna", [](const Facts& f) { return f.rdna(); }, "triton", kTamis, kAuto,
     "AITER has no kernels for RDNA"},
    {"gemm.aiter", [](const Facts& f) { return f.rocm() && !f.flags().no_aiter; }, "aiter", utils(),
     kEverywhere, "for gfx90a, which has no FP8 units, the sheet makes no exception"},
    {"gemm.triton", nullptr, "triton", utils()},
};

bool multiple(std::optional<std::int64_t> value, std::int64_t unit) { return value.value_or(0) % unit == 0; }
std::int64_t rows(const Facts& f) { return f.flags().gemm_n.value_or(0); }
std::int64_t depth(const Facts& f) { return f.flags().gemm_k.value_or(0); }
bool no_shape(const Facts& f) { return rows(f) == 0 || depth(f) == 0; }
bool chosen(const Facts& f, std::string_view name) { return f.is(Field::kFp8Gemm, name); }
bool deep_gemm_shape(const Facts& f) { return multiple(rows(f), 64) && multiple(depth(f), 128); }

constexpr Rule kShape[] = {
    {"gemm_shape.none", no_shape, "", utils(), kEverywhere, "asked with --gemm-n and --gemm-k"},
    {"gemm_shape.deep_gemm_output",
     [](const Facts& f) { return chosen(f, "deep_gemm") && f.flags().gemm_f32_output; }, "triton", utils(),
     kEverywhere, "the output is not bf16"},
    {"gemm_shape.deep_gemm", [](const Facts& f) { return chosen(f, "deep_gemm") && !deep_gemm_shape(f); },
     "triton", utils(), kEverywhere,
     "N is no multiple of 64, or K none of 128; UE8M0 scales are unpacked first"},
    {"gemm_shape.flashinfer_trtllm",
     [](const Facts& f) { return chosen(f, "flashinfer_trtllm") && depth(f) < 256; }, "triton", utils(),
     kEverywhere, "K is below 256"},
    {"gemm_shape.flashinfer_deepgemm",
     [](const Facts& f) { return chosen(f, "flashinfer_deepgemm") && !deep_gemm_shape(f); }, "triton",
     utils(), kEverywhere, "N is no multiple of 64, or K none of 128"},
    {"gemm_shape.cutlass",
     [](const Facts& f) {
       return chosen(f, "cutlass") && !(multiple(rows(f), 128) && multiple(depth(f), 128));
     },
     "triton", utils(), kEverywhere, "N or K is no multiple of 128"},
    {"gemm_shape.fits", nullptr, Answer([](const Facts& f) { return f.value(Field::kFp8Gemm); }), utils()},
};

constexpr Group kGroups[] = {{Field::kDeepGemm, kDeepGemm},
                             {Field::kDeepGemmScales, kScales},
                             {Field::kFp8Gemm, kFp8Gemm},
                             {Field::kFp8GemmShape, kShape}};

}  // namespace

std::span<const Group> gemm_groups() { return kGroups; }

}  // namespace tamis::policy
