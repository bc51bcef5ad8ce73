// tamis detokenize MODEL: a JSON array of arrays of ids on stdin -> a JSON array of strings on stdout.
// Special tokens are kept.
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>

#include "apps/commands.h"
#include "apps/open_tokenizer.h"
#include "core/text/json_text.h"
#include "core/text/utf8.h"

namespace tamis::apps {
namespace {

Result<std::vector<std::int32_t>> read_ids(const nlohmann::ordered_json& row, std::size_t index) {
  if (!row.is_array()) {
    return invalid_argument("stdin: [{}]: expected an array of ids, found {}", index, row.type_name());
  }
  std::vector<std::int32_t> ids;
  for (const nlohmann::ordered_json& id : row) {
    // Comparing as JSON numbers: a value beyond 64 bits or with a fraction is neither integer nor in range.
    if (!id.is_number_integer() || id < 0 || id > std::numeric_limits<std::int32_t>::max()) {
      TAMIS_ASSIGN_OR_RETURN(const std::string found, python_json(id));
      return invalid_argument("stdin: [{}][{}]: expected a token id, found {}", index, ids.size(),
                              clip(found));
    }
    ids.push_back(id.get<std::int32_t>());
  }
  return ids;
}

Status detokenize(const std::string& model) {
  TAMIS_ASSIGN_OR_RETURN(const Tokenizer tokenizer, open_tokenizer(model));
  TAMIS_ASSIGN_OR_RETURN(const nlohmann::ordered_json rows, parse_json(read_stdin(), "stdin"));
  if (!rows.is_array())
    return invalid_argument("stdin: expected an array of arrays, found {}", rows.type_name());
  nlohmann::ordered_json texts = nlohmann::ordered_json::array();
  for (const nlohmann::ordered_json& row : rows) {
    TAMIS_ASSIGN_OR_RETURN(const std::vector<std::int32_t> ids, read_ids(row, texts.size()));
    Result<std::string> text = tokenizer.decode(ids);
    if (!text.ok()) return text.status().with_context(fmt::format("stdin: [{}]", texts.size()));
    texts.push_back(std::move(text).value());
  }
  TAMIS_ASSIGN_OR_RETURN(const std::string line, python_json(texts));
  std::puts(line.c_str());
  return {};
}

}  // namespace

void add_detokenize(CLI::App& root, int& exit_code) {
  CLI::App* command =
      root.add_subcommand("detokenize", "Texts of token ids: a JSON array of id arrays on stdin");
  const auto model = std::make_shared<std::string>();
  command->add_option("model", *model, kTokenizerModelHelp);
  command->callback([model, &exit_code] { exit_code = report(detokenize(*model)); });
}

}  // namespace tamis::apps
