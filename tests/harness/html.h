// Text for HTML pages that stand by themselves.
#pragma once

#include <string>

namespace tamis::harness {

// Safe between tags and in quoted attributes.
std::string escape_html(const std::string& text);

}  // namespace tamis::harness
