// Device and model facts by name: capability files, rule-only devices, built-in families, config.json.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/backend/device_info.h"
#include "core/model/config.h"
#include "core/policy/policy.h"

namespace tamis {

// The capabilities (capability.h), then the devices that have rules but no capability file: "npu", "xpu",
// "mps", "musa", "cpu", "cpu-amx".
std::vector<std::string> policy_device_names();

// kNotFound lists those there are. The memory of rule-only devices is unknown.
Result<PolicyDevice> policy_device(const std::string& name);

// A device of this machine. Backends other than CUDA and HIP count as a CPU: no rule of SGLang's speaks of
// them.
PolicyDevice policy_device_of(const DeviceInfo& info);

// "deepseek-v3", "deepseek-v3.2", "glm-5", "glm-5.2".
std::vector<std::string> policy_model_names();
Result<PolicyModel> policy_model(const std::string& name);

// A model that this engine runs.
PolicyModel policy_model_of(const ModelConfig& config);

// A config.json, any architecture: only the fields that rules read. kCorruptData names the field.
Result<PolicyModel> parse_policy_model(std::string_view text, std::string_view where);

}  // namespace tamis
