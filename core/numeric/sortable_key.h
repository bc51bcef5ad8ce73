// Total order of fp32 scores as unsigned integers, for top-k: larger key = better. -0 equals +0, -inf is an
// ordinary value, every NaN ranks below -inf (DESIGN: topk_select).
#pragma once

#include "core/numeric/host_device.h"

namespace tamis::numeric {

TAMIS_HD std::uint32_t sortable_key(float score) {
  const std::uint32_t bits = float_bits(score);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0;  // NaN; -inf maps to 0x007fffff
  if (bits == 0x80000000u) return 0x80000000u;       // -0 as +0
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

// (score descending, index ascending) as one integer, larger = better. index < 2^32.
TAMIS_HD std::uint64_t sortable_key(float score, std::uint32_t index) {
  return (static_cast<std::uint64_t>(sortable_key(score)) << 32) | (0xffffffffu - index);
}

}  // namespace tamis::numeric
