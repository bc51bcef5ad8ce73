// What every row of a run has in common: the machine, and its ceilings measured first.
#pragma once

#include <functional>
#include <string>

#include "bench/measure.h"
#include "bench/row.h"

namespace tamis::bench {

using Message = std::function<void(const std::string&)>;
Result<Row> describe_run(const Bench& bench, const Backend& backend, bool ceilings, const Message& message);

}  // namespace tamis::bench
