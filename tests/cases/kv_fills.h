// Data for the cases of ops that touch the latent cache.
#pragma once

#include <cmath>
#include <limits>

#include "core/ops/kv_store/kv_cache_checks.h"
#include "core/ops/oracle/oracle.h"
#include "tests/cases/case.h"

namespace tamis::cases {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInf = std::numeric_limits<double>::infinity();

// Slots that no case may name: their rows hold NaN, so that reading one shows.
inline bool poisoned(std::int64_t slot) { return slot % 5 == 3; }

inline TensorDesc cache_desc(const KvLayout& layout, DType dtype, std::int64_t slots) {
  if (layout.format == KvFormat::kPackedFp8) {
    return {DType::kU8, {slots, packed_kv_row_bytes(layout.c, layout.r)}};
  }
  return {dtype, {slots, layout.c + layout.r}};
}

// A packed row: codes of about 48 at scales 2^-7 … 2^-5 times `unit`, a power of two; or all NaN.
inline void fill_packed_row(const KvLayout& layout, std::byte* row, double unit, Rng& rng) {
  const bool nan = std::isnan(unit);
  for (std::int64_t i = 0; i < layout.c; ++i) {
    store_element(DType::kE4M3, row + i, nan ? kNan : 48 * rng.normal());
  }
  const std::int64_t groups = (layout.c + 127) / 128;
  for (std::int64_t g = 0; g < groups; ++g) {
    const int exponent = static_cast<int>(rng.below(3)) - 7;
    store_element(DType::kF32, row + layout.c + g * 4, std::ldexp(unit, exponent));
  }
  for (std::int64_t i = 0; i < layout.r; ++i) {
    store_element(DType::kBF16, row + layout.c + groups * 4 + i * 2, unit * rng.normal());
  }
}

// A cache of random rows of about `unit`; those that `skip` names are NaN.
inline Fill fill_cache(const KvLayout& layout, const std::function<bool(std::int64_t slot)>& skip = poisoned,
                       double unit = 1.0) {
  return [layout, skip, unit](HostView& view, Rng& rng) {
    const std::int64_t slots = view.desc().dim(0), width = view.desc().dim(1);
    for (std::int64_t slot = 0; slot < slots; ++slot) {
      const double of_row = skip(slot) ? kNan : unit;
      if (layout.format == KvFormat::kPackedFp8) {
        fill_packed_row(layout, view.address(slot * width), of_row, rng);
        continue;
      }
      for (std::int64_t i = 0; i < width; ++i) view.set(slot * width + i, of_row * rng.normal());
    }
  };
}

// A random slot that is not poisoned.
inline std::int64_t clean_slot(std::int64_t slots, Rng& rng) {
  std::int64_t slot = rng.below(slots);
  while (poisoned(slot)) slot = rng.below(slots);
  return slot;
}

}  // namespace tamis::cases
