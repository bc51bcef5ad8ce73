// ModelConfig: what config.json says about a DeepSeek-V3 / V3.2 / GLM-5 model, checked and with every default
// resolved, so that the graph builder and the loader branch on plain fields. Field names follow the published
// files where they are the same thing. Sources: the models' config.json and inference code, transformers'
// configuration classes (both dialects of rope fields).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace tamis {

enum class ModelFamily : std::uint8_t {
  kDeepseekV3,   // V3, R1, V3.1: dense MLA, no indexer
  kDeepseekV32,  // V3.2: MLA with the lightning indexer, indexer RoPE half-split
  kGlmDsa,       // GLM-5.x (glm_moe_dsa): the same with its own sizes, indexer RoPE interleaved, IndexCache
};

// "deepseek-v3", "deepseek-v3.2", "glm-5": also the names that `--random` takes.
const char* family_name(ModelFamily family);

// Angle of pair i at position p: float(p) * inv_freq[i], in fp32.
struct RopeConfig {
  double theta = 10000.0;
  bool yarn = false;
  // The rest holds for yarn only (arXiv 2309.00071; DeepSeek-V3 inference/model.py).
  double factor = 1.0;
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  double mscale_all_dim = 0.0;  // 0: the softmax scale stays unscaled
  std::int64_t original_max_positions = 0;
  bool truncate = true;  // correction range rounded to whole dimensions
};

struct MoeConfig {
  std::int64_t n_experts = 0;
  std::int64_t n_shared = 0;  // shared experts, one MLP of n_shared * intermediate; may be 0
  std::int64_t top_k = 0;
  std::int64_t n_group = 1;
  std::int64_t topk_group = 1;
  std::int64_t intermediate = 0;  // width of one expert
  bool norm_topk_prob = true;
  float routed_scaling_factor = 1.0f;
};

struct IndexerConfig {
  std::int64_t n_heads = 0;  // 0: no indexer (dense attention)
  std::int64_t head_dim = 0;
  std::int64_t topk = 0;
  // Pairing of the first qk_rope_head_dim dimensions: (2i, 2i+1) if true, else (i, i + rope/2). MLA is always
  // interleaved; V3.2's indexer is not (its first published code was wrong here), GLM's is.
  bool rope_interleave = false;
};

struct LayerConfig {
  bool is_moe = false;       // else a dense MLP of ModelConfig::intermediate
  bool has_indexer = false;  // owns indexer weights and an index-K cache
  // The layer whose selected indices this one attends to: itself if has_indexer, an earlier one for a GLM
  // "shared" layer, -1 for dense attention.
  std::int64_t index_source = -1;
};

struct QuantConfig {
  bool fp8 = false;  // e4m3 weights with one fp32 scale a block; which tensors, the checkpoint's dtypes say
  std::int64_t block_rows = 128;
  std::int64_t block_cols = 128;
  bool pow2_scales = false;  // scale_fmt "ue8m0": activation scales are powers of two (V3.1 and later)
};

struct ModelConfig {
  ModelFamily family = ModelFamily::kDeepseekV3;
  std::string architecture;  // as the file spells it

  std::int64_t vocab_size = 0;
  std::int64_t hidden = 0;
  std::int64_t n_layers = 0;      // main layers, without MTP
  std::int64_t n_mtp_layers = 0;  // num_nextn_predict_layers; their tensors are optional in a checkpoint
  std::int64_t n_heads = 0;
  std::int64_t q_lora_rank = 0;  // 0: one q_proj [n_heads * qk_head_dim, hidden] instead of q_a, norm, q_b
  std::int64_t kv_lora_rank = 0;
  std::int64_t qk_nope_head_dim = 0;
  std::int64_t qk_rope_head_dim = 0;
  std::int64_t v_head_dim = 0;
  std::int64_t intermediate = 0;  // of dense layers
  std::int64_t max_positions = 0;

  float rms_norm_eps = 1e-6f;
  // Of q_a_layernorm and kv_a_layernorm. transformers builds these two with its default 1e-6 and not with
  // rms_norm_eps, which differs for GLM (1e-5); other engines use rms_norm_eps. See ConfigOptions.
  float latent_norm_eps = 1e-6f;

  MoeConfig moe;
  IndexerConfig indexer;
  RopeConfig rope;
  QuantConfig quant;
  std::vector<LayerConfig> layers;  // n_layers entries

  bool tie_word_embeddings = false;  // lm_head.weight is absent; model.embed_tokens.weight serves
  // The MTP layer's later draft steps reuse the indices that the first step selected.
  bool index_share_for_mtp = false;

  std::optional<std::int64_t> bos_token_id;
  std::vector<std::int64_t> eos_token_ids;

  bool is_dsa() const { return indexer.n_heads > 0; }
  std::int64_t qk_head_dim() const { return qk_nope_head_dim + qk_rope_head_dim; }
  // Width of one cached latent row: kv_lora_rank latent, then the shared rope key.
  std::int64_t latent_dim() const { return kv_lora_rank + qk_rope_head_dim; }
  // The MTP layers are all alike: MoE if any main layer is, with an indexer of their own.
  LayerConfig mtp_layer() const;

  // qk_head_dim^-0.5, times mscale^2 under yarn. The same number in the expanded and the absorbed form.
  float softmax_scale() const;
  // n_heads^-0.5 * head_dim^-0.5 of the indexer.
  float index_scale() const;
  // qk_rope_head_dim / 2 inverse frequencies, for MLA and the indexer alike; within one ulp of the fp32 code
  // of transformers (computed in double, rounded once).
  std::vector<float> inv_freq() const;
};

// What the command line may override.
struct ConfigOptions {
  std::optional<double> glm_latent_eps;  // --glm-latent-eps: q_a and kv_a layernorm of GLM
};

// kCorruptData: not JSON, a missing field, a wrong type or a value out of range. kUnsupported: a well-formed
// model that this engine cannot run. Messages: "<where>: <field>: expected …, found …".
Result<ModelConfig> parse_config(std::string_view text, std::string_view where,
                                 const ConfigOptions& options = {});

// <dir>/config.json. kNotFound if it cannot be read.
Result<ModelConfig> load_config(const std::string& dir, const ConfigOptions& options = {});

// The published sizes of a family ("deepseek-v3", "deepseek-v3.2", "glm-5") with FP8 weights; n_layers > 0
// keeps that many main layers (the first three are dense), 0 all. kNotFound names the families there are.
Result<ModelConfig> builtin_config(std::string_view family, std::int64_t n_layers = 0);

// One decoder layer at the published sizes, but for what is cut here.
struct LayerCuts {
  bool moe = true;                 // else one of the first layers, whose MLP is dense
  std::int64_t n_experts = 0;      // 0: all
  std::int64_t index_topk = 0;     // 0: as published
  std::int64_t vocab_size = 4096;  // of embedding and head, which are no part of the layer
};
Result<ModelConfig> builtin_layer_config(std::string_view family, const LayerCuts& cuts);

// YaRN's magnitude correction: 0.1 * mscale * ln(factor) + 1 for factor > 1, else 1.
double yarn_mscale(double factor, double mscale);

// `dim` / 2 inverse frequencies of a rotary embedding over `dim` dimensions.
std::vector<float> rope_inv_freq(const RopeConfig& rope, std::int64_t dim);

}  // namespace tamis
