// tamis run: one prompt, one answer.
#include <cstdio>
#include <memory>

#include "apps/commands.h"
#include "apps/generation_options.h"
#include "core/text/chat_encoding.h"

namespace tamis::apps {
namespace {

struct RunOptions {
  ModelOptions model;
  GenerationOptions generation;
  std::string prompt, prompt_file, system;
  bool raw = false;
  bool thinking = false;
};

// The chat form, as models that were trained on chats want it; --raw continues the text as it is.
Result<std::vector<std::int32_t>> encode_prompt(const RunOptions& options, const Talker& talker,
                                                const std::string& text) {
  if (options.raw) {
    TAMIS_ASSIGN_OR_RETURN(std::vector<std::int32_t> ids, talker.tokenizer.encode(text));
    if (talker.bos.has_value()) ids.insert(ids.begin(), *talker.bos);
    return ids;
  }
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  if (!options.system.empty()) messages.push_back({{"role", "system"}, {"content", options.system}});
  messages.push_back({{"role", "user"}, {"content", text}});
  TAMIS_ASSIGN_OR_RETURN(const std::string prompt, encode_chat(messages, {.thinking = options.thinking}));
  return talker.tokenizer.encode(prompt);
}

Status run(const RunOptions& options) {
  std::string text = options.prompt;
  if (!options.prompt_file.empty()) {
    TAMIS_ASSIGN_OR_RETURN(text, options.prompt_file == "-" ? Result<std::string>(read_stdin())
                                                            : read_file(options.prompt_file));
  }
  if (text.empty()) return invalid_argument("no prompt: give -p TEXT or -f FILE");
  TAMIS_ASSIGN_OR_RETURN(const Talker talker, open_talker(options.model, options.generation));
  TAMIS_ASSIGN_OR_RETURN(std::vector<std::int32_t> ids, encode_prompt(options, talker, text));
  Trace trace;
  if (!options.model.trace_path.empty()) talker.runner->set_trace(&trace);
  Session session(*talker.runner, talker.tokenizer);
  TAMIS_ASSIGN_OR_RETURN(
      const GenerateResult result,
      session.generate(make_request(talker, options.generation, std::move(ids)), print_callbacks()));
  std::fputc('\n', stdout);
  std::fflush(stdout);
  std::fprintf(stderr, "%s\n", summary_line(result, *talker.runner).c_str());
  return finish_trace(options.model, trace);
}

}  // namespace

void add_run(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand("run", "Answer one prompt");
  const auto options = std::make_shared<RunOptions>();
  add_model_options(*command, options->model);
  add_generation_options(*command, options->generation);
  command->add_option("-p,--prompt", options->prompt, "the user's message");
  command->add_option("-f,--file", options->prompt_file, "read the message from a file; -: standard input");
  command->add_option("--system", options->system, "system message");
  command->add_flag("--raw", options->raw, "no chat form: continue the text");
  command->add_flag("--thinking", options->thinking, "let the model reason first");
  command->callback([options, &exit_code] { exit_code = report(run(*options)); });
}

}  // namespace tamis::apps
