// The MODEL argument of the commands that need only a tokenizer.
#pragma once

#include <string>

#include "core/base/status.h"
#include "core/text/tokenizer.h"

namespace tamis::apps {

inline constexpr const char* kTokenizerModelHelp =
    "a tokenizer.json, a folder that holds one, or a model's name";

// Empty: the default model (core/model/find_model.h).
Result<Tokenizer> open_tokenizer(const std::string& model);

}  // namespace tamis::apps
