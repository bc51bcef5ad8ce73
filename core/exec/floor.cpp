#include "core/exec/floor.h"

#include <initializer_list>

namespace tamis {
namespace {

struct Rate {
  double tflops;
  const char* unit;
};

// The first that the device has: numbers of a narrow format are exact in the wider ones.
Rate rate_of(DType format, const Ceilings& ceilings) {
  const Rate fp8{ceilings.fp8_tflops, "fp8"}, bf16{ceilings.bf16_tflops, "bf16"},
      f32{ceilings.f32_tflops, "f32"};
  const bool narrow = format == DType::kE4M3, half = format == DType::kBF16 || format == DType::kF16;
  if (narrow && fp8.tflops > 0) return fp8;
  if ((narrow || half) && bf16.tflops > 0) return bf16;
  return f32;
}

}  // namespace

Floor find_floor(const OpCall& call, const Ceilings& ceilings) {
  const DType format =
      call.op->arithmetic != nullptr ? call.op->arithmetic(call) : call.operands[0].desc.dtype;
  const Rate rate = rate_of(format, ceilings);
  const double bytes = call.op->bytes(call), flops = call.op->flops(call);
  const double by_memory = ceilings.memory_gbs > 0 ? bytes / (ceilings.memory_gbs * 1e9) : 0;
  const double by_arithmetic = rate.tflops > 0 ? flops / (rate.tflops * 1e12) : 0;
  if (by_arithmetic > by_memory) return {by_arithmetic, rate.unit};
  if (by_memory > 0) return {by_memory, "memory"};
  return bytes == 0 && flops == 0 ? Floor{0, "nothing to do"} : Floor{};
}

}  // namespace tamis
