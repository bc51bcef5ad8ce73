// The published configurations, for `--random`: the architecture runs at full width without the weights.
// Values from the config.json of DeepSeek-V3, DeepSeek-V3.2 and GLM-5 (its FP8 build); read by the same
// parser as a file.
#include <nlohmann/json.hpp>

#include "core/model/config.h"

namespace tamis {
namespace {

constexpr const char* kDeepseekV3 = R"({
  "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "vocab_size": 129280,
  "hidden_size": 7168, "intermediate_size": 18432, "moe_intermediate_size": 2048, "num_hidden_layers": 61,
  "num_nextn_predict_layers": 1, "num_attention_heads": 128, "num_key_value_heads": 128, "q_lora_rank": 1536,
  "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
  "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8, "n_group": 8, "topk_group": 4,
  "scoring_func": "sigmoid", "topk_method": "noaux_tc", "norm_topk_prob": true, "routed_scaling_factor": 2.5,
  "first_k_dense_replace": 3, "moe_layer_freq": 1, "rms_norm_eps": 1e-6, "max_position_embeddings": 163840,
  "rope_theta": 10000, "rope_scaling": {"type": "yarn", "factor": 40, "beta_fast": 32, "beta_slow": 1,
    "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096},
  "bos_token_id": 0, "eos_token_id": 1, "tie_word_embeddings": false, "hidden_act": "silu",
  "attention_bias": false,
  "quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128],
    "activation_scheme": "dynamic"}
})";

// DeepSeek-V3.2 is DeepSeek-V3 with these fields.
constexpr const char* kDeepseekV32Patch = R"({
  "architectures": ["DeepseekV32ForCausalLM"], "model_type": "deepseek_v32",
  "index_n_heads": 64, "index_head_dim": 128, "index_topk": 2048,
  "quantization_config": {"scale_fmt": "ue8m0"}
})";

constexpr const char* kGlm5 = R"({
  "architectures": ["GlmMoeDsaForCausalLM"], "model_type": "glm_moe_dsa", "vocab_size": 154880,
  "hidden_size": 6144, "intermediate_size": 12288, "moe_intermediate_size": 2048, "num_hidden_layers": 78,
  "num_nextn_predict_layers": 1, "num_attention_heads": 64, "num_key_value_heads": 64, "q_lora_rank": 2048,
  "kv_lora_rank": 512, "qk_nope_head_dim": 192, "qk_rope_head_dim": 64, "v_head_dim": 256,
  "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8, "n_group": 1, "topk_group": 1,
  "scoring_func": "sigmoid", "topk_method": "noaux_tc", "norm_topk_prob": true, "routed_scaling_factor": 2.5,
  "first_k_dense_replace": 3, "moe_layer_freq": 1, "rms_norm_eps": 1e-5, "max_position_embeddings": 202752,
  "rope_parameters": {"rope_type": "default", "rope_theta": 1000000}, "rope_interleave": true,
  "index_n_heads": 32, "index_head_dim": 128, "index_topk": 2048, "indexer_rope_interleave": true,
  "eos_token_id": [154820, 154827, 154829], "tie_word_embeddings": false, "hidden_act": "silu",
  "attention_bias": false, "quantization_config": {"quant_method": "fp8", "fmt": "e4m3",
    "weight_block_size": [128, 128], "activation_scheme": "dynamic", "scale_fmt": "ue8m0"}
})";

Result<nlohmann::json> published(std::string_view family) {
  nlohmann::json document;
  if (family == family_name(ModelFamily::kDeepseekV3) || family == family_name(ModelFamily::kDeepseekV32)) {
    document = nlohmann::json::parse(kDeepseekV3, nullptr, false);
    if (family == family_name(ModelFamily::kDeepseekV32)) {
      document.merge_patch(nlohmann::json::parse(kDeepseekV32Patch, nullptr, false));
    }
  } else if (family == family_name(ModelFamily::kGlmDsa)) {
    document = nlohmann::json::parse(kGlm5, nullptr, false);
  } else {
    return not_found("model family {}: expected deepseek-v3, deepseek-v3.2 or glm-5", family);
  }
  return document;
}

}  // namespace

Result<ModelConfig> builtin_config(std::string_view family, std::int64_t n_layers) {
  TAMIS_ASSIGN_OR_RETURN(nlohmann::json document, published(family));
  if (n_layers != 0) document["num_hidden_layers"] = n_layers;
  return parse_config(document.dump(), family);
}

Result<ModelConfig> builtin_layer_config(std::string_view family, const LayerCuts& cuts) {
  TAMIS_ASSIGN_OR_RETURN(nlohmann::json document, published(family));
  document["num_hidden_layers"] = 1;
  document["num_nextn_predict_layers"] = 0;
  document["first_k_dense_replace"] = cuts.moe ? 0 : 1;
  document["vocab_size"] = cuts.vocab_size;
  document["eos_token_id"] = 1;
  if (cuts.n_experts != 0) document["n_routed_experts"] = cuts.n_experts;
  if (cuts.index_topk != 0 && document.contains("index_topk")) document["index_topk"] = cuts.index_topk;
  return parse_config(document.dump(), family);
}

}  // namespace tamis
