#include "core/backend/device_info.h"

#include <string>

#include <fmt/format.h>

namespace tamis {
namespace {

// As vendors write it: sm_90, gfx942.
std::string arch_name(const DeviceInfo& device, int arch) {
  return device.backend == "cuda" ? fmt::format("sm_{}", arch) : fmt::format("gfx{:x}", arch);
}

}  // namespace

const char* feature_name(std::uint64_t bit) {
  switch (bit) {
    case kAvx2: return "avx2";
    case kAvx512: return "avx512";
    case kAvx512Bf16: return "avx512_bf16";
    case kAvx512Fp16: return "avx512_fp16";
    case kAmxBf16: return "amx_bf16";
    case kAmxInt8: return "amx_int8";
    case kOpenBlas: return "openblas";
    case kWave32: return "wave32";
    case kWave64: return "wave64";
    case kMfmaBf16: return "mfma_bf16";
    case kWmmaBf16: return "wmma_bf16";
    case kCoopmatF16: return "coopmat_f16_16x16x16";
    case kCoopmatBf16: return "coopmat_bf16_16x16x16";
    case kSubgroupSizeControl: return "subgroup_size_control";
    case kBufferAddress: return "buffer_device_address";
    case kCoopmatS8: return "coopmat_s8_16x16x32";
    case kShaderF16: return "shader_f16";
    case kShaderInt8: return "shader_int8";
    case kShaderBf16: return "shader_bf16";
    case kIntegerDot: return "integer_dot_product";
    case kAvx512Vbmi: return "avx512_vbmi";
    case kFastBf16Dot: return "fast_bf16_dot";
    default: return "unknown feature";
  }
}

Reason check_features(const Features& needs, const DeviceInfo& device) {
  const std::uint64_t missing = needs.all_of & ~device.features;
  if (missing != 0) return reason::feature(feature_name(missing & (~missing + 1)));  // the lowest missing bit
  if (device.arch < needs.arch_min)
    return reject("device is {}, the row needs at least {}", arch_name(device, device.arch),
                  arch_name(device, needs.arch_min));
  if (device.arch >= needs.arch_max)
    return reject("device is {}, the row is for those before {}", arch_name(device, device.arch),
                  arch_name(device, needs.arch_max));
  return accept();
}

}  // namespace tamis
