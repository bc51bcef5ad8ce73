// --batch KIND:new=N,prefix=P[;new=…,prefix=…]: a batch without its tokens, for explain and policy.
#pragma once

#include <string_view>

#include "core/policy/policy.h"

namespace tamis::apps {

// KIND is extend, decode, verify, mixed or draft-extend; every sequence has new >= 1.
Result<PolicyBatch> parse_batch(std::string_view text);

}  // namespace tamis::apps
