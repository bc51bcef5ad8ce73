#include "core/policy/policy_facts.h"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "core/checkpoint/json_fields.h"
#include "core/policy/capability.h"

namespace tamis {
namespace {

struct RuleOnlyDevice {
  const char* name;
  const char* product;
  PolicyPlatform platform;
  bool amx;
};
constexpr RuleOnlyDevice kRuleOnly[] = {
    {"npu", "Huawei Ascend NPU", PolicyPlatform::kNpu, false},
    {"xpu", "Intel XPU", PolicyPlatform::kXpu, false},
    {"mps", "Apple GPU", PolicyPlatform::kMps, false},
    {"musa", "Moore Threads GPU", PolicyPlatform::kMusa, false},
    {"cpu", "CPU without AMX", PolicyPlatform::kCpu, false},
    {"cpu-amx", "CPU with AMX", PolicyPlatform::kCpu, true},
};

// glm-5.2 is glm-5 with shared indices and longer contexts (its config.json); rules read nothing else of it.
constexpr std::int64_t kGlm52Positions = 1048576;

void read_quantization(JsonFields& fields, PolicyModel& model) {
  const nlohmann::json* found = fields.find("quantization_config");
  if (found == nullptr) return;
  JsonFields inner(*found, fields.where() + ": quantization_config");
  model.quantization = inner.string_or("quant_method", "");
  model.quant_group_size = inner.integer_or("group_size", 0, {-1, 1 << 20});
  fields.fail(inner.status());
}

}  // namespace

std::vector<std::string> policy_device_names() {
  std::vector<std::string> names = capability_names();
  for (const RuleOnlyDevice& device : kRuleOnly) names.emplace_back(device.name);
  return names;
}

Result<PolicyDevice> policy_device(const std::string& name) {
  for (const RuleOnlyDevice& only : kRuleOnly) {
    if (name != only.name) continue;
    PolicyDevice device;
    device.arch = name;
    device.name = only.product;
    device.platform = only.platform;
    device.amx = only.amx;
    return device;
  }
  const Result<DeviceInfo> info = find_capability(name);
  if (!info.ok()) return not_found("device {}: known: {}", name, fmt::join(policy_device_names(), ", "));
  PolicyDevice device = policy_device_of(*info);
  device.arch = name;
  return device;
}

PolicyDevice policy_device_of(const DeviceInfo& info) {
  PolicyDevice device;
  device.arch = info.backend;
  device.name = info.name;
  device.platform = PolicyPlatform::kCpu;
  if (info.backend == "cuda") device.platform = PolicyPlatform::kCuda;
  if (info.backend == "hip") device.platform = PolicyPlatform::kRocm;
  device.number = info.arch;
  device.memory_mib = info.memory_bytes >> 20;
  device.amx = info.has(kAmxBf16);
  return device;
}

std::vector<std::string> policy_model_names() { return {"deepseek-v3", "deepseek-v3.2", "glm-5", "glm-5.2"}; }

Result<PolicyModel> policy_model(const std::string& name) {
  const bool glm52 = name == "glm-5.2";
  const Result<ModelConfig> config = builtin_config(glm52 ? "glm-5" : name);
  if (!config.ok()) return not_found("model {}: expected {}", name, fmt::join(policy_model_names(), ", "));
  PolicyModel model = policy_model_of(*config);
  model.name = name;
  model.shares_indices = glm52;
  if (glm52) model.max_positions = kGlm52Positions;
  return model;
}

PolicyModel policy_model_of(const ModelConfig& config) {
  PolicyModel model;
  model.name = family_name(config.family);
  model.architecture = config.architecture;
  model.index_topk = config.indexer.topk;
  for (const LayerConfig& layer : config.layers) {
    if (layer.index_source >= 0 && !layer.has_indexer) model.shares_indices = true;
  }
  model.n_heads = config.n_heads;
  model.n_routed_experts = config.moe.n_experts;
  model.n_shared_experts = config.moe.n_shared;
  model.kv_lora_rank = config.kv_lora_rank;
  model.qk_rope_head_dim = config.qk_rope_head_dim;
  model.max_positions = config.max_positions;
  model.quantization = config.quant.fp8 ? "fp8" : "";
  return model;
}

Result<PolicyModel> parse_policy_model(std::string_view text, std::string_view where) {
  constexpr int kMaxDepth = 8;
  constexpr IntRange kCount{0, 1 << 24}, kPositive{1, 1 << 24};
  TAMIS_ASSIGN_OR_RETURN(const nlohmann::json document, parse_json(text, where, kMaxDepth));
  JsonFields fields(document, std::string(where));
  PolicyModel model;
  model.name = where;
  const std::vector<std::string> architectures = fields.strings("architectures");
  if (architectures.empty()) fields.fail_missing("architectures");
  if (!architectures.empty()) model.architecture = architectures[0];
  model.index_topk = fields.integer_or("index_topk", 0, kPositive);
  model.n_heads = fields.integer("num_attention_heads", kPositive);
  model.n_routed_experts = fields.integer_or("n_routed_experts", 0, kCount);
  model.n_shared_experts = fields.integer_or("n_shared_experts", 0, kCount);
  model.kv_lora_rank = fields.integer_or("kv_lora_rank", model.kv_lora_rank, kPositive);
  model.qk_rope_head_dim = fields.integer_or("qk_rope_head_dim", model.qk_rope_head_dim, kPositive);
  model.max_positions = fields.integer_or("max_position_embeddings", 0, kCount);
  model.shares_indices = fields.integer_or("index_topk_freq", 1, kPositive) > 1 ||
                         fields.string_or("index_topk_pattern", "").find('S') != std::string::npos;
  read_quantization(fields, model);
  TAMIS_RETURN_IF_ERROR(fields.status());
  return model;
}

}  // namespace tamis
