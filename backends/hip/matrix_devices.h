// Which devices have the matrix instructions of a row.
#pragma once

#include "core/backend/device_info.h"

namespace tamis::hip {

inline constexpr Features kMfmaGfx9{.all_of = kMfmaBf16};
inline constexpr Features kMfmaGfx942{.all_of = kMfmaBf16, .arch_min = 0x942, .arch_max = 0x943};  // e4m3fnuz
inline constexpr Features kMfmaGfx950{.all_of = kMfmaBf16, .arch_min = 0x950, .arch_max = 0x951};  // e4m3
inline constexpr Features kWmmaGfx11{.all_of = kWmmaBf16, .arch_min = 0x1100, .arch_max = 0x1200};
// gfx1250 has other instructions.
inline constexpr Features kWmmaGfx12{.all_of = kWmmaBf16, .arch_min = 0x1200, .arch_max = 0x1250};

}  // namespace tamis::hip
