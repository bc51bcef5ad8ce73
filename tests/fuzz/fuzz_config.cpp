// Any bytes as config.json: a configuration that passes must be safe to compute with.
#include <cmath>
#include <cstdlib>

#include "core/model/config.h"
#include "core/model/model_size.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const tamis::Result<tamis::ModelConfig> config = tamis::parse_config(text, "fuzz");
  if (!config.ok()) {
    if (config.status().message().empty()) std::abort();
    return 0;
  }
  if (config->layers.size() != static_cast<std::size_t>(config->n_layers)) std::abort();
  for (const tamis::LayerConfig& layer : config->layers) {
    if (layer.index_source >= config->n_layers || (config->is_dsa() && layer.index_source < 0)) std::abort();
  }
  if (!std::isfinite(config->softmax_scale()) || config->softmax_scale() <= 0) std::abort();
  for (const float f : config->inv_freq()) {
    if (!std::isfinite(f) || f < 0) std::abort();
  }
  // The inventory of a large model takes longer than a run should.
  if (config->n_layers * config->moe.n_experts > 512) return 0;
  if (tamis::count_parameters(*config).main.total() <= 0) std::abort();
  if (tamis::cache_bytes_per_token(*config, tamis::DType::kE4M3, tamis::DType::kE4M3).main <= 0) std::abort();
  return 0;
}
