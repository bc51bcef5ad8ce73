#include "apps/open_tokenizer.h"

#include <filesystem>
#include <system_error>

#include "core/model/find_model.h"

namespace tamis::apps {

Result<Tokenizer> open_tokenizer(const std::string& model) {
  // A tokenizer needs no config.json beside it, which find_model expects.
  std::error_code ignored;
  if (!model.empty() && std::filesystem::exists(model, ignored)) return Tokenizer::from_file(model);
  TAMIS_ASSIGN_OR_RETURN(const std::string folder, find_model(model));
  return Tokenizer::from_file(folder);
}

}  // namespace tamis::apps
