// Per-layer structure: dense or MoE, and which layers select indices. Three dialects each; the more explicit
// wins.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/model/config_parts.h"

namespace tamis {
namespace {

using Flags = std::vector<bool>;

// One entry a layer, each `yes` or `no`.
Flags read_flag_list(JsonFields& fields, const char* name, std::int64_t n_layers, const char* yes,
                     const char* no) {
  Flags out;
  const std::vector<std::string> entries = fields.strings(name);
  if (fields.status().ok() && static_cast<std::int64_t>(entries.size()) != n_layers) {
    fields.fail(corrupt_data("{}: {}: expected one entry for each of {} layers, found {}", fields.where(),
                             name, n_layers, entries.size()));
  }
  for (std::size_t i = 0; i < entries.size() && fields.status().ok(); ++i) {
    if (entries[i] != yes && entries[i] != no) {
      fields.fail(unsupported("{}: {}[{}]: expected \"{}\" or \"{}\", found {}", fields.where(), name, i, yes,
                              no, describe_json(entries[i])));
    }
    out.push_back(entries[i] == yes);
  }
  return out;
}

Flags read_moe_layers(JsonFields& fields, std::int64_t n_layers) {
  if (fields.has("mlp_layer_types"))
    return read_flag_list(fields, "mlp_layer_types", n_layers, "sparse", "dense");
  const std::int64_t first = fields.integer("first_k_dense_replace", {0, 1 << 20});
  const std::int64_t every = fields.integer_or("moe_layer_freq", 1, {1, 1 << 20});
  Flags out;
  for (std::int64_t i = 0; i < n_layers; ++i) out.push_back(i >= first && i % every == 0);
  return out;
}

// "FFSSFS": F computes, S shares.
Flags read_pattern(JsonFields& fields, std::int64_t n_layers) {
  const std::string pattern = fields.string_or("index_topk_pattern", "");
  const bool fits = static_cast<std::int64_t>(pattern.size()) == n_layers &&
                    pattern.find_first_not_of("FS") == std::string::npos;
  if (!fits) fields.fail_type("index_topk_pattern", fmt::format("{} letters, each F or S", n_layers));
  Flags out;
  for (const char letter : pattern) out.push_back(letter == 'F');
  return out;
}

Flags read_indexer_layers(JsonFields& fields, std::int64_t n_layers) {
  if (fields.has("indexer_types")) return read_flag_list(fields, "indexer_types", n_layers, "full", "shared");
  if (fields.has("index_topk_pattern")) return read_pattern(fields, n_layers);
  const std::int64_t every = fields.integer_or("index_topk_freq", 1, {1, 1 << 20});
  const std::int64_t offset = fields.integer_or("index_skip_topk_offset", 2, {-(1 << 20), 1 << 20});
  Flags out;
  for (std::int64_t i = 0; i < n_layers; ++i)
    out.push_back(std::max(i - offset + 1, std::int64_t{0}) % every == 0);
  return out;
}

}  // namespace

void read_layers(JsonFields& fields, ModelConfig& config) {
  const Flags moe = read_moe_layers(fields, config.n_layers);
  const Flags full = config.is_dsa() ? read_indexer_layers(fields, config.n_layers) : Flags();
  if (!fields.status().ok()) return;
  config.layers.resize(static_cast<std::size_t>(config.n_layers));
  std::int64_t source = -1;
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    // A shared layer with nothing before it to reuse computes.
    const bool computes = config.is_dsa() && (full[i] || source < 0);
    if (computes) source = static_cast<std::int64_t>(i);
    config.layers[i] = {.is_moe = moe[i], .has_indexer = computes, .index_source = source};
  }
}

}  // namespace tamis
