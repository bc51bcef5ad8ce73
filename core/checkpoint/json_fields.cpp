#include "core/checkpoint/json_fields.h"

#include <cmath>
#include <unordered_set>

#include <nlohmann/json.hpp>

namespace tamis {
namespace {

using nlohmann::json;

constexpr std::size_t kShownLength = 60;  // characters of a value in an error message

// A first pass over the text that builds nothing: stops at the first defect, before the DOM pass allocates.
class Guard : public nlohmann::json_sax<json> {
 public:
  explicit Guard(int max_depth) : max_depth_(max_depth) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }

  bool start_object(std::size_t) override {
    keys_.emplace_back();
    return enter();
  }
  bool key(string_t& name) override {
    if (keys_.back().insert(name).second) return true;
    error = fmt::format("key {} appears twice in one object", describe_json(name));
    return false;
  }
  bool end_object() override {
    keys_.pop_back();
    return leave();
  }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    error = fmt::format("not valid JSON, byte {}", position);
    return false;
  }

  std::string error;

 private:
  bool enter() {
    if (++depth_ <= max_depth_) return true;
    error = fmt::format("JSON nests deeper than {} levels", max_depth_);
    return false;
  }
  bool leave() {
    --depth_;
    return true;
  }

  int max_depth_;
  int depth_ = 0;
  std::vector<std::unordered_set<std::string>> keys_;  // of the open objects
};

std::string cut(std::string text) {
  if (text.size() <= kShownLength) return text;
  std::size_t end = kShownLength;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0u) == 0x80u)
    --end;  // not inside a UTF-8 character
  return text.substr(0, end) + "…";
}

bool is_integer_in(const json& value, IntRange range) {
  if (!value.is_number_integer()) return false;
  if (value.is_number_unsigned()) {
    const auto found = value.get<std::uint64_t>();
    return range.max >= 0 && found <= static_cast<std::uint64_t>(range.max) &&
           (range.min < 0 || found >= static_cast<std::uint64_t>(range.min));
  }
  const auto found = value.get<std::int64_t>();
  return found >= range.min && found <= range.max;
}

}  // namespace

Result<json> parse_json(std::string_view text, std::string_view where, int max_depth) {
  Guard guard(max_depth);
  if (!json::sax_parse(text.begin(), text.end(), &guard)) return corrupt_data("{}: {}", where, guard.error);
  return json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

std::string describe_json(const json& value) {
  if (value.is_object()) return fmt::format("an object of {} fields", value.size());
  if (value.is_array()) return fmt::format("a list of {}", value.size());
  return cut(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

JsonFields::JsonFields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object_.is_object()) {
    fail(corrupt_data("{}: expected a JSON object, found {}", where_, describe_json(object_)));
  }
}

const json* JsonFields::find(const char* name) const {
  if (!object_.is_object()) return nullptr;
  const auto it = object_.find(name);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

void JsonFields::fail(Status status) {
  if (status_.ok()) status_ = std::move(status);
}

void JsonFields::fail_missing(const char* name) { fail(corrupt_data("{}: {}: missing", where_, name)); }

void JsonFields::fail_type(const char* name, std::string_view expected) {
  const json* value = find(name);
  fail(corrupt_data("{}: {}: expected {}, found {}", where_, name, expected,
                    value != nullptr ? describe_json(*value) : "nothing"));
}

std::int64_t JsonFields::integer_or(const char* name, std::int64_t fallback, IntRange range) {
  const json* value = find(name);
  if (value == nullptr) return fallback;
  if (is_integer_in(*value, range)) return value->get<std::int64_t>();
  fail_type(name, fmt::format("an integer in [{}, {}]", range.min, range.max));
  return fallback;
}

std::int64_t JsonFields::integer(const char* name, IntRange range) {
  if (!has(name)) fail_missing(name);
  return integer_or(name, 0, range);
}

double JsonFields::number_or(const char* name, double fallback, NumberRange range) {
  const json* value = find(name);
  if (value == nullptr) return fallback;
  if (value->is_number()) {
    const double found = value->get<double>();
    if (std::isfinite(found) && found >= range.min && found <= range.max) return found;
  }
  fail_type(name, fmt::format("a number in [{}, {}]", range.min, range.max));
  return fallback;
}

double JsonFields::number(const char* name, NumberRange range) {
  if (!has(name)) fail_missing(name);
  return number_or(name, 0.0, range);
}

bool JsonFields::boolean_or(const char* name, bool fallback) {
  const json* value = find(name);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  fail_type(name, "true or false");
  return fallback;
}

std::string JsonFields::string_or(const char* name, std::string fallback) {
  const json* value = find(name);
  if (value == nullptr) return fallback;
  if (value->is_string()) return value->get<std::string>();
  fail_type(name, "a string");
  return fallback;
}

std::vector<std::string> JsonFields::strings(const char* name) {
  std::vector<std::string> out;
  const json* value = find(name);
  if (value == nullptr) return out;
  if (!value->is_array()) {
    fail_type(name, "a list of strings");
    return out;
  }
  for (const json& element : *value) {
    if (!element.is_string()) {
      fail(corrupt_data("{}: {}[{}]: expected a string, found {}", where_, name, out.size(),
                        describe_json(element)));
      return {};
    }
    out.push_back(element.get<std::string>());
  }
  return out;
}

std::vector<std::int64_t> JsonFields::integers(const char* name, IntRange range) {
  std::vector<std::int64_t> out;
  const json* value = find(name);
  if (value == nullptr) return out;
  if (!value->is_array()) return {integer_or(name, 0, range)};
  for (const json& element : *value) {
    if (!is_integer_in(element, range)) {
      fail(corrupt_data("{}: {}[{}]: expected an integer in [{}, {}], found {}", where_, name, out.size(),
                        range.min, range.max, describe_json(element)));
      return {};
    }
    out.push_back(element.get<std::int64_t>());
  }
  return out;
}

void JsonFields::expect_string(const char* name, std::string_view expected) {
  const json* value = find(name);
  if (value == nullptr || (value->is_string() && value->get_ref<const std::string&>() == expected)) return;
  fail(unsupported("{}: {}: expected \"{}\", found {}", where_, name, expected, describe_json(*value)));
}

void JsonFields::expect_boolean(const char* name, bool expected) {
  if (boolean_or(name, expected) != expected) {
    fail(unsupported("{}: {}: expected {}, found {}", where_, name, expected, !expected));
  }
}

}  // namespace tamis
