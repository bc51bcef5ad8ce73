// Which devices run the kernels with _sm89 in their name, products of e4m3 on mma.sync. sm_89 and sm_12x have
// a unit for those; for sm_90 to sm_110 the compiler makes f16 products of them, which an H100 does faster
// than the rows on 16 bits do theirs (see the kernels), so these rows stand before those everywhere, behind
// wgmma's.
#pragma once

#include "core/backend/device_info.h"

namespace tamis::cuda {

// Whether the build has code for the device.
Reason accept_fp8_mma(const DeviceInfo& device);

}  // namespace tamis::cuda
