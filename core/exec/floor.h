// The floor of an op on a device: the least time that its traffic takes at the memory's rate and its
// arithmetic at the rate of the units for its number format, whichever is longer.
#pragma once

#include <string>

#include "core/graph/op_def.h"

namespace tamis {

// What a device reaches at most. 0: unknown.
struct Ceilings {
  double memory_gbs = 0;
  double f32_tflops = 0;
  double bf16_tflops = 0;  // matrix units, dense
  double fp8_tflops = 0;   // the same; 0 where there are none: products of e4m3 are exact in bf16
  std::string source;      // whose figures they are

  bool known() const { return memory_gbs > 0 || f32_tflops > 0 || bf16_tflops > 0; }
};

struct Floor {
  double seconds = 0;                      // 0: nothing to do, or no ceiling known
  const char* bound = "no ceiling known";  // else "memory", "fp8", "bf16", "f32", or "nothing to do"
};

// Bytes and FLOPs as the op counts them, for the bounds of its shapes. A rate that is not known bounds
// nothing.
Floor find_floor(const OpCall& call, const Ceilings& ceilings);

}  // namespace tamis
