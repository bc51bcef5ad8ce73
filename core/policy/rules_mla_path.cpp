// Which form of MLA a batch takes under each attention backend (sheet 1.12).
#include "core/policy/rule.h"

namespace tamis::policy {
namespace {

constexpr std::int64_t kCapacity = 131072;

bool backend(const Facts& f, std::initializer_list<std::string_view> names) {
  return one_of(f.batch_attention(), names);
}
bool flash(const Facts& f) { return backend(f, {"flashinfer", "fa3", "flashmla", "cutlass_mla"}); }
bool piecewise(const Facts& f) { return f.flags().in_piecewise_graph; }
// No cached prefix, or one so long that un-absorbed attention over it pays.
bool worth_expanding(const Facts& f) {
  if (!f.plain_extend()) return false;
  if (f.prefix_tokens() == 0) return true;
  return f.prefix_tokens() >= f.flags().chunked_prefix_threshold.value_or(8192) &&
         !f.flags().disable_chunked_prefix;
}
bool trtllm_expands(const Facts& f) {
  return f.plain_extend() && (!f.flags().disable_chunked_prefix || f.prefix_tokens() == 0);
}

constexpr Source handler(const char* lines = "L54-171") {
  return {"python/sglang/srt/models/deepseek_common/attention_backend_handler.py", lines};
}

constexpr Rule kPath[] = {
    {"path.nsa_mha", [](const Facts& f) { return f.is(Field::kUseMha, "true"); }, "MHA_ONE_SHOT", handler()},
    {"path.nsa",
     [](const Facts& f) {
       return backend(f, {"nsa", "dsa"});
     },
     "MLA", handler()},
    {"path.flash_piecewise", [](const Facts& f) { return flash(f) && piecewise(f); }, "MLA", handler()},
    {"path.no_ragged",
     [](const Facts& f) {
       return backend(f, {"flashinfer", "flashmla"}) && f.flags().disable_ragged;
     },
     "MLA", handler()},
    {"path.fa3_deterministic", [](const Facts& f) { return backend(f, {"fa3"}) && f.flags().deterministic; },
     "MLA", handler()},
    {"path.flash_one_shot",
     [](const Facts& f) {
       return backend(f, {"fa3", "flashinfer", "flashmla"}) && worth_expanding(f) &&
              f.total_tokens() <= kCapacity;
     },
     "MHA_ONE_SHOT", handler()},
    {"path.flash_chunked", [](const Facts& f) { return flash(f) && worth_expanding(f); }, "MHA_CHUNKED_KV",
     handler()},
    {"path.flash_absorbed", flash, "MLA", handler()},
    {"path.fa4", [](const Facts& f) { return backend(f, {"fa4"}); }, "MHA_CHUNKED_KV", handler()},
    {"path.trtllm_piecewise", [](const Facts& f) { return backend(f, {"trtllm_mla"}) && piecewise(f); },
     "MLA", handler()},
    {"path.trtllm_chunked", [](const Facts& f) { return backend(f, {"trtllm_mla"}) && trtllm_expands(f); },
     "MHA_CHUNKED_KV", handler()},
    {"path.trtllm_absorbed", [](const Facts& f) { return backend(f, {"trtllm_mla"}); }, "MLA", handler()},
    {"path.aiter_extend", [](const Facts& f) { return backend(f, {"aiter"}) && f.plain_extend(); }, "MHA",
     handler()},
    {"path.aiter_absorbed", [](const Facts& f) { return backend(f, {"aiter"}); }, "MLA", handler()},
    {"path.ascend_dsa", [](const Facts& f) { return backend(f, {"ascend"}) && f.dsa(); }, "DSA_NPU",
     handler()},
    {"path.ascend_extend", [](const Facts& f) { return backend(f, {"ascend"}) && f.plain_extend(); },
     "MHA_NPU", handler()},
    {"path.ascend_absorbed", [](const Facts& f) { return backend(f, {"ascend"}); }, "MLA_NPU", handler()},
    {"path.triton_graph", [](const Facts& f) { return piecewise(f) || f.flags().deterministic; }, "MLA",
     handler(), kEverywhere, "triton, and every backend that has no handler"},
    {"path.triton_extend", [](const Facts& f) { return f.plain_extend() && f.prefix_tokens() == 0; }, "MHA",
     handler(), kEverywhere, "triton, and every backend that has no handler"},
    {"path.triton_absorbed", nullptr, "MLA", handler(), kEverywhere,
     "triton, and every backend that has no handler"},
};

constexpr Rule kRefined[] = {
    {"path.fused_rocm",
     [](const Facts& f) {
       return f.is(Field::kMlaPath, "MLA") && f.rocm() && f.flags().rocm_fused_decode &&
              f.in.batch.kind == BatchKind::kDecode;
     },
     "MLA_FUSED_ROPE_ROCM", handler()},
    {"path.fused_cpu",
     [](const Facts& f) {
       return f.is(Field::kMlaPath, "MLA") && f.in.device.platform == PolicyPlatform::kCpu && f.in.device.amx;
     },
     "MLA_FUSED_ROPE_CPU", handler(), kEverywhere, "with a fused qkv_a projection, which these models have"},
};

constexpr Group kGroups[] = {{Field::kMlaPath, kPath}, {Field::kMlaPath, kRefined}};

}  // namespace

std::span<const Group> mla_path_groups() { return kGroups; }

}  // namespace tamis::policy
