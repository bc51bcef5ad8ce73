// The arithmetic of `sample`, bit for bit the same on every backend. Probabilities are integers: the weight
// of a token is 2^40 · exp(-d) truncated, d its distance below the best logit in units of the temperature.
// Integer sums do not depend on their order, so totals, top-p and the draw may be computed in any order and
// split in any way. What remains in floating point is double, written so that contraction to fma cannot
// change a bit.
#pragma once

#include "core/numeric/host_device.h"

namespace tamis::numeric {

inline constexpr int kWeightBits =
    40;  // exp(-27.7) is the least weight, 1; below that a token is never drawn
inline constexpr std::uint64_t kWeightOne = std::uint64_t{1} << kWeightBits;
inline constexpr float kLargestFloat = 3.4028234663852886e38f;

struct Penalties {
  float repetition;  // 1: none
  float presence;
  float frequency;
};

// The logit after penalties for a token seen `count` times (counts above 2^24 count as 2^24). NaN becomes
// -inf, +inf the largest finite float. The products are of two 24-bit factors, so exact in double: fma or
// not, the bits agree.
TAMIS_HD float penalised_logit(float logit, std::int32_t count, const Penalties& p) {
  if (count > 0) {
    const double times = static_cast<double>(count < (1 << 24) ? count : 1 << 24);
    const double value = static_cast<double>(logit);
    const double repeated =
        logit > 0.0f ? value / static_cast<double>(p.repetition) : value * static_cast<double>(p.repetition);
    const double subtracted = static_cast<double>(p.frequency) * times + static_cast<double>(p.presence);
    logit = static_cast<float>(repeated - subtracted);
  }
  if (!(logit == logit)) return -__builtin_huge_valf();
  return logit > kLargestFloat ? kLargestFloat : logit;
}

// 2^-y in units of 2^-32, truncated; y in units of 2^-32, 0 <= y < 1. Taylor series of exp(-ln 2 · y) in 11
// terms by Horner, all in unsigned 32 x 32 bit products; error below 3e-9.
TAMIS_HD std::uint64_t exp2_fraction(std::uint64_t y) {
  // ln(2)^k / k! in units of 2^-32, k = 11 … 1.
  const std::uint32_t terms[] = {2,       30,       437,       5676,       65510,     661577,
                                 5726720, 41309550, 238388332, 1031764991, 2977044472};
  std::uint64_t sum = 0;
  for (std::uint32_t term : terms) sum = term - ((sum * y) >> 32);
  return (std::uint64_t{1} << 32) - ((sum * y) >> 32);
}

// Weight of a token whose (penalised) logit lies `largest - logit` >= 0 below the best one: 2^40 for the
// best, 0 from 27.73 temperatures on and for -inf. temperature > 0.
TAMIS_HD std::uint64_t sample_weight(float largest, float logit, float temperature) {
  const double distance =
      (static_cast<double>(largest) - static_cast<double>(logit)) / static_cast<double>(temperature);
  if (!(distance < 28.0)) return 0;
  // exp(-d) = 2^-(d · log2 e), in 2^-32: log2 e = 1 + 0.4427.
  const std::uint64_t d = static_cast<std::uint64_t>(distance * 4294967296.0);
  const std::uint64_t log2e_fraction = 1901360723u;
  const std::uint64_t y = d + (d >> 32) * log2e_fraction + (((d & 0xffffffffu) * log2e_fraction) >> 32);
  const std::uint64_t shift = y >> 32;
  if (shift > kWeightBits) return 0;
  return (exp2_fraction(y & 0xffffffffu) << (kWeightBits - 32)) >> shift;
}

// floor(total · numerator / 2^24), for total < 2^62 and numerator < 2^24: the draw u · total, u = numerator /
// 2^24.
TAMIS_HD std::uint64_t scale24(std::uint64_t total, std::uint32_t numerator) {
  return (total >> 24) * numerator + (((total & 0xffffffu) * numerator) >> 24);
}

// Least sum that top-p's prefix must reach: total · top_p, top_p < 1 truncated to 24 bits, rounded up; at
// least 1, so that the best token stays.
TAMIS_HD std::uint64_t top_p_sum(std::uint64_t total, float top_p) {
  const std::uint32_t numerator = top_p > 0.0f ? static_cast<std::uint32_t>(top_p * 16777216.0f) : 0;
  const std::uint64_t sum = (total >> 24) * numerator + (((total & 0xffffffu) * numerator + 0xffffffu) >> 24);
  return sum > 0 ? sum : 1;
}

// Least weight that min-p keeps; the best token always stays.
TAMIS_HD std::uint64_t min_p_weight(float min_p) {
  if (!(min_p > 0.0f)) return 0;
  return min_p < 1.0f ? static_cast<std::uint64_t>(static_cast<double>(min_p) * 1099511627776.0) : kWeightOne;
}

}  // namespace tamis::numeric
