// Tokenizer::from_file and from_json: reads tokenizer.json (format: Hugging Face tokenizers,
// tokenizer/serialization.rs and models/bpe/serialization.rs). The file is untrusted: every type is checked,
// and each error names its field.
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/text/byte_level.h"
#include "core/text/json_field.h"
#include "core/text/json_text.h"
#include "core/text/text_file.h"
#include "core/text/tokenizer.h"

namespace tamis {

using nlohmann::ordered_json;

class TokenizerLoader {
 public:
  Result<Tokenizer> load(const ordered_json& root) {
    if (!root.is_object()) return corrupt_data("expected an object, found {}", root.type_name());
    TAMIS_RETURN_IF_ERROR(check_normalizer(root));
    TAMIS_RETURN_IF_ERROR(check_decoder(root));
    const ordered_json* pretokenizer = find_set_field(root, "pre_tokenizer");
    if (pretokenizer == nullptr)
      return unsupported("pre_tokenizer: only byte-level BPE can run, and there is none");
    TAMIS_ASSIGN_OR_RETURN(tokenizer_.pretokenizer_, PreTokenizer::from_json(*pretokenizer));
    const ordered_json* model = find_field(root, "model");
    if (model == nullptr || !model->is_object()) return wrong_type("tokenizer", "model", "an object", model);
    TAMIS_RETURN_IF_ERROR(check_model(*model));
    TAMIS_RETURN_IF_ERROR(read_vocab(*model));
    TAMIS_RETURN_IF_ERROR(read_merges(*model));
    TAMIS_RETURN_IF_ERROR(read_added_tokens(root));
    return std::move(tokenizer_);
  }

 private:
  static Status check_normalizer(const ordered_json& root) {
    const ordered_json* normalizer = find_set_field(root, "normalizer");
    if (normalizer == nullptr) return {};
    TAMIS_ASSIGN_OR_RETURN(const std::string type, string_field(*normalizer, "type", "normalizer"));
    const ordered_json* steps = find_field(*normalizer, "normalizers");
    if (type == "Sequence" && steps != nullptr && steps->is_array() && steps->empty()) return {};
    return unsupported("normalizer: type '{}'; supported: null or an empty Sequence", clip(type));
  }

  static Status check_decoder(const ordered_json& root) {
    const ordered_json* decoder = find_set_field(root, "decoder");
    if (decoder == nullptr) return unsupported("decoder: none; supported: ByteLevel");
    const ordered_json* steps = find_field(*decoder, "decoders");
    if (steps != nullptr && steps->is_array() && steps->size() == 1) decoder = &steps->front();
    TAMIS_ASSIGN_OR_RETURN(const std::string type, string_field(*decoder, "type", "decoder"));
    if (type == "ByteLevel") return {};
    return unsupported("decoder: type '{}'; supported: ByteLevel, alone or in a Sequence of one", clip(type));
  }

  Status check_model(const ordered_json& model) {
    const ordered_json* type =
        find_set_field(model, "type");  // absent in old files, which are BPE if they have merges
    if (type != nullptr && *type != "BPE") {
      return unsupported("model.type: '{}'; supported: BPE",
                         type->is_string() ? clip(type->get_ref<const std::string&>()) : type->type_name());
    }
    for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const ordered_json* affix = find_set_field(model, name);
      if (affix == nullptr || (affix->is_string() && affix->get_ref<const std::string&>().empty())) continue;
      return unsupported("model.{}: supported: null or empty", name);
    }
    const ordered_json* dropout = find_set_field(model, "dropout");
    if (dropout != nullptr && *dropout != 0) return unsupported("model.dropout: supported: null or 0");
    TAMIS_ASSIGN_OR_RETURN(const bool byte_fallback, bool_field(model, "byte_fallback", false, "model"));
    if (byte_fallback) return unsupported("model.byte_fallback: supported: false");
    TAMIS_ASSIGN_OR_RETURN(tokenizer_.ignore_merges_, bool_field(model, "ignore_merges", false, "model"));
    return {};
  }

  Status read_vocab(const ordered_json& model) {
    const ordered_json* vocab = find_field(model, "vocab");
    if (vocab == nullptr || !vocab->is_object()) return wrong_type("model", "vocab", "an object", vocab);
    for (const auto& [spelling, id] : vocab->get_ref<const ordered_json::object_t&>()) {
      if (!id.is_number_integer()) return wrong_type("model.vocab", clip(spelling), "an integer id", &id);
      TAMIS_RETURN_IF_ERROR(
          tokenizer_.vocabulary_.add_model_token(spelling, to_id(id)).with_context("model.vocab"));
    }
    for (int byte = 0; byte < 256; ++byte) {
      const auto id = tokenizer_.vocabulary_.find(byte_level_character(static_cast<std::uint8_t>(byte)));
      if (id) tokenizer_.bpe_.set_byte(static_cast<std::uint8_t>(byte), *id);
    }
    return {};
  }

  // An unsigned value above 2^63 must not wrap into the valid range.
  static std::int64_t to_id(const ordered_json& id) {
    if (id.is_number_unsigned() && id.get<std::uint64_t>() > INT64_MAX) return INT64_MAX;
    return id.get<std::int64_t>();
  }

  Status read_merges(const ordered_json& model) {
    const ordered_json* merges = find_field(model, "merges");
    if (merges == nullptr || !merges->is_array()) return wrong_type("model", "merges", "an array", merges);
    tokenizer_.bpe_.reserve_merges(merges->size());
    std::uint32_t rank = 0;
    for (const ordered_json& merge : *merges) {
      TAMIS_RETURN_IF_ERROR(read_merge(merge, rank).with_context(fmt::format("model.merges[{}]", rank)));
      ++rank;
    }
    return {};
  }

  // "left right" (a spelling holds no space: the byte alphabet has none) or ["left", "right"].
  Status read_merge(const ordered_json& merge, std::uint32_t rank) {
    std::string left, right;
    if (merge.is_string()) {
      const std::string& both = merge.get_ref<const std::string&>();
      const std::size_t space = both.find(' ');
      if (space == std::string::npos || both.find(' ', space + 1) != std::string::npos) {
        return corrupt_data("expected two tokens separated by one space, found '{}'", clip(both));
      }
      left = both.substr(0, space);
      right = both.substr(space + 1);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      left = merge[0].get_ref<const std::string&>();
      right = merge[1].get_ref<const std::string&>();
    } else {
      return corrupt_data("expected \"left right\" or [\"left\", \"right\"], found {}", merge.type_name());
    }
    if (left.empty() || right.empty()) return corrupt_data("a token of the pair is empty");
    const auto left_id = tokenizer_.vocabulary_.find(left);
    const auto right_id = tokenizer_.vocabulary_.find(right);
    const auto joined_id = tokenizer_.vocabulary_.find(left + right);
    if (!left_id || !right_id || !joined_id) {
      const std::string& missing = !left_id ? left : !right_id ? right : left + right;
      return corrupt_data("'{}' is not in model.vocab", clip(missing));
    }
    tokenizer_.bpe_.set_merge(*left_id, *right_id, rank, *joined_id);
    return {};
  }

  Status read_added_tokens(const ordered_json& root) {
    const ordered_json* tokens = find_set_field(root, "added_tokens");
    if (tokens == nullptr) return {};
    if (!tokens->is_array()) return wrong_type("tokenizer", "added_tokens", "an array", tokens);
    for (std::size_t i = 0; i < tokens->size(); ++i) {
      TAMIS_RETURN_IF_ERROR(read_added_token((*tokens)[i], fmt::format("added_tokens[{}]", i)));
    }
    return {};
  }

  Status read_added_token(const ordered_json& token, const std::string& where) {
    TAMIS_ASSIGN_OR_RETURN(const std::string content, string_field(token, "content", where));
    if (content.empty() || content.size() > kMaxAddedTokenBytes) {
      return corrupt_data("{}.content: {} bytes, expected 1 to {}", where, content.size(),
                          kMaxAddedTokenBytes);
    }
    const ordered_json* id = find_field(token, "id");
    if (id == nullptr || !id->is_number_integer()) return wrong_type(where, "id", "an integer", id);
    for (const char* name : {"single_word", "lstrip", "rstrip"}) {
      TAMIS_ASSIGN_OR_RETURN(const bool is_set, bool_field(token, name, false, where));
      if (is_set) return unsupported("{}.{}: supported: false", where, name);
    }
    TAMIS_ASSIGN_OR_RETURN(const bool special, bool_field(token, "special", false, where));
    TAMIS_ASSIGN_OR_RETURN(const bool normalized, bool_field(token, "normalized", !special, where));
    TAMIS_RETURN_IF_ERROR(
        tokenizer_.vocabulary_.add_added_token(content, to_id(*id), special).with_context(where));
    tokenizer_.added_.add(content, static_cast<std::int32_t>(to_id(*id)), normalized);
    return {};
  }

  Tokenizer tokenizer_;
};

Result<Tokenizer> Tokenizer::from_json(std::string_view text, std::string_view name) {
  Result<ordered_json> root = parse_json(text, name);
  if (!root.ok()) return Status(StatusCode::kCorruptData, root.status().message());
  Result<Tokenizer> tokenizer = TokenizerLoader().load(*root);
  if (!tokenizer.ok()) return tokenizer.status().with_context(name);
  return tokenizer;
}

Result<Tokenizer> Tokenizer::from_file(const std::string& path) {
  std::error_code error;
  std::filesystem::path file(path);
  if (std::filesystem::is_directory(file, error)) file /= "tokenizer.json";
  TAMIS_ASSIGN_OR_RETURN(const std::string text, read_text_file(file));
  return from_json(text, file.string());
}

}  // namespace tamis
