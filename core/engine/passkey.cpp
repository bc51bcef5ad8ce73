#include "core/engine/passkey.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>

#include "core/engine/generate.h"
#include "core/numeric/philox.h"

namespace tamis {
namespace {

constexpr std::array<const char*, 16> kNames{"Ada",   "Boris", "Clara", "Dmitri", "Elena", "Felix",
                                             "Greta", "Hugo",  "Iris",  "Jonas",  "Klara", "Leo",
                                             "Mina",  "Nils",  "Olga",  "Pavel"};

// A sequence of draws that depends on (seed, sample) alone.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t sample) : seed_(seed), sample_(sample) {}
  // 0 to n-1. Its bias, n / 2^32, does not matter to n below a million.
  std::size_t below(std::size_t n) {
    const std::uint64_t bits = numeric::philox4x32_10(seed_, counter_++, sample_).v[0];
    return static_cast<std::size_t>(bits * n >> 32);
  }

 private:
  std::uint64_t seed_, sample_;
  std::uint64_t counter_ = 0;
};

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

std::vector<std::string> split_sentences(std::string_view text) {
  std::vector<std::string> sentences;
  std::string sentence;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!is_space(c)) {
      sentence += c;
    } else if (!sentence.empty() && sentence.back() != ' ') {
      sentence += ' ';
    }
    const bool stop = std::string_view(".!?;").find(c) != std::string_view::npos;
    const bool ends = c == '\n' || i + 1 == text.size() || (stop && is_space(text[i + 1]));
    if (!ends) continue;
    while (!sentence.empty() && sentence.back() == ' ') sentence.pop_back();
    if (!sentence.empty()) sentences.push_back(std::move(sentence));
    sentence.clear();
  }
  return sentences;
}

std::string key_line(std::string_view name, std::string_view number) {
  return fmt::format(" The pass key of {} is {}. Remember it: {} is the pass key of {}.\n", name, number,
                     number, name);
}

}  // namespace

// What a prompt consists of, before it is text: `lines` fillers from `first` on, key i before filler
// after[i].
struct PasskeyWriter::Draft {
  std::size_t first = 0;
  std::size_t lines = 0;
  std::vector<std::string> keys;
  std::vector<double> places;  // [0, 1) of the lines, so that it keeps its place when a line is dropped
  std::string question;
};

Result<PasskeyWriter> PasskeyWriter::create(const Tokenizer& tokenizer, std::string_view filler,
                                            std::optional<std::int32_t> bos) {
  PasskeyWriter writer(tokenizer);
  writer.bos_ = bos;
  for (const std::string& sentence : split_sentences(filler)) {
    Sentence line{" " + sentence + "\n", 0};
    TAMIS_ASSIGN_OR_RETURN(const std::vector<std::int32_t> ids,
                           tokenizer.encode(line.line, {.parse_special = false}));
    line.tokens = static_cast<std::int64_t>(ids.size());
    writer.sentences_.push_back(std::move(line));
  }
  if (writer.sentences_.empty()) return invalid_argument("the filler text holds no sentence");
  return writer;
}

Result<std::vector<std::int32_t>> PasskeyWriter::encode(const Draft& draft) const {
  std::string text;
  for (std::size_t i = 0; i <= draft.lines; ++i) {
    for (std::size_t k = 0; k < draft.keys.size(); ++k) {
      // One of the lines + 1 gaps: before the first line, …, after the last.
      if (static_cast<std::size_t>(draft.places[k] * static_cast<double>(draft.lines + 1)) == i)
        text += draft.keys[k];
    }
    if (i < draft.lines) text += sentences_[(draft.first + i) % sentences_.size()].line;
  }
  TAMIS_ASSIGN_OR_RETURN(std::vector<std::int32_t> ids,
                         tokenizer_.encode(text + draft.question, {.parse_special = false}));
  if (bos_.has_value()) ids.insert(ids.begin(), *bos_);
  return ids;
}

// The keys, the question and where the filler begins; no lines yet.
PasskeyWriter::Draft PasskeyWriter::draw(const PasskeyShape& shape, std::string* answer) const {
  Draws draws(shape.seed, shape.sample);
  std::array<const char*, kNames.size()> names = kNames;
  Draft draft;
  const auto keys = static_cast<std::size_t>(shape.keys);
  const std::size_t asked = draws.below(keys);
  for (std::size_t k = 0; k < keys; ++k) {
    std::swap(names[k], names[k + draws.below(names.size() - k)]);
    const std::string number = std::to_string(10000 + draws.below(90000));
    draft.keys.push_back(key_line(names[k], number));
    draft.places.push_back(static_cast<double>(draws.below(1u << 20)) / (1u << 20));
    if (k == asked) *answer = " " + number + ".";
  }
  draft.question =
      fmt::format("\nWhat is the pass key of {}? The pass key of {} is", names[asked], names[asked]);
  draft.first = draws.below(sentences_.size());
  return draft;
}

Result<PasskeyPrompt> PasskeyWriter::write(const PasskeyShape& shape) const {
  if (shape.keys < 1 || shape.keys > static_cast<std::int64_t>(kNames.size())) {
    return invalid_argument("{} keys: expected 1 to {}", shape.keys, kNames.size());
  }
  PasskeyPrompt prompt;
  Draft draft = draw(shape, &prompt.answer);
  TAMIS_ASSIGN_OR_RETURN(prompt.tokens, encode(draft));
  auto total = static_cast<std::int64_t>(prompt.tokens.size());
  if (total > shape.length) {
    return invalid_argument("length {}: {} keys and the question alone take {} tokens", shape.length,
                            shape.keys, total);
  }
  while (true) {
    total += sentences_[(draft.first + draft.lines) % sentences_.size()].tokens;
    if (total > shape.length) break;
    ++draft.lines;
  }
  // Tokens of the whole may differ by a few from the sum over its lines.
  TAMIS_ASSIGN_OR_RETURN(prompt.tokens, encode(draft));
  while (static_cast<std::int64_t>(prompt.tokens.size()) > shape.length) {
    --draft.lines;
    TAMIS_ASSIGN_OR_RETURN(prompt.tokens, encode(draft));
  }
  return prompt;
}

Result<bool> answers_passkey(Runner& runner, const Tokenizer& tokenizer, const PasskeyPrompt& prompt) {
  Session session(runner, tokenizer);
  GenerateRequest request;
  request.prompt = prompt.tokens;
  // A token that adds no text makes the answer wrong, so there are at most as many tokens as bytes.
  request.max_new_tokens = static_cast<std::int64_t>(prompt.answer.size());
  std::size_t seen = 0;
  GenerateCallbacks callbacks;
  callbacks.text = [&](std::string_view piece) { return (seen += piece.size()) < prompt.answer.size(); };
  TAMIS_ASSIGN_OR_RETURN(const GenerateResult result, session.generate(request, callbacks));
  return result.text.starts_with(prompt.answer);
}

Result<PasskeyScore> measure_passkey(Runner& runner, const Tokenizer& tokenizer, const PasskeyWriter& writer,
                                     PasskeyShape shape, std::int64_t samples) {
  const auto start = std::chrono::steady_clock::now();
  PasskeyScore score;
  for (; score.samples < samples; ++score.samples) {
    shape.sample = static_cast<std::uint64_t>(score.samples);
    TAMIS_ASSIGN_OR_RETURN(const PasskeyPrompt prompt, writer.write(shape));
    TAMIS_ASSIGN_OR_RETURN(const bool right, answers_passkey(runner, tokenizer, prompt));
    score.right += right ? 1 : 0;
  }
  score.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return score;
}

}  // namespace tamis
