// Text generation for one sequence: chunked prefill, decode, sampling, stop strings and tokens, streaming
// text.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/runner.h"
#include "core/text/tokenizer.h"

namespace tamis {

enum class FinishReason : std::uint8_t {
  kStopToken,
  kStopString,
  kMaxTokens,
  kContext,    // the model's or the cache's length limit
  kCancelled,  // the sink said so
};
const char* finish_reason_name(FinishReason reason);

struct GenerateRequest {
  std::vector<std::int32_t>
      prompt;  // whole, not only what is new: a common prefix with the last call is reused
  SamplingConfig sampling;
  std::int64_t max_new_tokens = 256;
  std::vector<std::string> stop_strings;  // not given out
  std::vector<std::int32_t> stop_tokens;  // end the text; not given out
  bool skip_special = true;
};

struct GenerateResult {
  std::string text;
  std::vector<std::int32_t> tokens;  // all that were drawn, the stop token included
  FinishReason finish = FinishReason::kMaxTokens;
  std::int64_t prompt_tokens = 0;
  std::int64_t reused_tokens = 0;  // of the prompt, found in the cache
  double prefill_seconds = 0;
  double decode_seconds = 0;  // of all tokens after the first
};

struct GenerateCallbacks {
  std::function<bool(std::string_view piece)> text;                    // false: stop
  std::function<void(std::int64_t done, std::int64_t total)> prefill;  // prompt tokens processed
};

// A sequence that lives over several requests (the turns of a chat): what it has in common with the next
// prompt stays in the cache.
class Session {
 public:
  Session(Runner& runner, const Tokenizer& tokenizer) : runner_(runner), tokenizer_(tokenizer) {}
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Result<GenerateResult> generate(const GenerateRequest& request, const GenerateCallbacks& callbacks = {});

 private:
  Status check(const GenerateRequest& request) const;
  Result<std::int64_t> reuse_prefix(const std::vector<std::int32_t>& prompt);
  Result<std::int32_t> prefill(const GenerateRequest& request, std::int64_t from,
                               const GenerateCallbacks& callbacks);
  Result<std::int32_t> step(std::vector<std::int32_t> tokens, const GenerateRequest& request, bool draw);
  std::int64_t room() const;

  Runner& runner_;
  const Tokenizer& tokenizer_;
  std::optional<SequenceId> sequence_;
  std::vector<std::int32_t> cached_;   // tokens whose rows are in the cache
  std::vector<std::int32_t> history_;  // prompt and drawn tokens, for penalties
};

}  // namespace tamis
