// Reading fields of untrusted JSON: a wrong type is a Status that says which field, what was expected and
// what was found. All functions take the object's own path (`where`) for the message.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/base/status.h"
#include "core/text/utf8.h"

namespace tamis {

// The member `name` of an object; null when absent, or when `json` is no object.
inline const nlohmann::ordered_json* find_field(const nlohmann::ordered_json& json, const char* name) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(name);
  return found == json.end() ? nullptr : &*found;
}

// The member `name`, null when absent or JSON null.
inline const nlohmann::ordered_json* find_set_field(const nlohmann::ordered_json& json, const char* name) {
  const nlohmann::ordered_json* field = find_field(json, name);
  return field == nullptr || field->is_null() ? nullptr : field;
}

inline Status wrong_type(std::string_view where, std::string_view name, std::string_view expected,
                         const nlohmann::ordered_json* found) {
  return corrupt_data("{}.{}: expected {}, found {}", where, name, expected,
                      found == nullptr ? "nothing" : found->type_name());
}

inline Result<std::string> string_field(const nlohmann::ordered_json& json, const char* name,
                                        std::string_view where) {
  const nlohmann::ordered_json* field = find_field(json, name);
  if (field == nullptr || !field->is_string()) return wrong_type(where, name, "a string", field);
  return field->get_ref<const std::string&>();
}

// `fallback` when absent or null.
inline Result<bool> bool_field(const nlohmann::ordered_json& json, const char* name, bool fallback,
                               std::string_view where) {
  const nlohmann::ordered_json* field = find_set_field(json, name);
  if (field == nullptr) return fallback;
  if (!field->is_boolean()) return wrong_type(where, name, "true or false", field);
  return field->get<bool>();
}

}  // namespace tamis
