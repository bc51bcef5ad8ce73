// Caches full of random rows, so that a step at a long context can be timed without computing that context.
#pragma once

#include "core/engine/runner.h"

namespace tamis::bench {

// Fills every page of every cache of the runner's model with finite random numbers in the format of the
// cache: no two keys alike, so that a selection among them has no more ties than real keys give.
Status fill_caches(Runner& runner, std::uint64_t seed);

// Normal numbers in the activation dtype, `elements` of them, for the residual stream.
Status fill_stream(Runner& runner, const char* input, std::int64_t elements, std::uint64_t seed);

}  // namespace tamis::bench
