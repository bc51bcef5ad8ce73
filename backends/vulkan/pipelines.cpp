#include "backends/vulkan/pipelines.h"

#include "backends/vulkan/spirv_bf16.h"
#include "shaders/table.inc"

namespace tamis::vulkan {
namespace {

const ShaderModule* find_module(std::string_view name) {
  for (const ShaderModule& module : kShaderModules) {
    if (name == module.name) return &module;
  }
  return nullptr;
}

}  // namespace

bool has_shader(std::string_view name) { return find_module(name) != nullptr; }

Result<std::unique_ptr<Pipelines>> Pipelines::create(const DeviceApi& vk, VkDevice device) {
  std::unique_ptr<Pipelines> pipelines(new Pipelines(vk, device));
  VkPushConstantRange range{};
  range.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT;
  range.size = kPushBytes;
  VkPipelineLayoutCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO;
  info.pushConstantRangeCount = 1;
  info.pPushConstantRanges = &range;
  TAMIS_RETURN_IF_ERROR(check(vk.vkCreatePipelineLayout(device, &info, nullptr, &pipelines->layout_),
                              "vkCreatePipelineLayout"));
  return pipelines;
}

Pipelines::~Pipelines() {
  for (const auto& [kernel, pipeline] : pipelines_) vk_.vkDestroyPipeline(device_, pipeline, nullptr);
  if (layout_ != VK_NULL_HANDLE) vk_.vkDestroyPipelineLayout(device_, layout_, nullptr);
}

Result<VkPipeline> Pipelines::find(const Kernel& kernel) {
  const std::lock_guard lock(mutex_);
  if (const auto it = pipelines_.find(kernel); it != pipelines_.end()) return it->second;
  TAMIS_ASSIGN_OR_RETURN(const VkPipeline pipeline, build(kernel));
  pipelines_.emplace(kernel, pipeline);
  return pipeline;
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
  const VkResult result = vk_.vkCreateComputePipelines(device_, VK_NULL_HANDLE, 1, &info, nullptr, &pipeline);
  vk_.vkDestroyShaderModule(device_, module, nullptr);
  TAMIS_RETURN_IF_ERROR(check(result, "vkCreateComputePipelines").with_context(kernel.shader));
  return pipeline;
}

}  // namespace tamis::vulkan
