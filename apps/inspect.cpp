// tamis inspect: what a model is and what it costs, from its config and the headers of its files.
#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "core/model/find_model.h"
#include "core/model/model_size.h"
#include "core/model/random_model.h"

namespace tamis::apps {
namespace {

using Json = nlohmann::ordered_json;

struct InspectOptions {
  std::string model;
  std::string random_family;
  std::int64_t layers = 0;
  bool json = false;
};

struct Subject {
  std::string name;
  ModelConfig config;
  ModelParameters parameters;
  StoredBytes stored;
};

Result<Subject> load_subject(const InspectOptions& options) {
  Subject out;
  std::unique_ptr<Checkpoint> checkpoint;
  if (options.random_family.empty()) {
    if (options.layers != 0) return invalid_argument("--layers: needs --random");
    TAMIS_ASSIGN_OR_RETURN(const std::string dir, find_model(options.model));
    TAMIS_ASSIGN_OR_RETURN(out.config, load_config(dir));
    TAMIS_ASSIGN_OR_RETURN(checkpoint, Checkpoint::open(dir));
  } else {
    if (!options.model.empty()) return invalid_argument("--random takes the place of MODEL");
    TAMIS_ASSIGN_OR_RETURN(out.config, builtin_config(options.random_family, options.layers));
    TAMIS_ASSIGN_OR_RETURN(checkpoint, random_checkpoint(out.config, 0));
  }
  out.name = checkpoint->where();
  out.parameters = count_parameters(out.config);
  TAMIS_ASSIGN_OR_RETURN(out.stored, stored_bytes(*checkpoint, out.config));
  return out;
}

template <class Predicate>
std::int64_t count_layers(const ModelConfig& config, Predicate predicate) {
  std::int64_t count = 0;
  for (const LayerConfig& layer : config.layers) count += predicate(layer) ? 1 : 0;
  return count;
}

std::int64_t n_moe_layers(const ModelConfig& config) {
  return count_layers(config, [](const LayerConfig& layer) { return layer.is_moe; });
}

std::int64_t n_indexer_layers(const ModelConfig& config) {
  return count_layers(config, [](const LayerConfig& layer) { return layer.has_indexer; });
}

struct CacheFormat {
  const char* name;  // as --kv-cache takes it
  DType latent;
  DType keys;
};
// The index keys that go with it: the exact indexer's in the activations' type, or a page of FP8.
constexpr CacheFormat kCacheFormats[] = {{"f32", DType::kF32, DType::kF32},
                                         {"bf16", DType::kBF16, DType::kE4M3},
                                         {"fp8", DType::kE4M3, DType::kE4M3}};

char to_lower_ascii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Json parameters_json(const ParameterCounts& counts) {
  Json out = Json::object();
  out["total"] = counts.total();
  for (int i = 0; i < kModelParts; ++i) {
    const auto part = static_cast<ModelPart>(i);
    std::string key = model_part_name(part);  // "dense MLP" -> "dense_mlp"
    std::transform(key.begin(), key.end(), key.begin(),
                   [](char c) { return c == ' ' ? '_' : to_lower_ascii(c); });
    if (counts[part] != 0) out[key] = counts[part];
  }
  return out;
}

Json architecture_json(const ModelConfig& c) {
  Json out{{"architecture", c.architecture},
           {"family", family_name(c.family)},
           {"layers", c.n_layers},
           {"moe_layers", n_moe_layers(c)},
           {"mtp_layers", c.n_mtp_layers},
           {"hidden", c.hidden},
           {"vocab", c.vocab_size},
           {"heads", c.n_heads},
           {"q_lora_rank", c.q_lora_rank},
           {"kv_lora_rank", c.kv_lora_rank},
           {"qk_nope_head_dim", c.qk_nope_head_dim},
           {"qk_rope_head_dim", c.qk_rope_head_dim},
           {"v_head_dim", c.v_head_dim},
           {"softmax_scale", c.softmax_scale()},
           {"max_positions", c.max_positions},
           {"experts", c.moe.n_experts},
           {"experts_per_token", c.moe.top_k},
           {"shared_experts", c.moe.n_shared}};
  if (c.is_dsa()) {
    out["indexer"] = {{"heads", c.indexer.n_heads},
                      {"head_dim", c.indexer.head_dim},
                      {"topk", c.indexer.topk},
                      {"rope_interleave", c.indexer.rope_interleave},
                      {"layers", n_indexer_layers(c)}};
  }
  return out;
}

Json report_json(const Subject& s) {
  Json out{{"model", s.name}, {"architecture", architecture_json(s.config)}};
  out["parameters"] = {{"main", parameters_json(s.parameters.main)},
                       {"mtp", parameters_json(s.parameters.mtp)},
                       {"active_per_token", s.parameters.active}};
  out["stored"] = {{"tensors", s.stored.n_tensors},
                   {"bytes_by_dtype", s.stored.by_dtype},
                   {"main_bytes", s.stored.main},
                   {"mtp_bytes", s.stored.mtp}};
  out["resident_weight_bytes"] = resident_weight_bytes(s.config, s.stored);
  for (const CacheFormat& format : kCacheFormats) {
    const CacheBytes bytes = cache_bytes_per_token(s.config, format.latent, format.keys);
    out["cache_bytes_per_token"][format.name] = {{"latent_row", latent_row_bytes(s.config, format.latent)},
                                                 {"index_row", index_row_bytes(s.config, format.keys)},
                                                 {"main", bytes.main},
                                                 {"mtp", bytes.mtp}};
  }
  return out;
}

// "671.03 B", "18.30 M".
std::string count_text(std::int64_t count) {
  if (count == 0) return "-";
  const double value = static_cast<double>(count);
  if (value >= 1e9) return fmt::format("{:.2f} B", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.2f} M", value / 1e6);
  return fmt::format("{:.1f} K", value / 1e3);
}

std::string bytes_text(std::int64_t bytes) {
  const double value = static_cast<double>(bytes);
  if (value >= 0x1p30) return fmt::format("{:.2f} GiB", value / 0x1p30);
  if (value >= 0x1p20) return fmt::format("{:.2f} MiB", value / 0x1p20);
  return fmt::format("{:.1f} KiB", value / 0x1p10);
}

void print_line(const char* label, const std::string& text) { fmt::print("{:<13} {}\n", label, text); }

void print_architecture(const ModelConfig& c, bool ships_mtp) {
  std::string mtp = c.n_mtp_layers > 0 ? fmt::format(", {} MTP", c.n_mtp_layers) : "";
  if (!mtp.empty() && !ships_mtp) mtp += " (not in the files)";
  print_line("architecture",
             fmt::format("{} ({}), layers: {} dense, {} MoE{}", c.architecture, family_name(c.family),
                         c.n_layers - n_moe_layers(c), n_moe_layers(c), mtp));
  print_line("widths", fmt::format("hidden {}, dense MLP {}, vocabulary {}, {} positions", c.hidden,
                                   c.intermediate, c.vocab_size, c.max_positions));
  print_line("attention",
             fmt::format("{} heads, latent {} + rope {}, nope {}, v {}, q latent {}, softmax scale {:.7g}",
                         c.n_heads, c.kv_lora_rank, c.qk_rope_head_dim, c.qk_nope_head_dim, c.v_head_dim,
                         c.q_lora_rank, c.softmax_scale()));
  print_line("rope", c.rope.yarn ? fmt::format("theta {:g}, yarn x{:g} from {} positions", c.rope.theta,
                                               c.rope.factor, c.rope.original_max_positions)
                                 : fmt::format("theta {:g}", c.rope.theta));
  if (c.is_dsa()) {
    print_line("indexer", fmt::format("{} heads of {}, top {}, rope {}, in {} of {} layers",
                                      c.indexer.n_heads, c.indexer.head_dim, c.indexer.topk,
                                      c.indexer.rope_interleave ? "interleaved" : "half-split",
                                      n_indexer_layers(c), c.n_layers));
  } else {
    print_line("indexer", "none: dense attention");
  }
  print_line("experts",
             fmt::format("{} of width {}, {} per token from {} of {} groups, {} shared", c.moe.n_experts,
                         c.moe.intermediate, c.moe.top_k, c.moe.topk_group, c.moe.n_group, c.moe.n_shared));
  if (c.quant.fp8) {
    print_line("quantisation",
               fmt::format("FP8 e4m3, {} x {} blocks, activation scales {}", c.quant.block_rows,
                           c.quant.block_cols, c.quant.pow2_scales ? "powers of two" : "any"));
  }
}

void print_parameters(const ModelParameters& p) {
  print_line("parameters",
             fmt::format("{} main, {} active per token", count_text(p.main.total()), count_text(p.active)));
  fmt::print("  {:<15} {:>10} {:>10}\n", "part", "main", "MTP");
  for (int i = 0; i < kModelParts; ++i) {
    const auto part = static_cast<ModelPart>(i);
    if (p.main[part] + p.mtp[part] == 0) continue;
    fmt::print("  {:<15} {:>10} {:>10}\n", model_part_name(part), count_text(p.main[part]),
               count_text(p.mtp[part]));
  }
  fmt::print("  {:<15} {:>10} {:>10}\n", "total", count_text(p.main.total()), count_text(p.mtp.total()));
}

void print_report(const Subject& s) {
  print_line("model", s.name);
  print_architecture(s.config, s.stored.mtp > 0);
  print_parameters(s.parameters);
  print_line("stored", fmt::format("{} in {} tensors, of it MTP {}", bytes_text(s.stored.main + s.stored.mtp),
                                   s.stored.n_tensors, bytes_text(s.stored.mtp)));
  for (const auto& [dtype, bytes] : s.stored.by_dtype)
    fmt::print("  {:<15} {:>10}\n", dtype, bytes_text(bytes));
  print_line("resident",
             fmt::format("{} of weights, estimated", bytes_text(resident_weight_bytes(s.config, s.stored))));
  print_line("cache", "bytes per token");
  fmt::print("  {:<6} {:>10} {:>10} {:>10} {:>14}\n", "type", "latent row", "index row", "all layers",
             "of 32K tokens");
  for (const CacheFormat& format : kCacheFormats) {
    const CacheBytes bytes = cache_bytes_per_token(s.config, format.latent, format.keys);
    fmt::print("  {:<6} {:>10} {:>10} {:>10} {:>14}\n", format.name,
               latent_row_bytes(s.config, format.latent), index_row_bytes(s.config, format.keys), bytes.main,
               bytes_text(bytes.main * 32768));
  }
}

Status inspect(const InspectOptions& options) {
  TAMIS_ASSIGN_OR_RETURN(const Subject subject, load_subject(options));
  if (options.json) {
    fmt::print("{}\n", report_json(subject).dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    print_report(subject);
  }
  return {};
}

}  // namespace

void add_inspect(CLI::App& root, int& exit_code) {
  CLI::App* command =
      root.add_subcommand("inspect", "Architecture, parameters, memory and cache bytes of a model");
  auto options = std::make_shared<InspectOptions>();
  command->add_option("MODEL", options->model, "Folder or name; default tiny-v32");
  command->add_option("--random", options->random_family,
                      "Published sizes without files: deepseek-v3, deepseek-v3.2 or glm-5");
  command->add_option("--layers", options->layers, "With --random: keep this many main layers");
  command->add_flag("--json", options->json, "Machine-readable output");
  command->callback([options, &exit_code] { exit_code = report(inspect(*options)); });
}

}  // namespace tamis::apps
