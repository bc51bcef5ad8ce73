#include "core/policy/policy_flags.h"

#include <algorithm>
#include <charconv>

namespace tamis {
namespace {

using F = PolicyFlags;

FlagRow text(const char* name, std::string F::*where, const char* legal, const char* help,
             const char* august = "") {
  return {.name = name, .text = where, .legal = legal, .help = help, .august = august};
}
FlagRow number(const char* name, std::optional<std::int64_t> F::*where, const char* help) {
  return {.name = name, .number = where, .help = help};
}
FlagRow boolean(const char* name, bool F::*where, const char* help) {
  return {.name = name, .flag = where, .help = help};
}

// Legal values: python/sglang/srt/server_args.py L130-233 and L1546-1572.
constexpr char kAttention[] =
    "triton torch_native flex_attention nsa cutlass_mla fa3 fa4 flashinfer flashmla trtllm_mla trtllm_mha "
    "dual_chunk_flash_attn aiter wave intel_amx ascend intel_xpu";
constexpr char kSparse[] = "flashmla_sparse flashmla_kv flashmla_auto fa3 tilelang aiter trtllm";
constexpr char kSparseAugust[] = "flashmla_sparse_q8 flashinfer_sparse_mla";
constexpr char kRunners[] =
    "auto deep_gemm triton triton_kernel flashinfer_trtllm flashinfer_trtllm_routed flashinfer_cutlass "
    "flashinfer_mxfp4 flashinfer_cutedsl cutlass marlin";

const FlagRow kRows[] = {
    text("--attention-backend", &F::attention_backend, kAttention, "attention of every batch", "dsa"),
    text("--prefill-attention-backend", &F::prefill_attention_backend, kAttention, "attention of extends",
         "dsa"),
    text("--decode-attention-backend", &F::decode_attention_backend, kAttention, "attention of decodes",
         "dsa"),
    text("--nsa-prefill-backend,--dsa-prefill-backend,--prefill-backend", &F::prefill_backend, kSparse,
         "sparse attention kernel of extends", kSparseAugust),
    text("--nsa-decode-backend,--dsa-decode-backend,--decode-backend", &F::decode_backend, kSparse,
         "sparse attention kernel of decodes", kSparseAugust),
    text("--kv-cache-dtype", &F::kv_cache_dtype, "auto fp8_e4m3 fp8_e5m2 bf16 bfloat16 fp4_e2m1",
         "dtype of the latent cache"),
    text("--moe-runner-backend", &F::moe_runner, kRunners, "MoE runner"),
    text("--speculative-moe-runner-backend", &F::spec_moe_runner, kRunners, "MoE runner of the draft"),
    text("--moe-a2a-backend", &F::moe_a2a, "none deepep mooncake nixl mori ascend_fuseep flashinfer",
         "all-to-all of expert parallelism"),
    text("--deepep-mode", &F::deepep_mode, "auto normal low_latency", "mode of DeepEP and of mori"),
    text("--fp8-gemm-backend", &F::fp8_gemm,
         "auto deep_gemm flashinfer_trtllm flashinfer_cutlass flashinfer_deepgemm cutlass triton aiter",
         "FP8 block-scaled linear"),
    text("--quantization", &F::quantization, nullptr, "weight format, over what the checkpoint says"),
    boolean("--quantization-unset", &F::quantization_unset, "no default for an empty --quantization"),
    text("--dsa-topk-backend", &F::topk_backend, "", "top-k of the indexer", "sgl-kernel torch flashinfer"),
    text("--dsa-paged-mqa-logits-backend", &F::paged_logits_backend, "", "indexer scores over pages",
         "auto deepgemm cutedsl aiter"),
    text("--nsa-prefill-cp-mode,--cp-strategy", &F::cp_mode, "in-seq-split round-robin-split",
         "how context parallelism splits a prefill", "zigzag interleave"),
    text("--speculative-algorithm,--speculative", &F::speculative, "EAGLE EAGLE3 NEXTN STANDALONE NGRAM",
         "speculation"),
    text("--speculative-draft-model-path", &F::draft_model_path, nullptr, "checkpoint of the draft"),
    text("--speculative-attention-mode", &F::spec_attention_mode, "prefill decode", "whose backend verifies"),
    text("--disaggregation-mode", &F::disaggregation, "null prefill decode", "role of a PD server"),
    number("--dense-prefill-threshold", &F::dense_threshold, "longest KV of a dense prefill"),
    number("--page-size", &F::page_size, "slots of a page"),
    number("--tp", &F::tp, "tensor parallelism"),
    number("--dp", &F::dp, "data parallelism"),
    number("--ep", &F::ep, "expert parallelism"),
    number("--pp", &F::pp, "pipeline parallelism"),
    number("--cp", &F::cp, "context parallelism of prefills; above 1 turns it on"),
    number("--nnodes", &F::nodes, "nodes"),
    number("--moe-dense-tp-size", &F::moe_dense_tp, "tensor parallelism of dense MLPs"),
    number("--speculative-num-steps", &F::spec_steps, "draft steps"),
    number("--speculative-eagle-topk", &F::spec_topk, "branches of a draft step"),
    number("--speculative-num-draft-tokens", &F::spec_draft_tokens, "tokens verified at once"),
    number("--max-running-requests", &F::max_running, "requests that run at once"),
    number("--chunked-prefill-size", &F::chunk, "tokens of a prefill chunk"),
    number("--cuda-graph-max-bs", &F::graph_max_batch, "largest batch in a graph"),
    number("--context-length", &F::context_length, "longest sequence served"),
    number("--gemm-n", &F::gemm_n, "outputs of the linear that fp8_gemm_for_shape asks about"),
    number("--gemm-k", &F::gemm_k, "inputs of it"),
    boolean("--gemm-f32-output", &F::gemm_f32_output, "its output is fp32, not bf16"),
    boolean("--enable-dp-attention", &F::dp_attention, "attention is data parallel"),
    boolean("--enable-hisparse", &F::hisparse, "hierarchical sparse cache"),
    boolean("--disable-radix-cache", &F::disable_radix, "no prefix cache"),
    boolean("--enable-deterministic-inference", &F::deterministic, "results do not depend on the batch"),
    boolean("--disable-shared-experts-fusion", &F::disable_fusion, "shared experts run by themselves"),
    boolean("--enforce-shared-experts-fusion", &F::enforce_fusion, "fuse them under DeepEP too"),
    boolean("--enable-single-batch-overlap", &F::sbo, "SBO"),
    boolean("--enable-two-batch-overlap", &F::tbo, "TBO"),
    boolean("--disable-chunked-prefix-cache", &F::disable_chunked_prefix, "no MHA over a cached prefix"),
    boolean("--flashinfer-mla-disable-ragged", &F::disable_ragged, "flashinfer, flashmla: absorbed MLA only"),
    boolean("--enable-mixed-chunk", &F::mixed_chunk, "decodes ride in prefill chunks"),
    boolean("--speculative-adaptive", &F::spec_adaptive, "draft steps follow the acceptance"),
    boolean("--disable-piecewise-cuda-graph", &F::disable_piecewise, "no graphs for prefills"),
    boolean("--in-piecewise-graph", &F::in_piecewise_graph, "the batch runs in such a graph"),
    boolean("--rocm-fused-decode", &F::rocm_fused_decode, "ROCm: fused rope and decode"),
    boolean("--transformers-knows-v32", &F::transformers_knows_v32,
            "the installed transformers loads deepseek_v32, so that the architecture keeps its name"),
    boolean("--aiter-preshuffled-mqa", &F::preshuffled_mqa, "aiter's preshuffled paged MQA is there"),
    boolean("--no-deep-gemm", &F::no_deep_gemm, "deep_gemm cannot be imported"),
    boolean("--no-flashinfer", &F::no_flashinfer, "flashinfer cannot be imported"),
    boolean("--no-cutlass-fp8", &F::no_cutlass_fp8, "no CUTLASS block FP8 in this build"),
    boolean("--no-aiter", &F::no_aiter, "aiter is off"),
    number("SGLANG_NSA_PREFILL_DENSE_ATTN_KV_LEN_THRESHOLD", &F::dense_threshold,
           "as --dense-prefill-threshold"),
    number("SGLANG_CHUNKED_PREFIX_CACHE_THRESHOLD", &F::chunked_prefix_threshold, "default 8192"),
    number("SGLANG_MORI_NUM_MAX_DISPATCH_TOKENS_PER_RANK", &F::mori_max_tokens, "default 4096"),
    boolean("SGLANG_ENABLE_JIT_DEEPGEMM", &F::jit_deep_gemm, "default true"),
    boolean("SGLANG_NSA_FUSE_TOPK", &F::fuse_topk, "default true"),
    boolean("SGLANG_ENABLE_SPEC_V2", &F::spec_v2, "default false: overlap scheduler for EAGLE"),
    boolean("SGLANG_FORCE_FP8_MARLIN", &F::force_marlin, "default false: weight-only FP8 linear"),
    boolean("SGLANG_NVFP4_CKPT_FP8_NEXTN_MOE", &F::nvfp4_nextn_fp8,
            "default false: FP8 NextN MoE of an NVFP4 checkpoint"),
};

// Calls `visit` with each part of `list` cut at `separator` until it returns true.
template <class Visit>
bool any_part(std::string_view list, char separator, Visit visit) {
  while (!list.empty()) {
    const std::size_t end = list.find(separator);
    if (visit(list.substr(0, end))) return true;
    list = end == std::string_view::npos ? std::string_view() : list.substr(end + 1);
  }
  return false;
}

bool contains(const char* list, char separator, std::string_view word) {
  return any_part(list, separator, [&](std::string_view part) { return part == word; });
}

Status set_number(std::optional<std::int64_t>& where, std::string_view name, std::string_view value) {
  std::int64_t parsed = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
  constexpr std::int64_t kMost = 0x7fffffff;
  if (error != std::errc() || end != value.data() + value.size() || parsed < 0 || parsed > kMost)
    return invalid_argument("{}: expected a number from 0 to {}, found \"{}\"", name, kMost, value);
  where = parsed;
  return {};
}

Status set_boolean(bool& where, std::string_view name, std::string_view value) {
  if (value != "true" && value != "1" && value != "false" && value != "0")
    return invalid_argument("{}: expected true or false, found \"{}\"", name, value);
  where = value == "true" || value == "1";
  return {};
}

}  // namespace

std::span<const FlagRow> policy_flag_rows() { return kRows; }

Status set_policy_flag(PolicyFlags& flags, std::string_view name, std::string_view value) {
  for (const FlagRow& row : kRows) {
    if (!contains(row.name, ',', name)) continue;
    if (row.number != nullptr) return set_number(flags.*row.number, name, value);
    if (row.flag != nullptr) return set_boolean(flags.*row.flag, name, value);
    if (row.legal != nullptr && !contains(row.legal, ' ', value) && !contains(row.august, ' ', value)) {
      const char* gap = *row.legal != '\0' && *row.august != '\0' ? " " : "";
      return invalid_argument("{}: expected one of {}{}{}, found \"{}\"", name, row.legal, gap, row.august,
                              value);
    }
    flags.*row.text = value;
    return {};
  }
  return invalid_argument("{}: no such flag or environment variable of the policy", name);
}

Status check_policy_flags(const PolicyFlags& flags, bool august) {
  for (const char* name : {"--tp", "--dp", "--ep", "--pp", "--cp", "--nnodes"}) {
    const auto row = std::find_if(std::begin(kRows), std::end(kRows), [&](const FlagRow& candidate) {
      return contains(candidate.name, ',', name);
    });
    if (flags.*row->number == 0) return invalid_argument("{}: expected at least 1, found 0", name);
  }
  if (august) return {};
  for (const FlagRow& row : kRows) {
    if (row.text == nullptr || !contains(row.august, ' ', flags.*row.text)) continue;
    return invalid_argument("{}: \"{}\" is a value of --rules 2026-08; 2026-04 has: {}", row.name,
                            flags.*row.text, *row.legal == '\0' ? "no such flag" : row.legal);
  }
  return {};
}

}  // namespace tamis
