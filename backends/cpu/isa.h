// What the CPU that runs us can do, as Feature bits (core/backend/device_info.h).
#pragma once

#include <cstdint>
#include <string>

namespace tamis::cpu {

std::uint64_t detect_features();
std::string cpu_name();  // "AMD EPYC 9B45", from cpuid
std::int64_t total_memory_bytes();
std::int64_t available_memory_bytes();  // MemAvailable

}  // namespace tamis::cpu
