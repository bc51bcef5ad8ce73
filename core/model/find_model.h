// Turns what a user calls a model into a folder.
#pragma once

#include <string>
#include <string_view>

#include "core/base/status.h"

namespace tamis {

inline constexpr const char* kDefaultModel = "tiny-v32";

// A folder (with a config.json) is itself; empty is kDefaultModel; any other name is looked up in the
// installed models (../share/tamis/models beside the executable), in models/ of a source tree around the
// executable (build/bin up to the root), and in settings::models_path(). kNotFound lists the places looked
// at.
Result<std::string> find_model(std::string_view name_or_path);

}  // namespace tamis
