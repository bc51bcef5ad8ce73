// --ceilings FILE: rates that `tamis bench op -o json` measured, for devices that no data sheet is known of.
#pragma once

#include <string>

#include "core/backend/device_info.h"
#include "core/exec/floor.h"

namespace tamis::apps {

// Of the data sheet, else of the rows in `path` that were measured on a device of this name; unknown if there
// are none, or `path` is empty. An error only for a file that is no result of bench.
Result<Ceilings> find_ceilings(const DeviceInfo& device, const std::string& path);

}  // namespace tamis::apps
