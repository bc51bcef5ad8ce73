// What the CPU that runs us can do, as Feature bits (core/backend/device_info.h).
#pragma once

#include <cstdint>
#include <string>

#include "core/base/status.h"

namespace tamis::cpu {

// The features of this CPU that belong to `level` (portable, avx2, avx512, amx; empty: to any), and
// kOpenBlas. Asks the kernel for the AMX tile registers where they are among them. kInvalidArgument names the
// levels.
Result<std::uint64_t> usable_features(const std::string& level);
std::string cpu_name();  // "AMD EPYC 9B45", from cpuid
std::int64_t total_memory_bytes();
std::int64_t available_memory_bytes();  // MemAvailable

}  // namespace tamis::cpu
