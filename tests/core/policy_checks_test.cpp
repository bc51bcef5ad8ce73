// Rows that refuse or warn; each with an input that lacks the condition and stays silent.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/core/policy_support.h"

namespace tamis {
namespace {

constexpr PolicyCase kCases[] = {
    {"error.kv_dtype_dsa", "sm90 v32 --kv-cache-dtype fp8_e5m2", "expected bfloat16 or fp8_e4m3"},
    {"error.fp4_dsa", "sm100 v32 --kv-cache-dtype fp4_e2m1", "not for DSA"},
    {"error.fp4_backend", "sm90 v3 --kv-cache-dtype fp4_e2m1", "expected attention backend cutlass_mla"},
    {"error.fp4_device", "gfx942 v3 --kv-cache-dtype fp4_e2m1", "needs CUDA"},
    {"error.trtllm_mla_device", "sm90 v3 --attention-backend trtllm_mla", "needs Blackwell"},
    {"error.trtllm_mla_dtype", "sm100 v3 --kv-cache-dtype fp8_e5m2", "fp8_e4m3, fp4_e2m1, bfloat16 or auto"},
    {"error.deterministic", "sm90 v3 --enable-deterministic-inference true --attention-backend flashinfer",
     "found flashinfer"},
    {"error.deterministic_other",
     "sm100 v3 arch=LlamaForCausalLM --enable-deterministic-inference true --attention-backend flashmla",
     "flashinfer, fa3 or triton"},
    {"error.no_platform", "cpu v32", "no DSA kernel"},
    {"error.sparse_padding", "sm90 v32 --tp 3", "42 local heads do not divide the padded 64"},
    {"error.flashmla_kv_heads", "sm90 v32 heads=256 --kv-cache-dtype fp8_e4m3", "at most 128"},
    {"error.flashmla_kv_page", "gfx942 v32 --nsa-decode-backend flashmla_kv", "must be 64"},
    {"error.tilelang_topk", "gfx942 v32 topk=100", "found 100"},
    {"error.auto_decode", "sm90 v32 --nsa-decode-backend flashmla_auto", "prefill only"},
    {"error.trtllm_mixed", "sm100 v32 auto --nsa-decode-backend flashmla_kv", "trtllm or neither"},
    {"error.tilelang_fp8_cuda", "sm100 v32 aug --nsa-prefill-backend tilelang", "does not read FP8"},
    {"error.torch_topk_fused", "sm90 v32 aug --dsa-topk-backend torch", "SGLANG_DSA_FUSE_TOPK=false"},
    {"error.cutedsl_device", "sm90 v32 aug --dsa-paged-mqa-logits-backend cutedsl", "needs SM100"},
    {"error.tbo_index_share", "sm90 glm52 aug --enable-two-batch-overlap true --moe-a2a-backend deepep",
     "share indices"},
    {"error.hisparse_model", "sm90 v3 --enable-hisparse true", "must be DSA"},
    {"error.hisparse_radix", "sm90 v32 --enable-hisparse true", "--disable-radix-cache"},
    {"error.hisparse_kernel", "sm90 v32 --enable-hisparse true --nsa-decode-backend fa3", "flashmla_sparse"},
    {"error.hisparse_dtype", "sm100 v32 --enable-hisparse true", "must be bfloat16"},
    {"error.hisparse_kernel_rocm", "gfx942 v32 aug --enable-hisparse true --nsa-decode-backend fa3",
     "tilelang or aiter"},
    {"error.hisparse_kernel_fp8", "sm100 v32 aug --enable-hisparse true --nsa-decode-backend trtllm",
     "flashmla_kv or flashinfer_sparse_mla"},
    {"error.hisparse_kernel_bf16", "sm90 v32 aug --enable-hisparse true --nsa-decode-backend fa3",
     "must be flashmla_sparse"},
    {"warning.threshold_above_topk", "sm90 v32 --dense-prefill-threshold 2049", "above index_topk"},
    {"warning.threshold_overwritten", "sm100 glm --dense-prefill-threshold 100", "overwritten with 0"},
    {"warning.page_overwritten", "sm90 v32 --page-size 16", "--page-size"},
    {"warning.kernel_without_dtype", "sm90 v32 --nsa-prefill-backend tilelang", "left on auto"},
    {"warning.fa3_e5m2", "sm90 v3 --kv-cache-dtype fp8_e5m2", "triton"},
    {"warning.requantise", "sm90 v32 --nsa-prefill-backend flashmla_kv", "whole cache"},
    {"warning.fa3_device", "sm89 v32 --nsa-decode-backend fa3", "SM90 only"},
    {"warning.trap_kernel", "sm120 v32", "none of SGLang's default"},
    {"warning.trap_kernel", "sm80 v32", "none of SGLang's default"},
    {"warning.gather", "sm90 v32 --nsa-prefill-backend flashmla_sparse --kv-cache-dtype fp8_e4m3", "gathers"},
    {"warning.cp_without_rule", "sm90 v3 --cp 2", "no rule"},
    {"warning.asked_kernel", "sm120 v32 auto --nsa-decode-backend trtllm", "does not run"},
    {"warning.nvfp4_dispatch", "sm100 v3 --moe-a2a-backend flashinfer", "NVFP4"},
    {"warning.cp_nodes", "sm90 v32 --tp 8 --cp 8 --nnodes 2", "nodes"},
    {"warning.cp_few_tokens", "sm90 v32 --tp 8 --cp 8 extend:7+100", "too few"},
    {"warning.cp_few_tokens", "sm90 v32 --tp 8 --cp 8 --nsa-prefill-cp-mode in-seq-split extend:15+0",
     "too few"},
    {"warning.cp_hopper", "sm100 v32 --tp 8 --cp 8", "Hopper"},
    {"warning.draft_path", "sm90 v32 --speculative EAGLE --speculative-draft-model-path x", "not needed"},
    {"warning.draft_tokens",
     "sm90 v32 --speculative EAGLE --speculative-num-steps 2 --speculative-num-draft-tokens 8", "steps + 1"},
    {"warning.mixed_chunk", "sm90 v32 --speculative EAGLE --enable-mixed-chunk true", "switched off"},
    {"warning.ep_forced", "sm90 v32 --tp 8 --ep 2 --moe-a2a-backend deepep", "tp_size"},
    {"warning.cp_forced", "sm90 v32 --tp 8 --cp 2", "tp_size / dp_size"},
    {"error.cp_decode_role", "sm90 v32 --tp 8 --cp 8 --disaggregation-mode decode", "PD decode"},
    {"error.cp_tp", "sm90 v32 --tp 4 --cp 4", "expected TP 8, found 4"},
    {"error.cp_tp_august", "sm90 v32 aug --tp 16 --cp 16", "at most 8, found 16"},
    {"error.cp_round_robin_dp", "sm90 v32 --tp 8 --dp 2 --cp 4", "dp_size must be 1"},
    {"error.cp_divisor", "sm90 v32 --tp 8 --dp 3 --cp 2 --nsa-prefill-cp-mode in-seq-split", "must divide"},
    {"error.cp_in_sequence_batch",
     "sm90 v32 --tp 8 --cp 8 --nsa-prefill-cp-mode in-seq-split extend:10+0;10+0",
     "one request a prefill, found 2"},
    {"error.cp_in_sequence_fp8",
     "sm90 v32 --tp 8 --cp 8 --nsa-prefill-cp-mode in-seq-split --kv-cache-dtype fp8_e4m3", "no FP8"},
    {"error.cp_dense_august", "sm100 v3 aug --cp 2", "zigzag"},
    {"error.moe_dense_tp", "sm90 v32 --moe-dense-tp-size 2", "1 or not given"},
    {"error.sbo_a2a", "sm90 v32 --enable-single-batch-overlap true", "all-to-all"},
    {"error.tbo_a2a", "sm90 v32 --enable-two-batch-overlap true", "all-to-all"},
    {"error.flashinfer_cutlass_format", "sm100 v3 quant=awq --moe-runner-backend flashinfer_cutlass",
     "expected quantization"},
    {"error.flashinfer_cutlass_ep", "sm100 v3 --moe-runner-backend flashinfer_cutlass --tp 8 --ep 2",
     "ep_size"},
    {"error.cutedsl_format", "sm100 v3 --moe-runner-backend flashinfer_cutedsl", "modelopt_fp4"},
    {"error.cutedsl_a2a",
     "sm100 v3 quant=modelopt_fp4 --moe-runner-backend flashinfer_cutedsl --moe-a2a-backend mori", "deepep"},
    {"error.cutlass_ep", "sm90 v3 --moe-runner-backend cutlass --tp 8 --ep 8", "must be 1"},
    {"error.flashinfer_a2a", "sm100 v3 --moe-a2a-backend flashinfer", "flashinfer_cutlass"},
    {"error.draft_trtllm", "sm100 v32 --speculative EAGLE --speculative-moe-runner-backend flashinfer_trtllm",
     "not for a draft"},
    {"error.draft_deepep_ep",
     "gfx950 v3 quant=modelopt_fp4 --speculative EAGLE SGLANG_NVFP4_CKPT_FP8_NEXTN_MOE=true", "above 1"},
    {"error.spec_topk_page", "sm90 v32 --speculative EAGLE --speculative-eagle-topk 4", "flashinfer and fa3"},
    {"error.spec_v2_topk",
     "sm90 v3 --speculative EAGLE --speculative-eagle-topk 4 SGLANG_ENABLE_SPEC_V2=true", "must be 1"},
    {"error.spec_trtllm_mha_topk",
     "sm100 v3 --attention-backend trtllm_mha --speculative EAGLE --speculative-eagle-topk 4", "trtllm_mha"},
    {"error.spec_adaptive_algorithm", "sm90 v32 --speculative NGRAM --speculative-adaptive true", "EAGLE"},
    {"error.spec_adaptive_topk",
     "sm90 v3 --speculative EAGLE --speculative-eagle-topk 4 --speculative-adaptive true", "must be 1"},
    {"error.spec_pipeline", "sm90 v32 --speculative EAGLE --pp 2", "pipeline"},
    {"error.spec_standalone", "sm90 v3 --speculative STANDALONE --enable-dp-attention true", "data-parallel"},
};

// Near misses: the row must not fire.
constexpr PolicyCase kSilent[] = {
    {"error.kv_dtype_dsa", "npu v32 --kv-cache-dtype fp8_e5m2", ""},
    {"error.fp4_backend", "sm100 v3 --kv-cache-dtype fp4_e2m1", ""},
    {"error.trtllm_mla_device", "sm120 v3 --attention-backend trtllm_mla", ""},
    {"error.deterministic", "sm90 v3 --enable-deterministic-inference true", ""},
    {"error.sparse_padding", "sm90 v32 --tp 8", ""},
    {"error.flashmla_kv_page", "sm90 v32 --nsa-decode-backend flashmla_kv", ""},
    {"error.trtllm_mixed", "sm100 v32 auto --kv-cache-dtype bf16", ""},
    {"error.tilelang_fp8_cuda", "sm100 v32 --nsa-prefill-backend tilelang", ""},
    {"error.tilelang_fp8_cuda", "gfx942 v32 aug --kv-cache-dtype fp8_e4m3", ""},
    {"error.torch_topk_fused", "sm90 v32 aug --dsa-topk-backend torch SGLANG_NSA_FUSE_TOPK=false", ""},
    {"error.hisparse_radix", "sm90 v32 --enable-hisparse true --disable-radix-cache true", ""},
    {"error.hisparse_dtype", "sm100 v32 --enable-hisparse true --kv-cache-dtype bf16", ""},
    {"error.hisparse_dtype", "sm100 v32 aug --enable-hisparse true", ""},
    {"error.cp_tp", "sm90 v32 --tp 8 --cp 8", ""},
    {"error.cp_tp", "sm90 v32 --tp 4", ""},
    {"error.cp_in_sequence_fp8", "sm90 v32 --tp 8 --cp 8 --kv-cache-dtype fp8_e4m3", ""},
    {"error.cp_in_sequence_batch", "sm90 v32 --tp 8 --cp 8 extend:10+0;10+0", ""},
    {"error.cp_dense_august", "sm90 v3 aug --cp 2 --cp-strategy zigzag", ""},
    {"error.flashinfer_cutlass_ep", "sm100 v3 --moe-runner-backend flashinfer_cutlass --tp 8 --ep 8", ""},
    {"error.flashinfer_a2a", "sm100 v3 --moe-a2a-backend flashinfer --moe-runner-backend flashinfer_cutlass",
     ""},
    {"error.spec_topk_page", "sm90 v3 --speculative EAGLE --speculative-eagle-topk 4 --page-size 64", ""},
    {"error.spec_topk_page", "sm80 v3 auto --speculative EAGLE --speculative-eagle-topk 4", ""},
    {"error.spec_adaptive_topk", "sm90 v32 --speculative EAGLE --speculative-adaptive true", ""},
    {"warning.trap_kernel", "sm120 v32 auto", ""},
    {"warning.threshold_above_topk", "sm90 v32 --dense-prefill-threshold 2048", ""},
};

TEST(Policy, CheckRows) { expect_cases(kCases); }

TEST(Policy, ChecksStaySilentWithoutTheirCondition) {
  for (const PolicyCase& entry : kSilent) {
    const PolicyRun run = run_policy(entry.input);
    const bool fired =
        std::any_of(run.decision.hits.begin(), run.decision.hits.end(),
                    [&](const policy::Rule* rule) { return rule->id == std::string(entry.rule); });
    EXPECT_FALSE(fired) << entry.rule << " on " << entry.input;
  }
}

}  // namespace

std::span<const PolicyCase> check_cases() { return kCases; }

}  // namespace tamis
