// Counts the process's calls of malloc and its relatives (operator new among them), by standing in front of
// glibc's.
#pragma once

#include <cstdint>

namespace tamis::model_tests {

// False where something else owns malloc (a sanitizer): then there is nothing to count.
bool allocations_are_counted();
std::int64_t allocations_so_far();

}  // namespace tamis::model_tests
