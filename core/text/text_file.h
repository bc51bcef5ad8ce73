// Reads the small text files of a model folder.
#pragma once

#include <filesystem>
#include <string>

#include "core/base/status.h"

namespace tamis {

// The whole of a regular file. kNotFound when it is none or cannot be read, kCorruptData above 256 MiB
// (published tokenizer files stay below 20 MB).
Result<std::string> read_text_file(const std::filesystem::path& path);

}  // namespace tamis
