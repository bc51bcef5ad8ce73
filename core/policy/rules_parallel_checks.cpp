// What SGLang refuses of parallelism, MoE and speculation (sheet 1.3 item 4, 1.13, 1.17, 5.1, 11.2, 11.5).
#include "core/policy/rule.h"

namespace tamis::policy {
namespace {

bool dsa_cp(const Facts& f) { return f.context_parallel() && f.dsa_defaults() && !f.npu(); }
bool in_sequence(const Facts& f) { return f.is(Field::kCpMode, {"in-seq-split", "zigzag"}); }
std::string batch_message(const Facts& f) {
  return fmt::format("context parallelism in-seq-split: one request a prefill, found {}",
                     f.in.batch.sequences.size());
}
std::string tp_message(const Facts& f) {
  return fmt::format("context parallelism: expected TP {}8, found {}", f.april() ? "" : "of at most ",
                     f.tp());
}

constexpr Source kContextParallel = server_args("L1680-1735");

constexpr Rule kContextErrors[] = {
    {"error.cp_decode_role", [](const Facts& f) { return dsa_cp(f) && f.flags().disaggregation == "decode"; },
     "context parallelism is not for a PD decode server", server_args("L1653-1735")},
    {"error.cp_tp", [](const Facts& f) { return dsa_cp(f) && f.tp() != 8; }, tp_message, kContextParallel,
     kApril},
    {"error.cp_tp_august", [](const Facts& f) { return dsa_cp(f) && f.tp() > 8; }, tp_message,
     overrides("L1595-1750"), kAugust},
    {"error.cp_round_robin_dp",
     [](const Facts& f) { return dsa_cp(f) && !in_sequence(f) && f.number(Field::kDpSize) != 1; },
     "context parallelism round-robin-split: dp_size must be 1", kContextParallel},
    {"error.cp_divisor",
     [](const Facts& f) { return dsa_cp(f) && in_sequence(f) && f.tp() % f.number(Field::kDpSize) != 0; },
     "context parallelism in-seq-split: dp_size must divide tp_size", kContextParallel},
    {"error.cp_in_sequence_batch",
     [](const Facts& f) {
       return dsa_cp(f) && in_sequence(f) && f.plain_extend() && f.in.batch.sequences.size() != 1;
     },
     batch_message, kContextParallel},
    {"error.cp_in_sequence_fp8",
     [](const Facts& f) { return dsa_cp(f) && in_sequence(f) && f.is(Field::kKvDtype, "fp8_e4m3"); },
     "context parallelism in-seq-split: no FP8 KV", kContextParallel},
    {"error.cp_dense_august",
     [](const Facts& f) {
       return f.context_parallel() && !f.dsa() &&
              !(in_sequence(f) && f.sm() == 90 && f.is(Field::kPrefillAttention, "fa3"));
     },
     "context parallelism of dense MLA: zigzag, with fa3 on Hopper", overrides("L1595-1750"), kAugust},
    {"error.moe_dense_tp", [](const Facts& f) { return f.flags().moe_dense_tp.value_or(1) != 1; },
     "--moe-dense-tp-size: 1 or not given", server_args("L1680-1735"), kEverywhere,
     "line not in the sheet (11.2)"},
    {"error.sbo_a2a", [](const Facts& f) { return f.flags().sbo && f.is(Field::kMoeA2a, "none"); },
     "single-batch overlap needs an all-to-all backend", server_args("L2953-3005"), kEverywhere,
     "line not in the sheet (8)"},
    {"error.tbo_a2a", [](const Facts& f) { return f.flags().tbo && f.is(Field::kMoeA2a, "none"); },
     "two-batch overlap needs an all-to-all backend", server_args("L2953-3005"), kEverywhere,
     "line not in the sheet (11.5)"},
};

bool runner(const Facts& f, std::string_view name) { return f.is(Field::kMoeRunner, name); }
std::int64_t ep(const Facts& f) { return f.number(Field::kEpSize); }
constexpr Source kRunners = server_args("L2755-2855");

constexpr Rule kMoeErrors[] = {
    {"error.flashinfer_cutlass_format",
     [](const Facts& f) {
       return runner(f, "flashinfer_cutlass") &&
              !f.is(Field::kQuantization, {"modelopt_fp4", "fp8", "modelopt_mixed", ""});
     },
     "flashinfer_cutlass: expected quantization modelopt_fp4, fp8, modelopt_mixed or none", kRunners},
    {"error.flashinfer_cutlass_ep",
     [](const Facts& f) { return runner(f, "flashinfer_cutlass") && ep(f) != 1 && ep(f) != f.tp(); },
     "flashinfer_cutlass: ep_size must be 1 or tp_size", kRunners},
    {"error.cutedsl_format",
     [](const Facts& f) {
       return runner(f, "flashinfer_cutedsl") && !f.is(Field::kQuantization, "modelopt_fp4");
     },
     "flashinfer_cutedsl: expected quantization modelopt_fp4", kRunners},
    {"error.cutedsl_a2a",
     [](const Facts& f) {
       return runner(f, "flashinfer_cutedsl") && !f.is(Field::kMoeA2a, {"none", "deepep"});
     },
     "flashinfer_cutedsl: expected all-to-all none or deepep", kRunners},
    {"error.cutlass_ep",
     [](const Facts& f) { return runner(f, "cutlass") && f.is(Field::kQuantization, "fp8") && ep(f) != 1; },
     "cutlass with fp8: ep_size must be 1", kRunners},
    {"error.flashinfer_a2a",
     [](const Facts& f) { return f.is(Field::kMoeA2a, "flashinfer") && !runner(f, "flashinfer_cutlass"); },
     "all-to-all flashinfer needs --moe-runner-backend flashinfer_cutlass", server_args("L2953-3005")},
    {"error.draft_trtllm",
     [](const Facts& f) { return f.speculative() && f.flags().spec_moe_runner == "flashinfer_trtllm"; },
     "--speculative-moe-runner-backend: flashinfer_trtllm is not for a draft", server_args("L3181-3197")},
    {"error.draft_deepep_ep",
     [](const Facts& f) {
       return f.rocm() && f.flags().nvfp4_nextn_fp8 && f.is(Field::kSpecMoeA2a, "deepep") && ep(f) <= 1;
     },
     "SGLANG_NVFP4_CKPT_FP8_NEXTN_MOE needs ep_size above 1", server_args("L1753-1801")},
};

bool branches(const Facts& f) { return f.speculative() && f.number(Field::kSpecTopk) > 1; }
// SGLang's page is 1 for the dense backends that `auto` gives 64.
bool paged(const Facts& f) { return f.number(Field::kPageSize) > 1 && !(f.automatic && !f.dsa()); }
constexpr Source kSpeculative = server_args("L3330-3440");

constexpr Rule kSpeculativeErrors[] = {
    {"error.spec_topk_page",
     [](const Facts& f) {
       return branches(f) && paged(f) && !f.is(Field::kAttentionBackend, {"flashinfer", "fa3"});
     },
     "speculative_topk above 1 with pages above 1: only flashinfer and fa3", kSpeculative},
    {"error.spec_v2_topk", [](const Facts& f) { return branches(f) && f.flags().spec_v2; },
     "SGLANG_ENABLE_SPEC_V2: speculative_topk must be 1", kSpeculative},
    {"error.spec_trtllm_mha_topk",
     [](const Facts& f) { return branches(f) && f.is(Field::kAttentionBackend, "trtllm_mha"); },
     "trtllm_mha: speculative_topk must be 1", kSpeculative},
    {"error.spec_adaptive_algorithm",
     [](const Facts& f) {
       return f.flags().spec_adaptive && !f.is(Field::kSpecAlgorithm, {"EAGLE", "EAGLE3"});
     },
     "adaptive speculation: EAGLE or EAGLE3", kSpeculative},
    {"error.spec_adaptive_topk", [](const Facts& f) { return f.flags().spec_adaptive && branches(f); },
     "adaptive speculation: speculative_topk must be 1", kSpeculative},
    {"error.spec_pipeline", [](const Facts& f) { return f.speculative() && f.pp() > 1; },
     "speculation cannot run with pipeline parallelism", kSpeculative},
    {"error.spec_standalone",
     [](const Facts& f) {
       return f.is(Field::kSpecAlgorithm, "STANDALONE") && f.is(Field::kDpAttention, "true");
     },
     "STANDALONE cannot run with data-parallel attention", kSpeculative},
};

constexpr Group kGroups[] = {{kErrors, kContextErrors}, {kErrors, kMoeErrors}, {kErrors, kSpeculativeErrors}};

}  // namespace

std::span<const Group> parallel_check_groups() { return kGroups; }

}  // namespace tamis::policy
