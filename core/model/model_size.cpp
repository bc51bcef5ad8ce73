#include "core/model/model_size.h"

#include <algorithm>
#include <charconv>
#include <numeric>

namespace tamis {
namespace {

constexpr std::string_view kLayerPrefix = "model.layers.";

// Layer of "model.layers.61.…"; -1 for a tensor outside the layers.
std::int64_t layer_of(std::string_view name) {
  if (!name.starts_with(kLayerPrefix)) return -1;
  name.remove_prefix(kLayerPrefix.size());
  std::int64_t layer = -1;
  std::from_chars(name.data(), name.data() + name.size(), layer);
  return layer;
}

std::int64_t n_indexer_layers(const ModelConfig& config) {
  return std::count_if(config.layers.begin(), config.layers.end(),
                       [](const LayerConfig& l) { return l.has_indexer; });
}

}  // namespace

std::int64_t ParameterCounts::total() const {
  return std::accumulate(by_part.begin(), by_part.end(), std::int64_t{0});
}

ModelParameters count_parameters(const ModelConfig& config) {
  ModelParameters out;
  for (const InventoryTensor& tensor : tensor_inventory(config)) {
    if (tensor.role == TensorRole::kScale) continue;
    ParameterCounts& counts = tensor.mtp ? out.mtp : out.main;
    counts.by_part[static_cast<std::size_t>(tensor.part)] += tensor.info.elements();
  }
  const std::int64_t routed = out.main[ModelPart::kRoutedExperts];
  out.active = out.main.total() - routed + routed / config.moe.n_experts * config.moe.top_k;
  // A tied embedding is the head too.
  if (!config.tie_word_embeddings) out.active -= out.main[ModelPart::kEmbedding];
  return out;
}

Result<StoredBytes> stored_bytes(Checkpoint& checkpoint, const ModelConfig& config) {
  StoredBytes out;
  for (const std::string& name : checkpoint.names()) {
    TAMIS_ASSIGN_OR_RETURN(const TensorInfo info, checkpoint.info(name));
    out.by_dtype[info.dtype_text] += info.n_bytes;
    (layer_of(name) >= config.n_layers ? out.mtp : out.main) += info.n_bytes;
    ++out.n_tensors;
  }
  return out;
}

std::int64_t latent_row_bytes(const ModelConfig& config, DType cache) {
  const std::int64_t c = config.kv_lora_rank, r = config.qk_rope_head_dim;
  if (cache == DType::kE4M3) return c + 4 * ((c + 127) / 128) + 2 * r;
  return (c + r) * static_cast<std::int64_t>(dtype_size(cache));
}

std::int64_t index_row_bytes(const ModelConfig& config, DType keys) {
  if (!config.is_dsa()) return 0;
  const std::int64_t scale = keys == DType::kE4M3 ? 4 : 0;
  return config.indexer.head_dim * static_cast<std::int64_t>(dtype_size(keys)) + scale;
}

CacheBytes cache_bytes_per_token(const ModelConfig& config, DType cache, DType keys) {
  const std::int64_t latent = latent_row_bytes(config, cache);
  const std::int64_t index = index_row_bytes(config, keys);
  return {.main = config.n_layers * latent + n_indexer_layers(config) * index,
          .mtp = config.n_mtp_layers > 0 ? latent + index : 0};
}

std::int64_t resident_weight_bytes(const ModelConfig& config, const StoredBytes& stored) {
  return stored.main + 4 * count_parameters(config).main[ModelPart::kNorms];
}

}  // namespace tamis
