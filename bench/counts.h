// Lists of counts on the command line, as llama-bench writes them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/status.h"

namespace tamis::bench {

// "1,8-64*2,100-130+10" -> 1 8 16 32 64 100 110 120 130 (a range without a step counts by one). Counts below
// `least` are refused.
Result<std::vector<std::int64_t>> parse_counts(const std::string& text, std::int64_t least = 1);

}  // namespace tamis::bench
