// What SGLang refuses or warns of: attention, cache, kernels, HiSparse
// (sheet 1.3, 1.4, 1.8, 1.9, 1.11, 1.19).
#include "core/policy/rule.h"

namespace tamis::policy {
namespace {

bool gpu(const Facts& f) { return f.cuda() || f.rocm(); }
bool fp8(const Facts& f) { return f.is(Field::kKvDtype, "fp8_e4m3"); }
bool bf16(const Facts& f) { return f.is(Field::kKvDtype, "bfloat16"); }
bool fp4(const Facts& f) { return f.is(Field::kKvDtype, "fp4_e2m1"); }
bool dsa_gpu(const Facts& f) { return f.dsa_defaults() && gpu(f); }
bool uses(const Facts& f, std::string_view backend) {
  return f.is(Field::kAttentionBackend, backend) || f.is(Field::kPrefillAttention, backend) ||
         f.is(Field::kDecodeAttention, backend);
}
bool either(const Facts& f, std::string_view kernel) {
  return f.is(Field::kPrefillBackend, kernel) || f.is(Field::kDecodeBackend, kernel);
}
bool trtllm_mixed(const Facts& f) {
  return f.dsa() && fp8(f) && either(f, "trtllm") &&
         !f.is(Field::kPrefillBackend, f.value(Field::kDecodeBackend));
}
// Kernels that the user asked for by name.
bool asked(const Facts& f, std::string_view kernel) {
  return f.dsa() && (f.flags().prefill_backend == kernel || f.flags().decode_backend == kernel);
}

std::string dtype_message(const Facts& f) {
  return fmt::format("kv_cache_dtype: expected bfloat16 or fp8_e4m3 for a DSA model, found {}",
                     f.value(Field::kKvDtype));
}
std::string padding_message(const Facts& f) {
  return fmt::format("flashmla_sparse: {} local heads do not divide the padded {}", f.local_heads(),
                     f.value(Field::kPaddedHeads));
}
std::string topk_block_message(const Facts& f) {
  return fmt::format("tilelang: index_topk must be a multiple of 64, found {}", f.in.model.index_topk);
}
std::string attention_message(const Facts& f) {
  return fmt::format(
      "deterministic inference on DeepSeek: expected attention backend fa3 or triton, found {}",
      f.value(Field::kAttentionBackend));
}

constexpr Source kCompatibility = server_args("L2588-2655");
constexpr Source kNsaDtype = server_args("L1546-1572");

constexpr Rule kAttentionErrors[] = {
    {"error.kv_dtype_dsa", [](const Facts& f) { return dsa_gpu(f) && !bf16(f) && !fp8(f); }, dtype_message,
     kNsaDtype},
    {"error.fp4_dsa",
     [](const Facts& f) { return f.dsa() && fp4(f); },
     "fp4_e2m1 KV is not for DSA models",
     {"python/sglang/srt/mem_cache/memory_pool.py", "L1680-1806"}},
    {"error.fp4_backend",
     [](const Facts& f) {
       return fp4(f) && !f.dsa() &&
              !f.is(Field::kAttentionBackend, {"cutlass_mla", "flashinfer", "trtllm_mla", "flashmla"});
     },
     "fp4_e2m1 KV: expected attention backend cutlass_mla, flashinfer, trtllm_mla or flashmla",
     kCompatibility},
    {"error.fp4_device", [](const Facts& f) { return fp4(f) && !f.cuda(); }, "fp4_e2m1 KV needs CUDA",
     kCompatibility},
    {"error.trtllm_mla_device",
     [](const Facts& f) {
       return uses(f, "trtllm_mla") && !(f.cuda() && (f.major() == 10 || f.major() == 12));
     },
     "trtllm_mla needs Blackwell (compute capability 10.x or 12.x)", kCompatibility},
    {"error.trtllm_mla_dtype",
     [](const Facts& f) {
       return uses(f, "trtllm_mla") && !f.is(Field::kKvDtype, {"fp8_e4m3", "fp4_e2m1", "bfloat16", "auto"});
     },
     "trtllm_mla: expected kv_cache_dtype fp8_e4m3, fp4_e2m1, bfloat16 or auto", kCompatibility},
    {"error.deterministic",
     [](const Facts& f) {
       return f.flags().deterministic && f.is(Field::kFamilyDefaults, "true") &&
              !f.is(Field::kAttentionBackend, {"fa3", "triton"});
     },
     attention_message, kCompatibility, kEverywhere,
     "the sheet does not except DSA models, whose backend is nsa by default"},
    {"error.deterministic_other",
     [](const Facts& f) {
       return f.flags().deterministic && !f.is(Field::kFamilyDefaults, "true") &&
              !f.is(Field::kAttentionBackend, {"flashinfer", "fa3", "triton"});
     },
     "deterministic inference: expected attention backend flashinfer, fa3 or triton", kCompatibility},
    {"error.no_platform", [](const Facts& f) { return f.dsa() && !gpu(f) && !f.npu(); },
     "no DSA kernel on this device: SGLang has CUDA, ROCm and NPU", server_args("L1653-1735"), kMirror},
};

constexpr Rule kKernelErrors[] = {
    {"error.sparse_padding",
     [](const Facts& f) {
       return f.is(Field::kPrefillImpl, "flashmla_sparse") && f.dsa() &&
              f.number(Field::kPaddedHeads) % f.local_heads() != 0;
     },
     padding_message, nsa_backend("L1677-1724")},
    {"error.flashmla_kv_heads",
     [](const Facts& f) { return f.is(Field::kPrefillImpl, "flashmla_kv") && f.local_heads() > 128; },
     "flashmla_kv: at most 128 local heads", nsa_backend("L1726-1785")},
    {"error.flashmla_kv_page",
     [](const Facts& f) { return f.dsa() && either(f, "flashmla_kv") && !f.is(Field::kPageSize, "64"); },
     "flashmla_kv: the page size must be 64", nsa_backend("L1726-1785"), kMirror},
    {"error.tilelang_topk",
     [](const Facts& f) { return f.dsa() && either(f, "tilelang") && f.in.model.index_topk % 64 != 0; },
     topk_block_message, nsa_backend("L1852-1868")},
    {"error.auto_decode",
     [](const Facts& f) { return f.dsa() && f.is(Field::kDecodeBackend, "flashmla_auto"); },
     "flashmla_auto: a choice of prefill only, the decode dispatch has no branch for it",
     nsa_backend("L2181-2198")},
    {"error.trtllm_mixed",
     trtllm_mixed,
     "FP8 KV: trtllm reads raw rows and flashmla packed ones; set both backends to trtllm or neither",
     {"python/sglang/srt/model_executor/model_runner_kv_cache_mixin.py", "L133-178"},
     kAuto,
     "SGLang starts and reads the wrong layout"},
    {"error.tilelang_fp8_cuda",
     [](const Facts& f) { return f.dsa() && f.cuda() && fp8(f) && either(f, "tilelang"); },
     "tilelang on CUDA does not read FP8 KV", overrides(), kAugust},
    {"error.torch_topk_fused",
     [](const Facts& f) { return f.is(Field::kTopkBackend, "torch") && f.flags().fuse_topk; },
     "--dsa-topk-backend torch needs SGLANG_DSA_FUSE_TOPK=false", overrides(), kAugust},
    {"error.cutedsl_device",
     [](const Facts& f) { return f.is(Field::kPagedLogits, "cutedsl") && !f.sm100(); },
     "--dsa-paged-mqa-logits-backend cutedsl needs SM100", overrides(), kAugust},
    {"error.tbo_index_share",
     [](const Facts& f) { return f.dsa() && f.flags().tbo && f.in.model.shares_indices; },
     "two-batch overlap cannot run layers that share indices", overrides(), kAugust},
};

bool hisparse(const Facts& f) { return f.flags().hisparse; }
bool set_other_than(const Facts& f, std::initializer_list<std::string_view> allowed) {
  const auto bad = [&](const std::string& kernel) { return !kernel.empty() && !one_of(kernel, allowed); };
  return bad(f.flags().prefill_backend) || bad(f.flags().decode_backend);
}
constexpr Source kHisparse = server_args("L6650-6685");
constexpr Source kHook = {"python/sglang/srt/arg_groups/hisparse_hook.py", ""};

constexpr Rule kHisparseErrors[] = {
    {"error.hisparse_model", [](const Facts& f) { return hisparse(f) && !f.dsa(); },
     "HiSparse: the model must be DSA", kHisparse},
    {"error.hisparse_radix", [](const Facts& f) { return hisparse(f) && !f.flags().disable_radix; },
     "HiSparse: --disable-radix-cache is required", kHisparse},
    {"error.hisparse_kernel",
     [](const Facts& f) { return hisparse(f) && set_other_than(f, {"flashmla_sparse"}); },
     "HiSparse: a DSA backend that is set must be flashmla_sparse", kHisparse, kApril},
    {"error.hisparse_dtype", [](const Facts& f) { return hisparse(f) && !bf16(f); },
     "HiSparse: kv_cache_dtype must be bfloat16", kHisparse, kApril},
    {"error.hisparse_kernel_rocm",
     [](const Facts& f) {
       return hisparse(f) && f.rocm() && set_other_than(f, {"tilelang", "aiter"});
     },
     "HiSparse on ROCm: a DSA backend that is set must be tilelang or aiter", kHook, kAugust},
    {"error.hisparse_kernel_fp8",
     [](const Facts& f) {
       return hisparse(f) && f.cuda() && fp8(f) &&
              set_other_than(f, {"flashmla_kv", "flashinfer_sparse_mla"});
     },
     "HiSparse with FP8 KV: a DSA backend that is set must be flashmla_kv or flashinfer_sparse_mla", kHook,
     kAugust},
    {"error.hisparse_kernel_bf16",
     [](const Facts& f) {
       return hisparse(f) && f.cuda() && bf16(f) && set_other_than(f, {"flashmla_sparse"});
     },
     "HiSparse with bfloat16 KV: a DSA backend that is set must be flashmla_sparse", kHook, kAugust},
};

constexpr Rule kWarnings[] = {
    {"warning.threshold_above_topk",
     [](const Facts& f) { return f.dsa() && f.flags().dense_threshold.value_or(0) > f.in.model.index_topk; },
     "dense_prefill_threshold is above index_topk: dense and sparse results differ there",
     {"python/sglang/srt/environ.py", "L407-411"}},
    {"warning.threshold_overwritten",
     [](const Facts& f) {
       return f.dsa() && f.flags().dense_threshold &&
              *f.flags().dense_threshold != f.number(Field::kDenseThreshold);
     },
     "GLM on Blackwell: the given dense_prefill_threshold is overwritten with 0", server_args("L1653-1735"),
     kApril},
    {"warning.page_overwritten",
     [](const Facts& f) { return f.flags().page_size && *f.flags().page_size != f.number(Field::kPageSize); },
     "the given --page-size is overwritten", server_args("L1653-1735")},
    {"warning.kernel_without_dtype",
     [](const Facts& f) {
       return f.dsa() && f.flags().kv_cache_dtype == "auto" &&
              !(f.flags().prefill_backend.empty() && f.flags().decode_backend.empty());
     },
     "a DSA backend is set and --kv-cache-dtype is left on auto", kNsaDtype},
    {"warning.fa3_e5m2",
     [](const Facts& f) {
       return f.flags().kv_cache_dtype == "fp8_e5m2" && f.is(Field::kAttentionBackend, "triton") && f.cuda();
     },
     "fp8_e5m2 KV runs with triton: fa3 does not read it", kCompatibility},
    {"warning.requantise",
     [](const Facts& f) { return f.is(Field::kPrefillImpl, "flashmla_kv") && f.dsa() && bf16(f); },
     "flashmla_kv on a bfloat16 cache quantises the whole cache on every call", nsa_backend("L1726-1785")},
    {"warning.fa3_device", [](const Facts& f) { return asked(f, "fa3") && f.sm() != 90; },
     "fa3: in practice SM90 only", nsa_backend("L1639-1675")},
    {"warning.trap_kernel",
     [](const Facts& f) {
       return f.dsa_defaults() && f.cuda() && (f.major() < 9 || f.major() >= 11) &&
              !either(f, "flashinfer_sparse_mla");
     },
     "none of SGLang's default sparse kernels runs on this part", server_args("L1574-1621"), kMirror},
    {"warning.asked_kernel",
     [](const Facts& f) {
       return f.cuda() && (f.major() < 9 || f.major() >= 11) &&
              (asked(f, "flashmla_sparse") || asked(f, "flashmla_kv") || asked(f, "flashmla_auto") ||
               asked(f, "fa3") || asked(f, "trtllm"));
     },
     "the kernel asked for does not run on this part; other rows are tried", kTamis, kAuto},
    {"warning.nvfp4_dispatch", [](const Facts& f) { return f.is(Field::kMoeA2a, "flashinfer"); },
     "all-to-all flashinfer turns NVFP4 dispatch on", server_args("L2953-3005")},
    {"warning.cp_nodes",
     [](const Facts& f) { return f.context_parallel() && f.dsa() && f.flags().nodes.value_or(1) > 1; },
     "context parallelism over several nodes has precision issues", server_args("L1680-1735")},
    {"warning.gather",
     [](const Facts& f) { return f.is(Field::kPrefillImpl, "flashmla_sparse") && f.dsa() && fp8(f); },
     "flashmla_sparse on an FP8 cache gathers and dequantises first", nsa_backend("L1677-1724")},
    {"warning.cp_without_rule",
     [](const Facts& f) { return f.context_parallel() && !f.dsa_defaults() && f.april(); },
     "context parallelism without DSA: the sheet has no rule for it", server_args("L221")},
    {"warning.cp_few_tokens",
     [](const Facts& f) {
       const bool zigzag = f.is(Field::kCpMode, {"in-seq-split", "zigzag"});
       return f.context_parallel() && f.dsa() && f.plain_extend() &&
              f.new_tokens() < (zigzag ? 2 : 1) * f.number(Field::kCpSize);
     },
     "context parallelism: too few new tokens to split over the ranks",
     {"python/sglang/srt/layers/utils/cp_utils.py", ""},
     kEverywhere,
     "a token a rank, or two in-seq-split"},
    {"warning.cp_hopper", [](const Facts& f) { return f.context_parallel() && f.dsa() && f.sm() != 90; },
     "context parallelism of DSA is verified on Hopper only", server_args("L1680-1735")},
    {"warning.draft_path",
     [](const Facts& f) { return f.speculative() && !f.flags().draft_model_path.empty(); },
     "the draft of this model is in its own checkpoint: --speculative-draft-model-path is not needed",
     server_args("L3330-3440")},
    {"warning.draft_tokens",
     [](const Facts& f) {
       return f.speculative() && f.flags().spec_draft_tokens &&
              *f.flags().spec_draft_tokens != f.number(Field::kSpecDraftTokens);
     },
     "speculative_draft_tokens is corrected to steps + 1", server_args("L3330-3440")},
    {"warning.mixed_chunk", [](const Facts& f) { return f.speculative() && f.flags().mixed_chunk; },
     "mixed chunks are switched off under speculation", server_args("L3330-3440")},
    {"warning.ep_forced",
     [](const Facts& f) { return f.flags().ep && *f.flags().ep != f.number(Field::kEpSize); },
     "ep_size is forced to tp_size", server_args("L2953-3005")},
    {"warning.cp_forced",
     [](const Facts& f) { return f.context_parallel() && *f.flags().cp != f.number(Field::kCpSize); },
     "attn_cp_size is forced to tp_size / dp_size", server_args("L1680-1735")},
};

constexpr Group kGroups[] = {
    {kErrors, kAttentionErrors},
    {kErrors, kKernelErrors},
    {kErrors, kHisparseErrors},
    {kErrors, kWarnings, Field::kCount, true},
};

}  // namespace

std::span<const Group> check_groups() { return kGroups; }

}  // namespace tamis::policy
