#pragma once

#include <cstdint>

namespace tamis {

// a / b rounded up; a >= 0, b > 0. No sum of the two: sizes of a hostile file may be close to the largest.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0 ? 1 : 0); }

}  // namespace tamis
