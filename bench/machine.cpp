#include "bench/machine.h"

#include "bench/environment.h"
#include "bench/roofline.h"

namespace tamis::bench {

Result<Row> describe_run(const Bench& bench, const Backend& backend, bool ceilings, const Message& message) {
  Row machine;
  describe_machine(bench.device.info(), machine);
  if (!ceilings) return machine;
  message(fmt::format("{}: measuring ceilings", bench.device.info().name));
  TAMIS_ASSIGN_OR_RETURN(const Ceilings measured, measure_ceilings(bench, backend));
  measured.fill(machine);
  message("ceilings: " + describe_ceilings(machine));
  return machine;
}

}  // namespace tamis::bench
