#include "backends/vulkan/pipelines.h"

#include <vector>

#include "backends/vulkan/spirv_bf16.h"
#include "core/base/log.h"
#include "core/base/settings.h"
#include "shaders/table.inc"

namespace tamis::vulkan {
namespace {

const ShaderModule* find_module(std::string_view name) {
  for (const ShaderModule& module : kShaderModules) {
    if (name == module.name) return &module;
  }
  return nullptr;
}

constexpr std::chrono::seconds kBetweenSaves{5};

// Of all shaders: a build with others has a file of its own.
std::uint64_t hash_of_shaders() {
  std::uint64_t hash = hash_bytes({});
  for (const ShaderModule& module : kShaderModules)
    hash = hash_bytes(std::as_bytes(std::span(module.words, module.bytes / sizeof(std::uint32_t))), hash);
  return hash;
}

PipelineCacheKey with_shaders(PipelineCacheKey key) {
  static const std::uint64_t shaders = hash_of_shaders();
  key.shaders = shaders;
  return key;
}

}  // namespace

bool has_shader(std::string_view name) { return find_module(name) != nullptr; }

Pipelines::Pipelines(const DeviceApi& vk, VkDevice device, const PipelineCacheKey& key)
    : vk_(vk),
      device_(device),
      file_(settings::vulkan_cache_path(), with_shaders(key)),
      next_save_(std::chrono::steady_clock::now() + kBetweenSaves) {}

Result<std::unique_ptr<Pipelines>> Pipelines::create(const DeviceApi& vk, VkDevice device,
                                                     PipelineCacheKey key) {
  std::unique_ptr<Pipelines> pipelines(new Pipelines(vk, device, key));
  TAMIS_RETURN_IF_ERROR(pipelines->create_layout());
  pipelines->open_cache();
  return pipelines;
}

Status Pipelines::create_layout() {
  VkPushConstantRange range{};
  range.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT;
  range.size = kPushBytes;
  VkPipelineLayoutCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO;
  info.pushConstantRangeCount = 1;
  info.pPushConstantRanges = &range;
  return check(vk_.vkCreatePipelineLayout(device_, &info, nullptr, &layout_), "vkCreatePipelineLayout");
}

void Pipelines::open_cache() {
  if (file_.path().empty()) return;
  Result<std::vector<std::byte>> data = file_.read();
  if (!data.ok()) {
    log(LogLevel::kWarn, "vulkan: pipeline cache ignored: {}", data.status().message());
    data = std::vector<std::byte>();
  }
  VkPipelineCacheCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO;
  info.initialDataSize = data->size();
  info.pInitialData = data->data();
  VkResult result = vk_.vkCreatePipelineCache(device_, &info, nullptr, &cache_);
  if (result != VK_SUCCESS && !data->empty()) {
    info.initialDataSize = 0;
    result = vk_.vkCreatePipelineCache(device_, &info, nullptr, &cache_);
  }
  if (const Status made = check(result, "vkCreatePipelineCache"); !made.ok()) {
    cache_ = VK_NULL_HANDLE;
    log(LogLevel::kWarn, "vulkan: no pipeline cache: {}", made.message());
    return;
  }
  log(LogLevel::kInfo, "vulkan: pipeline cache {}: {} bytes", file_.path(), info.initialDataSize);
}

Pipelines::~Pipelines() {
  for (const auto& [kernel, pipeline] : pipelines_) vk_.vkDestroyPipeline(device_, pipeline, nullptr);
  if (cache_ != VK_NULL_HANDLE) vk_.vkDestroyPipelineCache(device_, cache_, nullptr);
  if (layout_ != VK_NULL_HANDLE) vk_.vkDestroyPipelineLayout(device_, layout_, nullptr);
}

Result<VkPipeline> Pipelines::find(const Kernel& kernel) {
  const std::lock_guard lock(mutex_);
  if (const auto it = pipelines_.find(kernel); it != pipelines_.end()) return it->second;
  const auto begin = std::chrono::steady_clock::now();
  TAMIS_ASSIGN_OR_RETURN(const VkPipeline pipeline, build(kernel));
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  log(LogLevel::kDebug, "vulkan: pipeline {}: {:.2f} ms", kernel.shader, took.count());
  pipelines_.emplace(kernel, pipeline);
  unsaved_ = cache_ != VK_NULL_HANDLE;
  return pipeline;
}

void Pipelines::save() {
  const std::lock_guard lock(mutex_);
  save_locked();
}

void Pipelines::save_if_due() {
  if (!unsaved_) return;
  const std::lock_guard lock(mutex_);
  if (std::chrono::steady_clock::now() >= next_save_) save_locked();
}

void Pipelines::save_locked() {
  if (!unsaved_) return;
  unsaved_ = false;
  next_save_ = std::chrono::steady_clock::now() + kBetweenSaves;
  if (const Status written = write_cache(); !written.ok())
    log(LogLevel::kWarn, "vulkan: pipeline cache not saved: {}", written.message());
}

Status Pipelines::write_cache() const {
  std::size_t bytes = 0;
  TAMIS_RETURN_IF_ERROR(
      check(vk_.vkGetPipelineCacheData(device_, cache_, &bytes, nullptr), "vkGetPipelineCacheData"));
  std::vector<std::byte> data(bytes);
  TAMIS_RETURN_IF_ERROR(
      check(vk_.vkGetPipelineCacheData(device_, cache_, &bytes, data.data()), "vkGetPipelineCacheData"));
  return file_.write(std::span(data).first(bytes));
}

Result<VkPipeline> Pipelines::build(const Kernel& kernel) const {
  const ShaderModule* code = find_module(kernel.shader);
  if (code == nullptr) return internal_error("vulkan: no shader {}", kernel.shader);
  VkShaderModuleCreateInfo module_info{};
  module_info.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO;
  module_info.codeSize = code->bytes;
  module_info.pCode = code->words;
  std::vector<std::uint32_t> words;
  if (stands_for_bf16(kernel.shader)) {
    words = with_bf16({code->words, code->bytes / 4});
    module_info.codeSize = 4 * words.size();
    module_info.pCode = words.data();
  }
  VkShaderModule module = VK_NULL_HANDLE;
  TAMIS_RETURN_IF_ERROR(
      check(vk_.vkCreateShaderModule(device_, &module_info, nullptr, &module), "vkCreateShaderModule")
          .with_context(kernel.shader));
  std::array<VkSpecializationMapEntry, kMaxConstants> entries{};
  for (std::uint32_t i = 0; i < kMaxConstants; ++i) entries[i] = {i, 4 * i, 4};
  VkSpecializationInfo constants{};
  constants.mapEntryCount = kMaxConstants;
  constants.pMapEntries = entries.data();
  constants.dataSize = sizeof(kernel.constants);
  constants.pData = kernel.constants.data();
  VkComputePipelineCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO;
  info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
  info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
  info.stage.module = module;
  info.stage.pName = "main";
  info.stage.pSpecializationInfo = &constants;
  VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup{};
  subgroup.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO;
  subgroup.requiredSubgroupSize = kernel.subgroup;
  if (kernel.subgroup != 0) {
    info.stage.pNext = &subgroup;
    info.stage.flags = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
  }
  info.layout = layout_;
  VkPipeline pipeline = VK_NULL_HANDLE;
  const VkResult result = vk_.vkCreateComputePipelines(device_, cache_, 1, &info, nullptr, &pipeline);
  vk_.vkDestroyShaderModule(device_, module, nullptr);
  TAMIS_RETURN_IF_ERROR(check(result, "vkCreateComputePipelines").with_context(kernel.shader));
  return pipeline;
}

}  // namespace tamis::vulkan
