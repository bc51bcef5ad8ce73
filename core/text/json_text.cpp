#include "core/text/json_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/text/utf8.h"

namespace tamis {
namespace {

using nlohmann::ordered_json;

// Marks a binary value as the digits of an integer (see the header).
constexpr std::uint64_t kBigIntegerTag = 1;

bool is_integer_text(std::string_view text) { return text.find_first_of(".eE") == std::string_view::npos; }

// Builds the document from the parser's events. An object under construction is kept as two vectors and an
// index: ordered_json's own insertion searches linearly, so an object of n keys would cost n^2.
class Builder : public nlohmann::json_sax<ordered_json> {
 public:
  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    if (!is_integer_text(text)) return add(value);
    return add(ordered_json::binary(std::vector<std::uint8_t>(text.begin(), text.end()), kBigIntegerTag));
  }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(true); }
  bool start_array(std::size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    Container& object = open_.back();
    const auto [entry, is_new] = object.index.try_emplace(name, object.keys.size());
    object.slot = entry->second;
    if (is_new) {
      object.keys.push_back(std::move(name));
      object.values.emplace_back();
    }
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: …": the bracket means nothing to a
    // user.
    std::string_view what = error.what();
    if (const std::size_t bracket = what.find("] "); bracket != std::string_view::npos)
      what.remove_prefix(bracket + 2);
    constexpr std::size_t kMaxMessage = 300;
    error_ = utf8_lossy(what.substr(0, kMaxMessage));
    return false;
  }

  ordered_json take_root() { return std::move(root_); }
  const std::string& error() const { return error_; }

 private:
  struct Container {
    bool is_object = false;
    std::vector<std::string> keys;
    std::vector<ordered_json> values;
    std::unordered_map<std::string, std::size_t> index;  // key -> its place
    std::size_t slot = 0;                                // where the next value of an object goes
  };

  bool add(ordered_json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Container& parent = open_.back(); parent.is_object) {
      parent.values[parent.slot] = std::move(value);
    } else {
      parent.values.push_back(std::move(value));
    }
    return true;
  }

  bool open(bool is_object) {
    if (open_.size() >= kMaxJsonDepth) {
      error_ = fmt::format("nested deeper than {} levels", kMaxJsonDepth);
      return false;
    }
    open_.emplace_back();
    open_.back().is_object = is_object;
    return true;
  }

  bool close() {
    Container container = std::move(open_.back());
    open_.pop_back();
    if (!container.is_object) return add(ordered_json::array_t(std::move(container.values)));
    ordered_json::object_t object;
    object.reserve(container.keys.size());
    for (std::size_t i = 0; i < container.keys.size(); ++i) {
      object.emplace_back(std::move(container.keys[i]), std::move(container.values[i]));
    }
    return add(std::move(object));
  }

  ordered_json root_;
  std::vector<Container> open_;
  std::string error_;
};

class Writer {
 public:
  // False when the value is nested too deep.
  bool write(const ordered_json& value, int depth = 0) {
    switch (value.type()) {
      case ordered_json::value_t::string:
        out_ += python_json_string(value.get_ref<const std::string&>());
        return true;
      case ordered_json::value_t::number_float: out_ += python_float(value.get<double>()); return true;
      case ordered_json::value_t::binary:
        out_.append(value.get_binary().begin(), value.get_binary().end());
        return true;
      case ordered_json::value_t::array: return depth < kMaxJsonDepth && write_array(value, depth);
      case ordered_json::value_t::object: return depth < kMaxJsonDepth && write_object(value, depth);
      case ordered_json::value_t::number_integer:
        out_ += fmt::format("{}", value.get<std::int64_t>());
        return true;
      case ordered_json::value_t::number_unsigned:
        out_ += fmt::format("{}", value.get<std::uint64_t>());
        return true;
      case ordered_json::value_t::boolean: out_ += value.get<bool>() ? "true" : "false"; return true;
      case ordered_json::value_t::null:
      case ordered_json::value_t::discarded: break;
    }
    out_ += "null";
    return true;
  }

  std::string take() { return std::move(out_); }

 private:
  bool write_array(const ordered_json& array, int depth) {
    out_ += '[';
    const char* separator = "";
    for (const ordered_json& element : array) {
      out_ += std::exchange(separator, ", ");
      if (!write(element, depth + 1)) return false;
    }
    out_ += ']';
    return true;
  }

  bool write_object(const ordered_json& object, int depth) {
    out_ += '{';
    const char* separator = "";
    for (const auto& [key, element] : object.get_ref<const ordered_json::object_t&>()) {
      out_ += std::exchange(separator, ", ");
      out_ += python_json_string(key);
      out_ += ": ";
      if (!write(element, depth + 1)) return false;
    }
    out_ += '}';
    return true;
  }

  std::string out_;
};

}  // namespace

Result<nlohmann::ordered_json> parse_json(std::string_view text, std::string_view name) {
  Builder builder;
  if (!ordered_json::sax_parse(text.begin(), text.end(), &builder)) {
    return invalid_argument("{}: not valid JSON: {}", name, builder.error());
  }
  return builder.take_root();
}

Result<std::string> python_json(const nlohmann::ordered_json& value) {
  Writer writer;
  if (!writer.write(value)) return invalid_argument("JSON value nested deeper than {} levels", kMaxJsonDepth);
  return writer.take();
}

std::string python_json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
  return out;
}

std::string python_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  std::string_view shortest(buffer, static_cast<std::size_t>(end - buffer));  // "-d.ddde+XX", fewest digits

  std::string sign;
  if (shortest.front() == '-') {
    sign = "-";
    shortest.remove_prefix(1);
  }
  const std::size_t e = shortest.find('e');
  std::string digits(shortest.substr(0, e));
  digits.erase(std::remove(digits.begin(), digits.end(), '.'), digits.end());
  int exponent = 0;
  const std::size_t first_digit = shortest[e + 1] == '+' ? e + 2 : e + 1;
  std::from_chars(shortest.data() + first_digit, shortest.data() + shortest.size(), exponent);

  // float.__repr__ writes an exponent outside [-4, 16) (CPython, Python/pystrtod.c, format code 'r').
  if (exponent < -4 || exponent >= 16) return sign + std::string(shortest);
  if (exponent < 0) return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

}  // namespace tamis
