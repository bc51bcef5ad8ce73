// Every setting that comes from the environment. settings.cpp is the only file that calls getenv;
// scripts/lint.sh checks. Command-line flags override these.
#pragma once

#include <string>

namespace tamis::settings {

// TAMIS_MODELS: colon-separated folders that hold models by name, searched after the built-in places.
std::string models_path();
// TAMIS_BACKENDS: colon-separated folders or files searched for libtamis_<name>.so, before the folder of
// libtamis.so.
std::string backends_path();
// TAMIS_NULL_DEVICE=1: the null backend (backends/null) has a device. For tests of fallback and copies
// without a GPU.
bool null_device();
// TAMIS_VULKAN_VALIDATION=1: Vulkan devices run under VK_LAYER_KHRONOS_validation; an error of the layer
// makes the next sync fail.
bool vulkan_validation();
// TAMIS_VULKAN_CACHE: the folder where Vulkan devices keep compiled pipelines from run to run, "off" for
// none; else tamis/ in $XDG_CACHE_HOME or in ~/.cache. Empty: nowhere.
std::string vulkan_cache_path();
// TAMIS_VULKAN_BARRIERS=full: Vulkan devices wait for each command before the next one.
bool vulkan_full_barriers();
// TAMIS_CPU_ISA: portable, avx2, avx512 or amx: the CPU backend uses nothing above that level. Empty: all
// that the CPU has.
std::string cpu_isa();
// TAMIS_THREADS: CPU threads; 0 = one per core that the process may use.
int threads();
// TAMIS_HIP_EMU_WAVE: lanes of a wave of the emulated AMD GPU (tests/hip_emulation), 32 (a gfx1100) or 64
// (default: a gfx942).
int emulated_wave();
// TAMIS_HIP_EMU_ARCH: which AMD GPU that is, "gfx90a" or "gfx1201". Empty: as TAMIS_HIP_EMU_WAVE says.
std::string emulated_arch();
// TAMIS_LOG: error, warn (default), info, debug.
std::string log_level();

}  // namespace tamis::settings
