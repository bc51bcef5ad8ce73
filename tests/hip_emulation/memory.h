// Memory of the emulated device: every allocation lies between pages that fault, at either end of the room
// between them; what is left of the room is compared after each launch. Copies are held to the bounds of the
// allocation they point into.
#pragma once

#include <cstddef>
#include <string>

namespace hip_emulation {

inline constexpr std::size_t kDeviceBytes = std::size_t{8} << 30;  // what the device pretends to have

// Null when that much is not left. Contents are all ones: NaN in any float type.
void* allocate(std::size_t bytes);
// False for an address that allocate() did not give.
bool release(void* memory);
std::size_t free_bytes();

// False if [memory, memory + bytes) touches an allocation or what guards it and is not inside of it, or where
// `device` says that it must lie in one.
bool in_bounds(const void* memory, std::size_t bytes, bool device);

// Where an address lies that cannot be accessed.
std::string describe_address(const void* memory);

// Empty, or what of [memory, memory + bytes) is outside of an allocation that it touches the room of.
std::string check_address(const void* memory, std::size_t bytes);

// Empty, or which allocation was written past. Its guards are repaired, so that the next launch is judged
// alone.
std::string check_guards();

}  // namespace hip_emulation
