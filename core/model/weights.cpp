#include "core/model/weights.h"

#include <cstdlib>
#include <set>

#include <fmt/ranges.h>

#include "core/model/tensor_inventory.h"

namespace tamis {
namespace {

// A checkpoint tensor as a whole, after its checks.
struct Source {
  DType dtype = DType::kF32;
  WeightPart part;
};

// Declares one model's weights. Names and shapes of what the checkpoint must hold come from the inventory;
// here they are only put together.
class Declarer {
 public:
  Declarer(const ModelConfig& config, Checkpoint& checkpoint) : config_(config), checkpoint_(checkpoint) {
    for (InventoryTensor& tensor : tensor_inventory(config))
      expected_[tensor.info.name] = std::move(tensor.info.shape);
  }

  Result<WeightSet> run();

 private:
  Status global();
  Status layer(const std::string& prefix, const LayerConfig& layer);
  Status attention(const std::string& prefix, const LayerConfig& layer);
  Status absorbed(const std::string& prefix);
  Status indexer(const std::string& prefix);
  Status mlp(const std::string& name, const std::string& prefix);
  Status moe(const std::string& prefix);
  Status mtp();
  Status check_extra() const;

  // Checks shape, dtype and scales, and notes the tensor as used.
  Result<Source> use(const std::string& tensor);
  Status vector(const std::string& name, const std::string& tensor);
  Status matrix(const std::string& name, const std::string& tensor) { return stacked(name, {tensor}); }
  // Tensors of one width and dtype, one above the other.
  Status stacked(const std::string& name, const std::vector<std::string>& tensors);

  const ModelConfig& config_;
  Checkpoint& checkpoint_;
  std::map<std::string, std::vector<std::int64_t>> expected_;
  WeightSet set_;
  std::set<std::string> used_;
};

Result<Source> Declarer::use(const std::string& tensor) {
  const auto expected = expected_.find(tensor);
  if (expected == expected_.end()) return internal_error("tensor {} is not in the model's inventory", tensor);
  TAMIS_ASSIGN_OR_RETURN(const TensorInfo info, checkpoint_.info(tensor));
  if (!info.dtype.has_value() || !is_float(*info.dtype)) {
    return unsupported("{}: tensor {}: expected F32, BF16, F16 or F8_E4M3, found {}", checkpoint_.where(),
                       tensor, info.dtype_text);
  }
  if (info.shape != expected->second) {
    return corrupt_data("{}: tensor {}: expected shape [{}], found {}", checkpoint_.where(), tensor,
                        fmt::join(expected->second, ", "), info.to_string());
  }
  used_.insert(tensor);
  if (*info.dtype == DType::kE4M3) {
    // By the weight's facts alone: finding it would read it, or make it up, before it is needed.
    TAMIS_ASSIGN_OR_RETURN(const CheckpointTensor* scales, checkpoint_.find_scales(info));
    TAMIS_RETURN_IF_ERROR(validate_scales(*scales).with_context(checkpoint_.where()));
    used_.insert(scales->name);
  }
  const std::int64_t cols = info.shape.size() > 1 ? info.shape[1] : 1;
  return Source{*info.dtype, {tensor, 0, info.shape[0], 0, cols}};
}

Status Declarer::vector(const std::string& name, const std::string& tensor) {
  TAMIS_ASSIGN_OR_RETURN(const Source source, use(tensor));
  if (source.dtype == DType::kE4M3)
    return unsupported("{}: tensor {}: a vector in F8_E4M3", checkpoint_.where(), tensor);
  return set_.add({name, {DType::kF32, {source.part.rows}}, {source.part}, {}});
}

Status Declarer::stacked(const std::string& name, const std::vector<std::string>& tensors) {
  WeightSpec spec{name, {}, {}, {}};
  std::int64_t rows = 0;
  for (const std::string& tensor : tensors) {
    TAMIS_ASSIGN_OR_RETURN(Source source, use(tensor));
    if (rows > 0 && source.dtype != spec.desc.dtype) {
      return unsupported("{}: tensor {}: expected {} like {}, found {}", checkpoint_.where(), tensor,
                         dtype_name(spec.desc.dtype), tensors.front(), dtype_name(source.dtype));
    }
    rows += source.part.rows;
    spec.desc = {source.dtype, {rows, source.part.cols}};
    spec.parts.push_back(std::move(source.part));
  }
  return set_.add(std::move(spec));
}

Status Declarer::global() {
  TAMIS_RETURN_IF_ERROR(matrix("embed", "model.embed_tokens.weight"));
  TAMIS_RETURN_IF_ERROR(vector("norm", "model.norm.weight"));
  TAMIS_RETURN_IF_ERROR(
      matrix("head", config_.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight"));
  const std::vector<float> inv_freq = config_.inv_freq();
  return set_.add({"inv_freq", {DType::kF32, {static_cast<std::int64_t>(inv_freq.size())}}, {}, inv_freq});
}

// W_UK and W_UV of all heads: row ranges of kv_b [heads * (nope + v), C]. Scales stay with the stored tensor,
// so a range that begins inside a scale block (GLM: 448 rows a head) reads the right one.
Status Declarer::absorbed(const std::string& prefix) {
  const std::int64_t heads = config_.n_heads, nope = config_.qk_nope_head_dim, v = config_.v_head_dim;
  TAMIS_ASSIGN_OR_RETURN(const Source kv_b, use(prefix + "kv_b_proj.weight"));
  const std::int64_t c = kv_b.part.cols;
  WeightSpec uk{prefix + "w_uk", {kv_b.dtype, {heads, nope, c}}, {}, {}};
  WeightSpec uv{prefix + "w_uv", {kv_b.dtype, {heads, v, c}}, {}, {}};
  for (std::int64_t head = 0; head < heads; ++head) {
    uk.parts.push_back({kv_b.part.tensor, head * (nope + v), nope, 0, c});
    uv.parts.push_back({kv_b.part.tensor, head * (nope + v) + nope, v, 0, c});
  }
  TAMIS_RETURN_IF_ERROR(set_.add(std::move(uk)));
  TAMIS_RETURN_IF_ERROR(set_.add(std::move(uv)));
  return matrix(prefix + "kv_b", prefix + "kv_b_proj.weight");
}

Status Declarer::indexer(const std::string& prefix) {
  TAMIS_RETURN_IF_ERROR(matrix(prefix + "wq_b", prefix + "wq_b.weight"));
  TAMIS_RETURN_IF_ERROR(matrix(prefix + "weights_proj", prefix + "weights_proj.weight"));
  TAMIS_RETURN_IF_ERROR(vector(prefix + "k_norm.weight", prefix + "k_norm.weight"));
  return vector(prefix + "k_norm.bias", prefix + "k_norm.bias");
}

// The projections of the attention input are one weight: q_a (or q), kv_a and the indexer's wk.
Status Declarer::attention(const std::string& prefix, const LayerConfig& layer) {
  const bool low_rank = config_.q_lora_rank > 0;
  std::vector<std::string> inputs{prefix + (low_rank ? "q_a_proj.weight" : "q_proj.weight"),
                                  prefix + "kv_a_proj_with_mqa.weight"};
  if (layer.has_indexer) inputs.push_back(prefix + "indexer.wk.weight");
  TAMIS_RETURN_IF_ERROR(stacked(prefix + "in", inputs));
  if (low_rank) {
    TAMIS_RETURN_IF_ERROR(vector(prefix + "q_a_norm", prefix + "q_a_layernorm.weight"));
    TAMIS_RETURN_IF_ERROR(matrix(prefix + "q_b", prefix + "q_b_proj.weight"));
  }
  TAMIS_RETURN_IF_ERROR(vector(prefix + "kv_a_norm", prefix + "kv_a_layernorm.weight"));
  TAMIS_RETURN_IF_ERROR(absorbed(prefix));
  TAMIS_RETURN_IF_ERROR(matrix(prefix + "o", prefix + "o_proj.weight"));
  return layer.has_indexer ? indexer(prefix + "indexer.") : Status();
}

Status Declarer::mlp(const std::string& name, const std::string& prefix) {
  TAMIS_RETURN_IF_ERROR(stacked(name + "gate_up", {prefix + "gate_proj.weight", prefix + "up_proj.weight"}));
  return matrix(name + "down", prefix + "down_proj.weight");
}

Status Declarer::moe(const std::string& prefix) {
  const MoeConfig& moe = config_.moe;
  const std::int64_t h = config_.hidden, width = moe.intermediate;
  TAMIS_RETURN_IF_ERROR(matrix(prefix + "gate", prefix + "gate.weight"));
  TAMIS_RETURN_IF_ERROR(vector(prefix + "bias", prefix + "gate.e_score_correction_bias"));
  std::vector<std::string> gate_up, down;
  for (std::int64_t e = 0; e < moe.n_experts; ++e) {
    const std::string expert = fmt::format("{}experts.{}.", prefix, e);
    gate_up.push_back(expert + "gate_proj.weight");
    gate_up.push_back(expert + "up_proj.weight");
    down.push_back(expert + "down_proj.weight");
  }
  TAMIS_RETURN_IF_ERROR(stacked(prefix + "w13", gate_up));
  TAMIS_RETURN_IF_ERROR(stacked(prefix + "w2", down));
  set_.reshape(prefix + "w13", {moe.n_experts, 2 * width, h});
  set_.reshape(prefix + "w2", {moe.n_experts, h, width});
  return moe.n_shared > 0 ? mlp(prefix + "shared.", prefix + "shared_experts.") : Status();
}

Status Declarer::layer(const std::string& prefix, const LayerConfig& layer) {
  TAMIS_RETURN_IF_ERROR(vector(prefix + "in_norm", prefix + "input_layernorm.weight"));
  TAMIS_RETURN_IF_ERROR(vector(prefix + "post_norm", prefix + "post_attention_layernorm.weight"));
  TAMIS_RETURN_IF_ERROR(attention(prefix + "self_attn.", layer));
  return layer.is_moe ? moe(prefix + "mlp.") : mlp(prefix + "mlp.", prefix + "mlp.");
}

// The MTP module is optional even when the config announces it. DeepSeek's files repeat the embedding and the
// head in it; they are the main model's.
Status Declarer::mtp() {
  const std::string prefix = fmt::format("model.layers.{}.", config_.n_layers);
  if (config_.n_mtp_layers == 0 || !checkpoint_.has(prefix + "eh_proj.weight")) return {};
  TAMIS_RETURN_IF_ERROR(vector(prefix + "enorm", prefix + "enorm.weight"));
  TAMIS_RETURN_IF_ERROR(vector(prefix + "hnorm", prefix + "hnorm.weight"));
  TAMIS_RETURN_IF_ERROR(matrix(prefix + "eh_proj", prefix + "eh_proj.weight"));
  TAMIS_RETURN_IF_ERROR(vector(prefix + "head_norm", prefix + "shared_head.norm.weight"));
  for (const char* copy : {"embed_tokens.weight", "shared_head.head.weight"}) {
    if (checkpoint_.has(prefix + copy)) used_.insert(prefix + copy);
  }
  set_.has_mtp = true;
  return layer(prefix, config_.mtp_layer());
}

Status Declarer::check_extra() const {
  const std::string layers = "model.layers.";
  for (const std::string& name : checkpoint_.names()) {
    if (used_.count(name) > 0 || name.ends_with("rotary_emb.inv_freq")) continue;
    // Further MTP layers, or the one of a config that does not announce it, are left out, not misread.
    if (name.starts_with(layers)) {
      const std::int64_t index = std::atoll(name.c_str() + layers.size());
      if (index >= config_.n_layers + (set_.has_mtp ? 1 : 0)) continue;
    }
    return corrupt_data(
        "{}: tensor {}: expected none of that name, found one (the {} graph has no use for it)",
        checkpoint_.where(), name, family_name(config_.family));
  }
  return {};
}

Result<WeightSet> Declarer::run() {
  TAMIS_RETURN_IF_ERROR(global());
  for (std::int64_t i = 0; i < config_.n_layers; ++i) {
    TAMIS_RETURN_IF_ERROR(
        layer(fmt::format("model.layers.{}.", i), config_.layers[static_cast<std::size_t>(i)]));
  }
  TAMIS_RETURN_IF_ERROR(mtp());
  TAMIS_RETURN_IF_ERROR(check_extra());
  return std::move(set_);
}

}  // namespace

Status WeightSet::add(WeightSpec spec) {
  const std::string name = spec.name;
  if (!specs_.emplace(name, std::move(spec)).second)
    return internal_error("weight {} is declared twice", name);
  return {};
}

void WeightSet::reshape(const std::string& name, std::initializer_list<std::int64_t> shape) {
  TensorDesc& desc = specs_.at(name).desc;
  desc = {desc.dtype, shape};
}

const WeightSpec* WeightSet::find(const std::string& name) const {
  const auto it = specs_.find(name);
  return it == specs_.end() ? nullptr : &it->second;
}

Result<WeightSet> declare_weights(const ModelConfig& config, Checkpoint& checkpoint) {
  return Declarer(config, checkpoint).run();
}

}  // namespace tamis
