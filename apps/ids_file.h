// {"input_ids": [[…], […]]}: token rows given to logits and eval.
#pragma once

#include <string>
#include <vector>

#include "core/base/status.h"

namespace tamis::apps {

// kCorruptData names the file, the row and the entry. "input_ids" may be one flat row, too.
Result<std::vector<std::vector<std::int32_t>>> read_ids_file(const std::string& path);

}  // namespace tamis::apps
