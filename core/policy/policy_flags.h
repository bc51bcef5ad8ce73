// The flags and environment variables that the rules read, as data: name, where it is kept, legal values and
// help. The command line and the tests set them through the same table.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/status.h"

namespace tamis {

// Empty or nullopt: not given. Names follow SGLang's where there is one.
struct PolicyFlags {
  std::string attention_backend, prefill_attention_backend, decode_attention_backend;
  std::string prefill_backend, decode_backend;  // --nsa-*, --dsa-*
  std::string kv_cache_dtype = "auto";
  std::string moe_runner = "auto", moe_a2a = "none", spec_moe_runner;
  std::string fp8_gemm = "auto";
  std::string quantization;
  std::string topk_backend, paged_logits_backend;
  std::string cp_mode = "round-robin-split";
  std::string speculative, draft_model_path, spec_attention_mode = "prefill";
  std::string deepep_mode = "auto", disaggregation = "null";

  std::optional<std::int64_t> dense_threshold, page_size;
  std::optional<std::int64_t> tp, dp, ep, pp, cp, moe_dense_tp;
  std::optional<std::int64_t> spec_steps, spec_topk, spec_draft_tokens, max_running;
  std::optional<std::int64_t> chunk, graph_max_batch, context_length;
  std::optional<std::int64_t> chunked_prefix_threshold, mori_max_tokens;
  std::optional<std::int64_t> gemm_n, gemm_k, nodes;

  bool dp_attention = false, hisparse = false, disable_radix = false, deterministic = false;
  bool disable_fusion = false, enforce_fusion = false, sbo = false, tbo = false;
  bool disable_chunked_prefix = false, disable_ragged = false, mixed_chunk = false;
  bool spec_adaptive = false, quantization_unset = false;
  bool disable_piecewise = false, in_piecewise_graph = false, rocm_fused_decode = false;
  bool gemm_f32_output = false, transformers_knows_v32 = false, preshuffled_mqa = false;
  bool no_deep_gemm = false, no_flashinfer = false, no_cutlass_fp8 = false, no_aiter = false;

  bool jit_deep_gemm = true, fuse_topk = true;
  bool spec_v2 = false, force_marlin = false, nvfp4_nextn_fp8 = false;
};

struct FlagRow {
  const char* name;  // "--tp", or the name of an environment variable
  std::string PolicyFlags::*text = nullptr;
  std::optional<std::int64_t> PolicyFlags::*number = nullptr;
  bool PolicyFlags::*flag = nullptr;
  const char* legal = nullptr;  // space-separated; null: any
  const char* help = "";
  const char* august = "";  // values that only the rules of 2026-08 know
};

// SGLang's flags, then its environment variables (names without dashes).
std::span<const FlagRow> policy_flag_rows();

// Sets the flag of that name, or an alias of it. kInvalidArgument names the flag, what was expected and what
// was found. A boolean takes "true" or "false", or "1" or "0"; a number is at least 0.
Status set_policy_flag(PolicyFlags& flags, std::string_view name, std::string_view value);

// Values that the chosen rules do not know: those added by 2026-08.
Status check_policy_flags(const PolicyFlags& flags, bool august);

}  // namespace tamis
