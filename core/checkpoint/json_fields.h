// Reading hostile JSON: config.json, index files and safetensors headers. parse_json() bounds nesting and
// refuses duplicate keys (the JSON library keeps the last one silently); JsonFields reads typed,
// range-checked fields and remembers the first error, so that a parser reads all it needs and checks once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/base/status.h"

namespace tamis {

// The value of `text`, or kCorruptData "<where>: <what is wrong>, byte N". Objects and arrays may nest
// `max_depth` deep. Never throws.
Result<nlohmann::json> parse_json(std::string_view text, std::string_view where, int max_depth);

// A value as error messages show it: scalars in JSON, cut to a readable length; containers by kind and size.
std::string describe_json(const nlohmann::json& value);

struct IntRange {
  std::int64_t min;
  std::int64_t max;
};

struct NumberRange {
  double min;
  double max;
};

// The fields of one JSON object. null counts as absent everywhere: published configs write both. A wrong type
// or range is kCorruptData, a well-formed value outside what `expect_*` takes is kUnsupported; both name the
// field, what was expected and what was found. After the first error every read returns its fallback (or 0).
class JsonFields {
 public:
  // `object` must outlive this; if it is no object, that is the first error.
  JsonFields(const nlohmann::json& object, std::string where);

  bool has(const char* name) const { return find(name) != nullptr; }
  // The value, or nullptr when absent or null.
  const nlohmann::json* find(const char* name) const;

  // Integers only: 4.0, "4" and 1e3 are refused.
  std::int64_t integer(const char* name, IntRange range);
  std::int64_t integer_or(const char* name, std::int64_t fallback, IntRange range);
  double number(const char* name, NumberRange range);
  double number_or(const char* name, double fallback, NumberRange range);
  bool boolean_or(const char* name, bool fallback);
  std::string string_or(const char* name, std::string fallback);
  std::vector<std::string> strings(const char* name);
  // One integer or a list of them; absent gives an empty list.
  std::vector<std::int64_t> integers(const char* name, IntRange range);

  // Absent passes; any other value is kUnsupported.
  void expect_string(const char* name, std::string_view expected);
  void expect_boolean(const char* name, bool expected);

  void fail_missing(const char* name);
  void fail_type(const char* name, std::string_view expected);
  void fail(Status status);

  const Status& status() const { return status_; }
  const std::string& where() const { return where_; }

 private:
  const nlohmann::json& object_;
  std::string where_;
  Status status_;
};

}  // namespace tamis
