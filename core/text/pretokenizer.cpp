#include "core/text/pretokenizer.h"

#include <cctype>
#include <utility>

#include "core/text/json_field.h"
#include "core/text/utf8.h"

namespace tamis {
namespace {

using nlohmann::ordered_json;

// The split of GPT-2, which ByteLevel applies with use_regex (tokenizers, byte_level.rs).
constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

std::string escape_pattern(std::string_view literal) {
  std::string out;
  for (const char c : literal) {
    if (std::ispunct(static_cast<unsigned char>(c))) out += '\\';
    out += c;
  }
  return out;
}

// "pattern": {"Regex": "…"} or {"String": "…"}.
Result<std::string> read_pattern(const ordered_json& step, const std::string& where) {
  const ordered_json* pattern = find_field(step, "pattern");
  if (pattern == nullptr || !pattern->is_object()) return wrong_type(where, "pattern", "an object", pattern);
  if (find_field(*pattern, "String") != nullptr) {
    TAMIS_ASSIGN_OR_RETURN(const std::string literal, string_field(*pattern, "String", where + ".pattern"));
    return escape_pattern(literal);
  }
  return string_field(*pattern, "Regex", where + ".pattern");
}

// Copies the pieces one after another, each with a space in front unless it begins with one.
PreTokens with_prefix_spaces(std::string_view text, const std::vector<Span>& pieces) {
  PreTokens out;
  std::string& rewritten = out.rewritten.emplace();
  for (const Span& piece : pieces) {
    const std::size_t begin = rewritten.size();
    if (text[piece.begin] != ' ') rewritten += ' ';
    rewritten.append(text, piece.begin, piece.size);
    out.words.push_back({begin, rewritten.size() - begin});
  }
  return out;
}

}  // namespace

Result<PreTokenizer> PreTokenizer::from_json(const ordered_json& json) {
  PreTokenizer out;
  TAMIS_RETURN_IF_ERROR(out.add(json, "pre_tokenizer"));
  if (!out.has_byte_level_) {
    return unsupported("pre_tokenizer: only byte-level BPE can run, and there is no ByteLevel step");
  }
  return out;
}

Status PreTokenizer::add(const ordered_json& step, const std::string& where) {
  TAMIS_ASSIGN_OR_RETURN(const std::string type, string_field(step, "type", where));
  if (has_byte_level_) return unsupported("{}: '{}' after ByteLevel", where, clip(type));
  if (type == "Split") return add_split(step, where);
  if (type == "Digits") return add_digits(step, where);
  if (type == "ByteLevel") return add_byte_level(step, where);
  if (type != "Sequence") {
    return unsupported("{}.type: '{}'; supported: Sequence, Split, Digits, ByteLevel", where, clip(type));
  }
  const ordered_json* steps = find_field(step, "pretokenizers");
  if (steps == nullptr || !steps->is_array()) return wrong_type(where, "pretokenizers", "an array", steps);
  for (std::size_t i = 0; i < steps->size(); ++i) {
    TAMIS_RETURN_IF_ERROR(add((*steps)[i], fmt::format("{}.pretokenizers[{}]", where, i)));
  }
  return {};
}

Status PreTokenizer::add_split(const ordered_json& step, const std::string& where) {
  TAMIS_ASSIGN_OR_RETURN(const std::string behavior, string_field(step, "behavior", where));
  if (behavior != "Isolated") {
    return unsupported("{}.behavior: '{}'; supported: Isolated", where, clip(behavior));
  }
  // "invert" exchanges matches and the text between them: Isolated keeps both, so it changes nothing.
  TAMIS_ASSIGN_OR_RETURN([[maybe_unused]] const bool invert, bool_field(step, "invert", false, where));
  TAMIS_ASSIGN_OR_RETURN(const std::string pattern, read_pattern(step, where));
  Result<Regex> regex = Regex::compile(pattern);
  if (!regex.ok()) return regex.status().with_context(where);
  splits_.push_back(std::move(regex).value());
  return {};
}

Status PreTokenizer::add_digits(const ordered_json& step, const std::string& where) {
  TAMIS_ASSIGN_OR_RETURN(const bool individual, bool_field(step, "individual_digits", false, where));
  TAMIS_ASSIGN_OR_RETURN(Regex regex, Regex::compile(individual ? "\\p{N}" : "\\p{N}+"));
  splits_.push_back(std::move(regex));
  return {};
}

Status PreTokenizer::add_byte_level(const ordered_json& step, const std::string& where) {
  has_byte_level_ = true;
  TAMIS_ASSIGN_OR_RETURN(add_prefix_space_, bool_field(step, "add_prefix_space", true, where));
  TAMIS_ASSIGN_OR_RETURN(const bool use_regex, bool_field(step, "use_regex", true, where));
  if (use_regex) {
    TAMIS_ASSIGN_OR_RETURN(byte_level_regex_, Regex::compile(kGpt2Pattern));
  }
  return {};
}

Result<PreTokens> PreTokenizer::split(std::string_view text) const {
  PreTokens out;
  if (text.empty()) return out;
  out.words.push_back({0, text.size()});
  for (const Regex& regex : splits_) {
    TAMIS_ASSIGN_OR_RETURN(out.words, regex.split(text, out.words));
  }
  if (add_prefix_space_) {
    out = with_prefix_spaces(text, out.words);
    text = *out.rewritten;
  }
  if (byte_level_regex_) {
    TAMIS_ASSIGN_OR_RETURN(out.words, byte_level_regex_->split(text, out.words));
  }
  return out;
}

}  // namespace tamis
