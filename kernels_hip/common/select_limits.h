// What a sampled selection takes (kernels_hip/common/sampled_select.h): plain host C++.
#pragma once

namespace tamis::hip {

inline constexpr int kMaxSampledK = 2048;

}  // namespace tamis::hip
