// The strings of the DeepSeek-V3.2 chat format. DSML is its markup for tools: XML-like, with one token
// ("｜DSML｜") in every tag so that ordinary text cannot be taken for a tag. Source:
// encoding/encoding_dsv32.py of the published model deepseek-ai/DeepSeek-V3.2 (MIT).
#pragma once

#include <string_view>

namespace tamis::dsml {

inline constexpr std::string_view kBos = "<｜begin▁of▁sentence｜>";
inline constexpr std::string_view kEos = "<｜end▁of▁sentence｜>";
inline constexpr std::string_view kUser = "<｜User｜>";
inline constexpr std::string_view kAssistant = "<｜Assistant｜>";
inline constexpr std::string_view kThinkBegin = "<think>";
inline constexpr std::string_view kThinkEnd = "</think>";
inline constexpr std::string_view kMark = "｜DSML｜";

// Tags without their closing ">": what follows differs, and the parser checks it.
inline constexpr std::string_view kCallsBegin = "<｜DSML｜function_calls";
inline constexpr std::string_view kCallsEnd = "</｜DSML｜function_calls>";
inline constexpr std::string_view kInvokeBegin = "<｜DSML｜invoke";
inline constexpr std::string_view kInvokeEnd = "</｜DSML｜invoke";
inline constexpr std::string_view kParameterBegin = "<｜DSML｜parameter";
inline constexpr std::string_view kParameterEnd = "/｜DSML｜parameter";  // the "<" before it ends the value

}  // namespace tamis::dsml
