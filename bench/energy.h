// Energy of one launch from a driver's counter.
#pragma once

#include <functional>

#include "bench/measure.h"
#include "bench/observer.h"

namespace tamis::bench {

struct EnergyWork {
  std::function<Status()> launch;
  std::function<Status()> flush;  // ahead of each launch; may be empty
  double seconds = 0;             // of a launch
};

// Launches for about half a second; where caches are flushed between them, flushes alone for as many times
// again, and takes the difference. energy_mj 0: the driver counts none, or the launches are less than a tenth
// of what was counted, so that the difference would say more about the flushes.
Result<Reading> measure_energy(Queue& queue, Observer& observer, const EnergyWork& work);

}  // namespace tamis::bench
