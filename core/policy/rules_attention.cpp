// The attention backend (sheet 1.3 item 2, 1.5 NPU, 1.11).
#include "core/policy/rule.h"

namespace tamis::policy {
namespace {

bool none_set(const Facts& f) {
  return f.flags().attention_backend.empty() && f.flags().prefill_attention_backend.empty() &&
         f.flags().decode_attention_backend.empty();
}
bool main_unset(const Facts& f) { return f.flags().attention_backend.empty(); }
bool both_equal(const Facts& f) {
  return !f.flags().prefill_attention_backend.empty() &&
         f.flags().prefill_attention_backend == f.flags().decode_attention_backend;
}
bool hopper(const Facts& f) { return f.cuda() && f.major() == 9 && f.in.device.cuda_version >= 1203; }
bool nsa_default(const Facts& f) { return none_set(f) && f.dsa_defaults(); }

// A device for which SGLang has no sparse attention.
bool dsa_elsewhere(const Facts& f) { return nsa_default(f) && !f.cuda() && !f.rocm() && !f.npu(); }

// Whether the main backend would be fa3, for the correction under fp8_e5m2.
bool wants_fa3(const Facts& f) {
  if (!main_unset(f)) return f.flags().attention_backend == "fa3";
  if (both_equal(f)) return f.flags().prefill_attention_backend == "fa3";
  if (nsa_default(f)) return false;
  return hopper(f) || (f.flags().deterministic && f.cuda() && !f.sm100() && !f.sm120());
}

// _get_default_attn_backend: heads of keys a rank, which are all heads in MLA.
bool aiter_heads(const Facts& f) {
  return f.rocm() && !f.flags().no_aiter &&
         one_of(std::to_string(f.in.model.n_heads / f.tp()), {"128", "16"});
}

std::string user_main(const Facts& f) { return f.flags().attention_backend; }
std::string user_prefill(const Facts& f) { return f.flags().prefill_attention_backend; }
std::string user_decode(const Facts& f) { return f.flags().decode_attention_backend; }

constexpr Source kGeneric = server_args("L2425-2455");
constexpr Source kCompatibility = server_args("L2588-2655");

constexpr Rule kAttention[] = {
    {"attention.fa3_e5m2",
     [](const Facts& f) { return f.flags().kv_cache_dtype == "fp8_e5m2" && f.cuda() && wants_fa3(f); },
     "triton", kCompatibility, kEverywhere, "fa3 does not read fp8_e5m2"},
    {"attention.user", [](const Facts& f) { return !main_unset(f); }, user_main, server_args("L130-153")},
    {"attention.both_equal", both_equal, user_prefill, kGeneric, kEverywhere,
     "equal prefill and decode backends become the main one"},
    {"attention.npu",
     [](const Facts& f) { return f.npu(); },
     "ascend",
     {"python/sglang/srt/hardware_backend/npu/utils.py", "L45-95"}},
    {"attention.nsa_here", dsa_elsewhere, "nsa", kTamis, kApril | kAuto,
     "sparse attention runs on every device"},
    {"attention.dsa_here", dsa_elsewhere, "dsa", kTamis, kAugust | kAuto,
     "sparse attention runs on every device"},
    {"attention.xpu", [](const Facts& f) { return f.in.device.platform == PolicyPlatform::kXpu; },
     "intel_xpu", server_args("L750-880"), kEverywhere, "set by the device handler"},
    {"attention.amx",
     [](const Facts& f) { return f.in.device.platform == PolicyPlatform::kCpu && f.in.device.amx; },
     "intel_amx", server_args("L750-880"), kEverywhere, "set by the device handler"},
    {"attention.nsa", nsa_default, "nsa", server_args("L1653-1735"), kApril},
    {"attention.dsa", nsa_default, "dsa", overrides(), kAugust},
    {"attention.deterministic_blackwell",
     [](const Facts& f) { return f.flags().deterministic && (f.sm100() || f.sm120()); }, "triton",
     kCompatibility},
    {"attention.deterministic", [](const Facts& f) { return f.flags().deterministic && f.cuda(); }, "fa3",
     kCompatibility},
    {"attention.trtllm_mla",
     [](const Facts& f) { return none_set(f) && f.is(Field::kFamilyDefaults, "true") && f.sm100(); },
     "trtllm_mla", server_args("L1741-1750")},
    {"attention.fa3", hopper, "fa3", kGeneric},
    {"attention.flashinfer", [](const Facts& f) { return f.sm100(); }, "flashinfer", kGeneric, kEverywhere,
     "SM100 reached through the generic function: other architectures, or only one phase's flag set"},
    {"attention.triton_rdna", [](const Facts& f) { return f.rdna(); }, "triton", kTamis, kAuto,
     "AITER has no kernels for RDNA"},
    {"attention.aiter", aiter_heads, "aiter", kGeneric},
    {"attention.mps", [](const Facts& f) { return f.in.device.platform == PolicyPlatform::kMps; },
     "torch_native", kGeneric},
    {"attention.triton", nullptr, "triton", kGeneric},
};

constexpr Rule kPrefill[] = {
    {"attention.prefill_user", [](const Facts& f) { return !f.flags().prefill_attention_backend.empty(); },
     user_prefill, server_args("L130-153")},
    {"attention.prefill_main", nullptr,
     Answer([](const Facts& f) { return f.value(Field::kAttentionBackend); }), server_args("L130-153")},
};
constexpr Rule kDecode[] = {
    {"attention.decode_user", [](const Facts& f) { return !f.flags().decode_attention_backend.empty(); },
     user_decode, server_args("L130-153")},
    {"attention.decode_main", nullptr,
     Answer([](const Facts& f) { return f.value(Field::kAttentionBackend); }), server_args("L130-153")},
};

// aiter with long contexts takes less memory for the cache.
bool aiter_long(const Facts& f) {
  const std::int64_t context = f.flags().context_length.value_or(f.in.model.max_positions);
  return f.is(Field::kAttentionBackend, "aiter") && context > 8192 && !f.value(Field::kMemFraction).empty();
}
std::string scaled_fraction(const Facts& f) {
  return fmt::format("{:.3f}", std::stod(f.value(Field::kMemFraction)) * 0.85);
}
constexpr Rule kMemFraction[] = {
    {"memory.aiter_context", aiter_long, scaled_fraction, kCompatibility, kEverywhere,
     "context above 8192: the fraction times 0.85"},
};

constexpr Rule kCustomAllReduce[] = {
    {"all_reduce.npu",
     [](const Facts& f) { return f.npu(); },
     "false",
     {"python/sglang/srt/hardware_backend/npu/utils.py", "L45-95"}},
    {"all_reduce.other", nullptr, "true", server_args("L750-880")},
};
constexpr Rule kHicacheIo[] = {
    {"hicache.npu",
     [](const Facts& f) { return f.npu(); },
     "kernel_ascend",
     {"python/sglang/srt/hardware_backend/npu/utils.py", "L45-95"}},
    {"hicache.other", nullptr, "", server_args("L750-880"), kEverywhere, "the sheet states it for NPU only"},
};

constexpr Group kGroups[] = {
    {Field::kAttentionBackend, kAttention},      {Field::kPrefillAttention, kPrefill},
    {Field::kDecodeAttention, kDecode},          {Field::kMemFraction, kMemFraction},
    {Field::kCustomAllReduce, kCustomAllReduce}, {Field::kHicacheIo, kHicacheIo},
};

}  // namespace

std::span<const Group> attention_groups() { return kGroups; }

}  // namespace tamis::policy
