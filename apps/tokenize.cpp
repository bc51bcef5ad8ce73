// tamis tokenize MODEL: a JSON array of strings on stdin -> a JSON array of arrays of ids on stdout. No BOS
// is added; added tokens in a string are recognised.
#include <cstdio>
#include <memory>

#include "apps/commands.h"
#include "apps/open_tokenizer.h"
#include "core/text/json_text.h"

namespace tamis::apps {
namespace {

Status tokenize(const std::string& model) {
  TAMIS_ASSIGN_OR_RETURN(const Tokenizer tokenizer, open_tokenizer(model));
  TAMIS_ASSIGN_OR_RETURN(const nlohmann::ordered_json texts, parse_json(read_stdin(), "stdin"));
  if (!texts.is_array())
    return invalid_argument("stdin: expected an array of strings, found {}", texts.type_name());
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const nlohmann::ordered_json& text : texts) {
    if (!text.is_string()) {
      return invalid_argument("stdin: [{}]: expected a string, found {}", rows.size(), text.type_name());
    }
    TAMIS_ASSIGN_OR_RETURN(std::vector<std::int32_t> ids,
                           tokenizer.encode(text.get_ref<const std::string&>()));
    rows.push_back(std::move(ids));
  }
  TAMIS_ASSIGN_OR_RETURN(const std::string line, python_json(rows));
  std::puts(line.c_str());
  return {};
}

}  // namespace

void add_tokenize(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand("tokenize", "Token ids of texts: a JSON array of strings on stdin");
  const auto model = std::make_shared<std::string>();
  command->add_option("model", *model, kTokenizerModelHelp);
  command->callback([model, &exit_code] { exit_code = report(tokenize(*model)); });
}

}  // namespace tamis::apps
