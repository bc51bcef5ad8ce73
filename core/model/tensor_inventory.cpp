#include "core/model/tensor_inventory.h"

#include <array>

#include <fmt/format.h>

#include "core/base/ceil_div.h"

namespace tamis {
namespace {

constexpr std::array<const char*, kModelParts> kPartNames{
    "embedding", "head",   "norms",          "attention",      "indexer",
    "dense MLP", "router", "routed experts", "shared experts", "MTP projection"};

class Builder {
 public:
  explicit Builder(const ModelConfig& config) : config_(config) {}

  std::vector<InventoryTensor> build() && {
    const std::int64_t h = config_.hidden;
    add("model.embed_tokens.weight", DType::kBF16, {config_.vocab_size, h}, ModelPart::kEmbedding,
        TensorRole::kEmbedding);
    for (std::int64_t i = 0; i < config_.n_layers; ++i)
      add_layer(i, config_.layers[static_cast<std::size_t>(i)]);
    for (std::int64_t i = 0; i < config_.n_mtp_layers; ++i) add_mtp(config_.n_layers + i);
    prefix_.clear();
    mtp_ = false;
    add_norm("model.norm", h);
    if (!config_.tie_word_embeddings) {
      add("lm_head.weight", DType::kBF16, {config_.vocab_size, h}, ModelPart::kHead, TensorRole::kMatrix);
    }
    return std::move(out_);
  }

 private:
  using Shape = std::vector<std::int64_t>;

  void add(const std::string& name, DType dtype, Shape shape, ModelPart part, TensorRole role) {
    InventoryTensor tensor;
    tensor.info = {prefix_ + name, dtype_safetensors_name(dtype), dtype, std::move(shape), 0};
    tensor.info.n_bytes = tensor.info.elements() * static_cast<std::int64_t>(dtype_size(dtype));
    tensor.part = part;
    tensor.role = role;
    tensor.mtp = mtp_;
    out_.push_back(std::move(tensor));
  }

  void add_norm(const std::string& name, std::int64_t width) {
    add(name + ".weight", DType::kBF16, {width}, ModelPart::kNorms, TensorRole::kNormWeight);
  }

  // A projection that the published FP8 files quantise.
  void add_linear(const std::string& name, std::int64_t rows, std::int64_t cols, ModelPart part) {
    const QuantConfig& quant = config_.quant;
    add(name + ".weight", quant.fp8 ? DType::kE4M3 : DType::kBF16, {rows, cols}, part, TensorRole::kMatrix);
    if (!quant.fp8) return;
    add(name + ".weight_scale_inv", DType::kF32,
        {ceil_div(rows, quant.block_rows), ceil_div(cols, quant.block_cols)}, part, TensorRole::kScale);
  }

  void add_mlp(const std::string& name, std::int64_t width, ModelPart part) {
    add_linear(name + ".gate_proj", width, config_.hidden, part);
    add_linear(name + ".up_proj", width, config_.hidden, part);
    add_linear(name + ".down_proj", config_.hidden, width, part);
  }

  void add_attention() {
    const ModelConfig& c = config_;
    const ModelPart part = ModelPart::kAttention;
    if (c.q_lora_rank == 0) {
      add_linear("self_attn.q_proj", c.n_heads * c.qk_head_dim(), c.hidden, part);
    } else {
      add_linear("self_attn.q_a_proj", c.q_lora_rank, c.hidden, part);
      add_norm("self_attn.q_a_layernorm", c.q_lora_rank);
      add_linear("self_attn.q_b_proj", c.n_heads * c.qk_head_dim(), c.q_lora_rank, part);
    }
    add_linear("self_attn.kv_a_proj_with_mqa", c.latent_dim(), c.hidden, part);
    add_norm("self_attn.kv_a_layernorm", c.kv_lora_rank);
    add_linear("self_attn.kv_b_proj", c.n_heads * (c.qk_nope_head_dim + c.v_head_dim), c.kv_lora_rank, part);
    add_linear("self_attn.o_proj", c.hidden, c.n_heads * c.v_head_dim, part);
  }

  void add_indexer() {
    const IndexerConfig& x = config_.indexer;
    const ModelPart part = ModelPart::kIndexer;
    const DType norm = config_.family == ModelFamily::kGlmDsa ? DType::kBF16 : DType::kF32;
    add_linear("self_attn.indexer.wq_b", x.n_heads * x.head_dim, config_.q_lora_rank, part);
    add_linear("self_attn.indexer.wk", x.head_dim, config_.hidden, part);
    add("self_attn.indexer.k_norm.weight", norm, {x.head_dim}, part, TensorRole::kNormWeight);
    add("self_attn.indexer.k_norm.bias", norm, {x.head_dim}, part, TensorRole::kBias);
    add("self_attn.indexer.weights_proj.weight", DType::kBF16, {x.n_heads, config_.hidden}, part,
        TensorRole::kMatrix);
  }

  void add_moe() {
    const MoeConfig& moe = config_.moe;
    add("mlp.gate.weight", DType::kBF16, {moe.n_experts, config_.hidden}, ModelPart::kRouter,
        TensorRole::kMatrix);
    add("mlp.gate.e_score_correction_bias", DType::kF32, {moe.n_experts}, ModelPart::kRouter,
        TensorRole::kBias);
    for (std::int64_t e = 0; e < moe.n_experts; ++e) {
      add_mlp(fmt::format("mlp.experts.{}", e), moe.intermediate, ModelPart::kRoutedExperts);
    }
    if (moe.n_shared > 0) {
      add_mlp("mlp.shared_experts", moe.n_shared * moe.intermediate, ModelPart::kSharedExperts);
    }
  }

  void add_layer(std::int64_t index, const LayerConfig& layer) {
    prefix_ = fmt::format("model.layers.{}.", index);
    add_norm("input_layernorm", config_.hidden);
    add_attention();
    if (layer.has_indexer) add_indexer();
    add_norm("post_attention_layernorm", config_.hidden);
    if (layer.is_moe) {
      add_moe();
    } else {
      add_mlp("mlp", config_.intermediate, ModelPart::kDenseMlp);
    }
  }

  void add_mtp(std::int64_t index) {
    mtp_ = true;
    add_layer(index, config_.mtp_layer());
    add_norm("enorm", config_.hidden);
    add_norm("hnorm", config_.hidden);
    add_norm("shared_head.norm", config_.hidden);
    add("eh_proj.weight", DType::kBF16, {config_.hidden, 2 * config_.hidden}, ModelPart::kMtpProjection,
        TensorRole::kMatrix);
  }

  const ModelConfig& config_;
  std::string prefix_;
  bool mtp_ = false;
  std::vector<InventoryTensor> out_;
};

}  // namespace

const char* model_part_name(ModelPart part) { return kPartNames[static_cast<std::size_t>(part)]; }

std::vector<InventoryTensor> tensor_inventory(const ModelConfig& config) { return Builder(config).build(); }

}  // namespace tamis
