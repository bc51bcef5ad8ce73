#include "core/model/config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/model/config_parts.h"

namespace tamis {
namespace {

// Far above any published model, and small enough that no product of sizes (layers x experts x width x width,
// or heads x head_dim x hidden x layers) leaves int64.
constexpr int kMaxDepth = 16;
constexpr std::size_t kMaxConfigBytes = 16u << 20;
constexpr IntRange kLayers{1, 1024};
constexpr IntRange kWidth{1, 1 << 16};
constexpr IntRange kWideWidth{1, 1 << 18};
constexpr IntRange kHeads{1, 4096};
constexpr IntRange kHeadDim{1, 4096};
constexpr IntRange kVocab{1, 1 << 24};
constexpr IntRange kExperts{1, 1 << 14};
constexpr std::int64_t kMaxExpertsInAll = 1 << 18;  // over all layers: each has six tensors
constexpr IntRange kPositions{1, 1 << 30};
constexpr NumberRange kEps{1e-12, 1e-2};

struct KnownArchitecture {
  const char* architecture;
  const char* model_type;
  ModelFamily family;
};
constexpr std::array<KnownArchitecture, 3> kArchitectures{{
    {"DeepseekV3ForCausalLM", "deepseek_v3", ModelFamily::kDeepseekV3},
    {"DeepseekV32ForCausalLM", "deepseek_v32", ModelFamily::kDeepseekV32},
    {"GlmMoeDsaForCausalLM", "glm_moe_dsa", ModelFamily::kGlmDsa},
}};

void read_family(JsonFields& fields, ModelConfig& config) {
  const std::vector<std::string> architectures = fields.strings("architectures");
  const std::string model_type = fields.string_or("model_type", "");
  for (const KnownArchitecture& known : kArchitectures) {
    const bool found =
        architectures.empty() ? model_type == known.model_type : architectures[0] == known.architecture;
    if (!found) continue;
    config.architecture = known.architecture;
    config.family = known.family;
    // Some V3.2 checkpoints present themselves as DeepseekV3; the indexer's fields tell.
    if (known.family == ModelFamily::kDeepseekV3 && fields.has("index_topk")) {
      config.family = ModelFamily::kDeepseekV32;
    }
    return;
  }
  fields.fail(
      unsupported("{}: architectures: expected DeepseekV3ForCausalLM, DeepseekV32ForCausalLM or "
                  "GlmMoeDsaForCausalLM, found {}",
                  fields.where(), describe_json(architectures.empty() ? model_type : architectures[0])));
}

// Rows of the latent cache and of the index-K cache are cut in units of 8 elements.
std::int64_t read_multiple_of_8(JsonFields& fields, const char* name, IntRange range) {
  const std::int64_t value = fields.integer(name, range);
  if (value % 8 != 0)
    fields.fail(unsupported("{}: {}: expected a multiple of 8, found {}", fields.where(), name, value));
  return value;
}

void read_attention(JsonFields& fields, ModelConfig& config) {
  config.n_heads = fields.integer("num_attention_heads", kHeads);
  config.q_lora_rank = fields.integer_or("q_lora_rank", 0, {0, kWidth.max});
  config.kv_lora_rank = read_multiple_of_8(fields, "kv_lora_rank", kWidth);
  config.qk_nope_head_dim = fields.integer("qk_nope_head_dim", kHeadDim);
  config.qk_rope_head_dim = read_multiple_of_8(fields, "qk_rope_head_dim", kHeadDim);
  config.v_head_dim = fields.integer("v_head_dim", kHeadDim);
  const std::int64_t kv_heads = fields.integer_or("num_key_value_heads", config.n_heads, kHeads);
  if (kv_heads != config.n_heads) {
    fields.fail(unsupported("{}: num_key_value_heads: expected {} (num_attention_heads), found {}",
                            fields.where(), config.n_heads, kv_heads));
  }
  fields.expect_boolean("attention_bias", false);
  if (fields.has("llama_4_scaling"))
    fields.fail(unsupported("{}: llama_4_scaling: expected null", fields.where()));
}

void read_moe(JsonFields& fields, ModelConfig& config) {
  MoeConfig& moe = config.moe;
  moe.n_experts = fields.integer("n_routed_experts", kExperts);
  moe.n_shared = fields.integer_or("n_shared_experts", 0, {0, 64});
  moe.top_k = fields.integer("num_experts_per_tok", kExperts);
  moe.n_group = fields.integer_or("n_group", 1, kExperts);
  moe.topk_group = fields.integer_or("topk_group", 1, kExperts);
  moe.intermediate = fields.integer("moe_intermediate_size", kWideWidth);
  moe.norm_topk_prob = fields.boolean_or("norm_topk_prob", true);
  moe.routed_scaling_factor = static_cast<float>(fields.number_or("routed_scaling_factor", 1.0, {1e-6, 1e6}));
  fields.expect_string("scoring_func", "sigmoid");
  fields.expect_string("topk_method", "noaux_tc");
  if (!fields.status().ok()) return;

  if (moe.n_experts * config.n_layers > kMaxExpertsInAll) {
    fields.fail_type("n_routed_experts",
                     fmt::format("at most {} in all {} layers", kMaxExpertsInAll, config.n_layers));
  }
  if (moe.n_experts % moe.n_group != 0)
    fields.fail_type("n_group", fmt::format("a divisor of {}", moe.n_experts));
  const std::int64_t group_size = moe.n_experts / moe.n_group;
  if (moe.n_group > 1 && group_size < 2) {
    fields.fail_type("n_group",
                     "groups of at least two experts (the group score is the sum of its two largest)");
  }
  if (moe.topk_group > moe.n_group)
    fields.fail_type("topk_group", fmt::format("at most n_group {}", moe.n_group));
  if (moe.top_k > moe.topk_group * group_size) {
    fields.fail_type("num_experts_per_tok", fmt::format("at most the {} experts of topk_group {} kept groups",
                                                        moe.topk_group * group_size, moe.topk_group));
  }
}

void read_indexer(JsonFields& fields, ModelConfig& config) {
  if (config.family == ModelFamily::kDeepseekV3) return;
  IndexerConfig& indexer = config.indexer;
  indexer.n_heads = fields.integer("index_n_heads", {1, 1024});
  indexer.head_dim = read_multiple_of_8(fields, "index_head_dim", kHeadDim);
  indexer.topk = fields.integer("index_topk", {1, 1 << 20});
  indexer.rope_interleave =
      fields.boolean_or("indexer_rope_interleave", config.family == ModelFamily::kGlmDsa);
  config.index_share_for_mtp = fields.boolean_or("index_share_for_mtp_iteration", false);
  if (config.q_lora_rank == 0)
    fields.fail_missing("q_lora_rank");  // the indexer's queries come from its latent
  if (indexer.head_dim < config.qk_rope_head_dim) {
    fields.fail_type("index_head_dim", fmt::format("at least qk_rope_head_dim {}", config.qk_rope_head_dim));
  }
}

void read_quantization(JsonFields& fields, QuantConfig& quant) {
  if (!fields.has("quantization_config")) return;
  JsonFields inner(*fields.find("quantization_config"), fields.where() + ": quantization_config");
  const std::string method = inner.string_or("quant_method", "");
  if (method != "fp8") {
    inner.fail(unsupported("{}: quant_method: expected \"fp8\", found \"{}\"", inner.where(), method));
  }
  quant.fp8 = true;
  inner.expect_string("fmt", "e4m3");
  inner.expect_string("activation_scheme", "dynamic");
  inner.expect_string("scale_fmt", "ue8m0");
  quant.pow2_scales = inner.has("scale_fmt");
  const std::vector<std::int64_t> block = inner.integers("weight_block_size", {1, 1 << 16});
  if (block != std::vector<std::int64_t>{quant.block_rows, quant.block_cols}) {
    inner.fail(unsupported("{}: weight_block_size: expected [{}, {}], found [{}]", inner.where(),
                           quant.block_rows, quant.block_cols, fmt::join(block, ", ")));
  }
  fields.fail(inner.status());
}

void read_tokens(JsonFields& fields, ModelConfig& config) {
  const IntRange ids{0, std::max<std::int64_t>(config.vocab_size - 1, 0)};
  if (fields.has("bos_token_id")) config.bos_token_id = fields.integer("bos_token_id", ids);
  config.eos_token_ids = fields.integers("eos_token_id", ids);
}

void read_norms(JsonFields& fields, const ConfigOptions& options, ModelConfig& config) {
  config.rms_norm_eps = static_cast<float>(fields.number("rms_norm_eps", kEps));
  config.latent_norm_eps = config.rms_norm_eps;
  if (config.family == ModelFamily::kGlmDsa) {
    config.latent_norm_eps = static_cast<float>(options.glm_latent_eps.value_or(1e-6));
  }
}

}  // namespace

const char* family_name(ModelFamily family) {
  switch (family) {
    case ModelFamily::kDeepseekV3: return "deepseek-v3";
    case ModelFamily::kDeepseekV32: return "deepseek-v3.2";
    case ModelFamily::kGlmDsa: return "glm-5";
  }
  return "unknown";
}

LayerConfig ModelConfig::mtp_layer() const {
  return {.is_moe = true, .has_indexer = is_dsa(), .index_source = is_dsa() ? n_layers : -1};
}

float ModelConfig::softmax_scale() const {
  const double scale = 1.0 / std::sqrt(static_cast<double>(qk_head_dim()));
  if (!rope.yarn || rope.mscale_all_dim == 0.0) return static_cast<float>(scale);
  const double mscale = yarn_mscale(rope.factor, rope.mscale_all_dim);
  return static_cast<float>(scale * mscale * mscale);
}

float ModelConfig::index_scale() const {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(indexer.n_heads * indexer.head_dim)));
}

std::vector<float> ModelConfig::inv_freq() const { return rope_inv_freq(rope, qk_rope_head_dim); }

Result<ModelConfig> parse_config(std::string_view text, std::string_view where,
                                 const ConfigOptions& options) {
  TAMIS_ASSIGN_OR_RETURN(const nlohmann::json document, parse_json(text, where, kMaxDepth));
  JsonFields fields(document, std::string(where));
  TAMIS_RETURN_IF_ERROR(fields.status());
  ModelConfig config;
  read_family(fields, config);
  config.vocab_size = fields.integer("vocab_size", kVocab);
  config.hidden = fields.integer("hidden_size", kWidth);
  config.intermediate = fields.integer("intermediate_size", kWideWidth);
  config.n_layers = fields.integer("num_hidden_layers", kLayers);
  config.n_mtp_layers = fields.integer_or("num_nextn_predict_layers", 0, {0, 16});
  config.max_positions = fields.integer("max_position_embeddings", kPositions);
  config.tie_word_embeddings = fields.boolean_or("tie_word_embeddings", false);
  fields.expect_string("hidden_act", "silu");
  fields.expect_boolean("mlp_bias", false);
  read_attention(fields, config);
  read_moe(fields, config);
  read_indexer(fields, config);
  read_rope(fields, config);
  read_norms(fields, options, config);
  read_quantization(fields, config.quant);
  read_tokens(fields, config);
  // Sizes are trusted only from here on.
  if (fields.status().ok()) read_layers(fields, config);
  TAMIS_RETURN_IF_ERROR(fields.status());
  return config;
}

Result<ModelConfig> load_config(const std::string& dir, const ConfigOptions& options) {
  const std::string path = dir + "/config.json";
  std::ifstream in(path, std::ios::binary);
  if (!in) return not_found("{}: cannot be opened", path);
  std::string text(kMaxConfigBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMaxConfigBytes)
    return corrupt_data("{}: expected at most {} bytes", path, kMaxConfigBytes);
  return parse_config(text, path, options);
}

}  // namespace tamis
