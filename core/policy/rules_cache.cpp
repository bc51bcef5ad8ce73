// KV dtype, page size and the layout of a latent row (sheet 1.4, 1.11, 4.1, 4.4).
#include "core/policy/rule.h"

namespace tamis::policy {
namespace {

bool gpu(const Facts& f) { return f.cuda() || f.rocm(); }
bool wants_bf16(const Facts& f) { return one_of(f.flags().kv_cache_dtype, {"bf16", "bfloat16"}); }
std::string user_dtype(const Facts& f) { return f.flags().kv_cache_dtype; }

constexpr Source kNsaDtype = server_args("L1546-1572");

constexpr Rule kKvDtype[] = {
    {"kv.npu", [](const Facts& f) { return f.npu(); }, user_dtype, kNsaDtype, kEverywhere,
     "untouched: the Ascend backend handles bf16 and int8"},
    {"kv.bf16", wants_bf16, "bfloat16", kNsaDtype, kEverywhere, "bf16 is another name of bfloat16"},
    {"kv.user", [](const Facts& f) { return f.flags().kv_cache_dtype != "auto"; }, user_dtype, kNsaDtype},
    {"kv.dense", [](const Facts& f) { return !f.dsa_defaults(); }, "auto", kNsaDtype, kEverywhere,
     "the model's own dtype"},
    {"kv.dsa_major10", [](const Facts& f) { return f.cuda() && f.major() >= 10; }, "fp8_e4m3", kNsaDtype,
     kEverywhere, "SM120 and SM121 too"},
    {"kv.dsa_major9", [](const Facts& f) { return f.cuda(); }, "bfloat16", kNsaDtype},
    {"kv.dsa_rocm", [](const Facts& f) { return f.rocm(); }, "bfloat16", kNsaDtype, kEverywhere,
     "torch reports major 9 for gfx94x and gfx95x; for gfx11 and gfx12 the sheet does not say"},
    {"kv.dsa_other", nullptr, "auto", kNsaDtype, kEverywhere, "the sheet has CUDA, ROCm and NPU only"},
};

bool uses(const Facts& f, std::string_view backend) {
  return f.is(Field::kAttentionBackend, backend) || f.is(Field::kPrefillAttention, backend) ||
         f.is(Field::kDecodeAttention, backend);
}
bool user_32_or_64(const Facts& f) { return f.flags().page_size == 32 || f.flags().page_size == 64; }
bool dsa_gpu(const Facts& f) { return f.dsa_defaults() && gpu(f); }
std::string user_page(const Facts& f) { return std::to_string(*f.flags().page_size); }

constexpr Source kPages = server_args("L2588-2655");
constexpr Source kNsaPages = server_args("L1653-1735");

constexpr Rule kPageSize[] = {
    {"page.tamis", [](const Facts& f) { return !(f.dsa_defaults() && f.cuda()); }, "64", kTamis, kAuto,
     "tamis keeps pages of 64 slots on every device"},
    {"page.dsa_cuda", [](const Facts& f) { return f.dsa_defaults() && f.cuda(); }, "64", kNsaPages,
     kEverywhere, "overwrites --page-size"},
    {"page.dsa_rocm_preshuffled", [](const Facts& f) { return dsa_gpu(f) && f.flags().preshuffled_mqa; },
     "64", overrides(), kAugust | kMirror,
     "aiter's preshuffled paged MQA: Triton >= 3.5 or built ahead of time"},
    {"page.dsa_rocm", dsa_gpu, "1", kNsaPages, kMirror, "overwrites --page-size"},
    {"page.flashmla", [](const Facts& f) { return uses(f, "flashmla"); }, "64", kPages, kMirror},
    {"page.cutlass_mla", [](const Facts& f) { return uses(f, "cutlass_mla"); }, "128", kPages, kMirror},
    {"page.trtllm_mla_user", [](const Facts& f) { return uses(f, "trtllm_mla") && user_32_or_64(f); },
     user_page, kPages, kMirror},
    {"page.trtllm_mla", [](const Facts& f) { return uses(f, "trtllm_mla"); }, "64", kPages, kMirror},
    {"page.user", [](const Facts& f) { return f.flags().page_size.has_value(); }, user_page, kPages, kMirror},
    {"page.npu",
     [](const Facts& f) { return f.npu(); },
     "128",
     {"python/sglang/srt/hardware_backend/npu/utils.py", "L45-95"},
     kMirror},
    {"page.musa", [](const Facts& f) { return f.in.device.platform == PolicyPlatform::kMusa; }, "64", kPages,
     kMirror},
    {"page.default", nullptr, "1", kPages, kMirror},
};

constexpr Group kGroups[] = {{Field::kKvDtype, kKvDtype}, {Field::kPageSize, kPageSize}};

}  // namespace

std::span<const Group> cache_groups() { return kGroups; }

}  // namespace tamis::policy
