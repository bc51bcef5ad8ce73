// What a step costs besides its kernels' work: launches that do next to nothing, captured once and replayed.
#pragma once

#include "bench/measure.h"

namespace tamis::bench {

inline constexpr int kStepLaunches = 200;  // about as many as a decode step of a few layers has

// Seconds from replay() to the return of sync(), of a captured chain of kStepLaunches launches of which each
// reads what the one before it wrote: the median. `rows`: those of residual_add.
Result<double> step_overhead_seconds(const Bench& bench, std::span<const KernelRow> rows);

}  // namespace tamis::bench
