// Pass-key recall: can the model fetch a number out of a long text? The text is filler sentences; some of
// them are followed by ` The pass key of NAME is NNNNN. Remember it: NNNNN is the pass key of NAME.`; the end
// asks for one of the names. Perplexity hardly notices a selection that drops the wrong keys of the context;
// this does.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/runner.h"
#include "core/text/tokenizer.h"

namespace tamis {

struct PasskeyShape {
  std::int64_t length = 1024;  // of the prompt, tokens: filled up to at most this
  std::int64_t keys = 2;       // names with a number; the question is about one of them
  std::uint64_t seed = 0;
  std::uint64_t sample = 0;  // the same (seed, sample) gives the same prompt for a tokenizer and filler
};

struct PasskeyPrompt {
  std::vector<std::int32_t> tokens;
  std::string answer;  // " 12345."
};

// Writes prompts. Immutable once made.
class PasskeyWriter {
 public:
  // `filler`: prose. Sentences end at . ! ? ; before white space, and at the end of a line; a prompt takes
  // them in order from a random one on, and begins again at the first after the last. `bos` begins every
  // prompt.
  static Result<PasskeyWriter> create(const Tokenizer& tokenizer, std::string_view filler,
                                      std::optional<std::int32_t> bos);

  // kInvalidArgument if the keys and the question alone are longer, or there are fewer names than keys.
  Result<PasskeyPrompt> write(const PasskeyShape& shape) const;

 private:
  struct Sentence {
    std::string line;  // " Sentence text.\n"
    std::int64_t tokens = 0;
  };
  struct Draft;
  explicit PasskeyWriter(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  Draft draw(const PasskeyShape& shape, std::string* answer) const;
  Result<std::vector<std::int32_t>> encode(const Draft& draft) const;

  const Tokenizer& tokenizer_;
  std::vector<Sentence> sentences_;
  std::optional<std::int32_t> bos_;
};

struct PasskeyScore {
  std::int64_t right = 0;
  std::int64_t samples = 0;
  double seconds = 0;
};

// Right: the greedy continuation begins with the answer, five digits and the full stop.
Result<bool> answers_passkey(Runner& runner, const Tokenizer& tokenizer, const PasskeyPrompt& prompt);

// Samples 0 to samples-1 of a shape.
Result<PasskeyScore> measure_passkey(Runner& runner, const Tokenizer& tokenizer, const PasskeyWriter& writer,
                                     PasskeyShape shape, std::int64_t samples);

}  // namespace tamis
