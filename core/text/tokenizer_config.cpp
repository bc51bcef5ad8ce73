#include "core/text/tokenizer_config.h"

#include <filesystem>

#include "core/text/json_field.h"
#include "core/text/json_text.h"
#include "core/text/text_file.h"

namespace tamis {
namespace {

using nlohmann::ordered_json;

// A token is a string or an AddedToken object with a "content".
Result<std::optional<std::string>> token_field(const ordered_json& json, const char* name,
                                               std::string_view where) {
  const ordered_json* field = find_set_field(json, name);
  if (field == nullptr) return std::optional<std::string>();
  if (field->is_object()) {
    TAMIS_ASSIGN_OR_RETURN(std::string content,
                           string_field(*field, "content", fmt::format("{}.{}", where, name)));
    return std::optional<std::string>(std::move(content));
  }
  TAMIS_ASSIGN_OR_RETURN(std::string content, string_field(json, name, where));
  return std::optional<std::string>(std::move(content));
}

}  // namespace

Result<TokenizerConfig> parse_tokenizer_config(std::string_view text, std::string_view name) {
  Result<ordered_json> root = parse_json(text, name);
  if (!root.ok()) return Status(StatusCode::kCorruptData, root.status().message());
  if (!root->is_object()) return corrupt_data("{}: expected an object, found {}", name, root->type_name());
  TokenizerConfig config;
  TAMIS_ASSIGN_OR_RETURN(config.bos_token, token_field(*root, "bos_token", name));
  TAMIS_ASSIGN_OR_RETURN(config.eos_token, token_field(*root, "eos_token", name));
  TAMIS_ASSIGN_OR_RETURN(config.pad_token, token_field(*root, "pad_token", name));
  TAMIS_ASSIGN_OR_RETURN(config.add_bos_token, bool_field(*root, "add_bos_token", false, name));
  return config;
}

Result<TokenizerConfig> read_tokenizer_config(const std::string& folder) {
  const std::filesystem::path file = std::filesystem::path(folder) / "tokenizer_config.json";
  Result<std::string> text = read_text_file(file);
  if (text.status().code() == StatusCode::kNotFound) return TokenizerConfig();
  if (!text.ok()) return text.status();
  return parse_tokenizer_config(*text, file.string());
}

}  // namespace tamis
