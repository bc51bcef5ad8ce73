// JSON that crosses a prompt: read without losing anything that Python's json module would keep, and written
// as json.dumps(value, ensure_ascii=False) writes it (", " and ": ", key order kept, repr() of floats),
// because the chat formats are defined by Python programs and the model has seen exactly that text.
//
// Kept: key order (a repeated key keeps its first place and takes its last value), integers of any length
// (beyond 64 bits as a binary value that holds the digits: a parsed document has no other binary values).
// Refused, where Python is laxer: NaN and Infinity, numbers outside the range of a double, unpaired
// surrogates, nesting deeper than kMaxJsonDepth (which bounds the recursion of everything that walks the
// value).
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/base/status.h"

namespace tamis {

inline constexpr int kMaxJsonDepth = 256;

// kInvalidArgument, with line and column, when `text` is not one JSON document. `name` is where it came from.
Result<nlohmann::ordered_json> parse_json(std::string_view text, std::string_view name);

// kInvalidArgument when nested deeper than kMaxJsonDepth.
Result<std::string> python_json(const nlohmann::ordered_json& value);

// The quoted and escaped form of a string.
std::string python_json_string(std::string_view text);

// What Python's repr() prints for a float: 1.0, 1e-05, 1e+16, 0.1, inf.
std::string python_float(double value);

}  // namespace tamis
