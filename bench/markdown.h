// Rows as lines of markdown tables, one table a kind of row.
#pragma once

#include <string>

#include "bench/row.h"

namespace tamis::bench {

// What holds for all rows of a device, ahead of its first table.
std::string markdown_machine(const Row& row);
std::string markdown_head(const Row& row);
std::string markdown_line(const Row& row);

}  // namespace tamis::bench
