// Lists of GPU architectures, as compilers take them.
#pragma once

#include <string_view>

namespace tamis {

// Whether code compiled for `archs` ("gfx90a gfx942:xnack-") runs on the architecture that a driver names
// ("gfx942:sramecc+:xnack-"): the number is listed, with no setting that the device has the other way. A
// generic entry ("gfx9-4-generic") is trusted.
bool covers_arch(std::string_view archs, std::string_view device);

}  // namespace tamis
