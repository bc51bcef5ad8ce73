#include "core/engine/generate.h"

#include <algorithm>
#include <chrono>

#include "core/text/detokenizer.h"
#include "core/text/stop_matcher.h"

namespace tamis {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Ids -> text that is certain, with stop strings cut out.
class TextStream {
 public:
  TextStream(const Tokenizer& tokenizer, StopMatcher matcher, bool skip_special)
      : detokenizer_(tokenizer, {.skip_special = skip_special}), matcher_(std::move(matcher)) {}

  Result<StopMatcher::Output> push(std::int32_t id) {
    TAMIS_ASSIGN_OR_RETURN(const std::string piece, detokenizer_.push(id));
    return matcher_.push(piece);
  }
  std::string finish() {
    std::string rest = matcher_.push(detokenizer_.finish()).text;
    return rest + matcher_.finish();
  }

 private:
  Detokenizer detokenizer_;
  StopMatcher matcher_;
};

}  // namespace

const char* finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStopToken: return "stop token";
    case FinishReason::kStopString: return "stop string";
    case FinishReason::kMaxTokens: return "token limit";
    case FinishReason::kContext: return "context full";
    case FinishReason::kCancelled: return "cancelled";
  }
  return "unknown";
}

Session::~Session() {
  if (sequence_.has_value()) runner_.free_sequence(*sequence_);
}

std::int64_t Session::room() const {
  const std::int64_t limit = std::min(runner_.config().max_positions, runner_.options().cache_tokens);
  return limit - static_cast<std::int64_t>(cached_.size());
}

Status Session::check(const GenerateRequest& request) const {
  const auto length = static_cast<std::int64_t>(request.prompt.size());
  const std::int64_t limit = std::min(runner_.config().max_positions, runner_.options().cache_tokens);
  if (length == 0) return invalid_argument("the prompt is empty");
  if (length > limit) {
    return invalid_argument("the prompt has {} tokens, there is room for {} (model limit {}, cache {})",
                            length, limit, runner_.config().max_positions, runner_.options().cache_tokens);
  }
  if (request.max_new_tokens < 1)
    return invalid_argument("max_new_tokens: expected at least 1, found {}", request.max_new_tokens);
  return {};
}

// Keeps the cached rows of the longest common prefix; at least the prompt's last token is run again, for its
// logits.
Result<std::int64_t> Session::reuse_prefix(const std::vector<std::int32_t>& prompt) {
  if (!sequence_.has_value()) {
    TAMIS_ASSIGN_OR_RETURN(const SequenceId id, runner_.new_sequence());
    sequence_ = id;
  }
  const auto mismatch = std::mismatch(cached_.begin(), cached_.end(), prompt.begin(), prompt.end());
  const auto common =
      std::min<std::int64_t>(mismatch.first - cached_.begin(), static_cast<std::int64_t>(prompt.size()) - 1);
  TAMIS_RETURN_IF_ERROR(runner_.truncate(*sequence_, common));
  cached_.resize(static_cast<std::size_t>(common));
  return common;
}

Result<std::int32_t> Session::step(std::vector<std::int32_t> tokens, const GenerateRequest& request,
                                   bool draw) {
  StepItem item;
  item.sequence = *sequence_;
  item.logits = draw ? StepItem::Logits::kLast : StepItem::Logits::kNone;
  if (draw) item.sample = request.sampling;
  if (draw && request.sampling.has_penalties()) item.history = history_;
  item.tokens = std::move(tokens);
  TAMIS_ASSIGN_OR_RETURN(const StepResult result, runner_.step({item}, {.logits = false}));
  cached_.insert(cached_.end(), item.tokens.begin(), item.tokens.end());
  return draw ? result.tokens[0] : -1;
}

Result<std::int32_t> Session::prefill(const GenerateRequest& request, std::int64_t from,
                                      const GenerateCallbacks& callbacks) {
  const auto length = static_cast<std::int64_t>(request.prompt.size());
  std::int32_t token = -1;
  for (std::int64_t first = from; first < length;) {
    const std::int64_t n = std::min(runner_.options().max_batch_tokens, length - first);
    const auto begin = request.prompt.begin() + first;
    TAMIS_ASSIGN_OR_RETURN(token, step({begin, begin + n}, request, first + n == length));
    first += n;
    if (callbacks.prefill) callbacks.prefill(first, length);
  }
  return token;
}

Result<GenerateResult> Session::generate(const GenerateRequest& request, const GenerateCallbacks& callbacks) {
  TAMIS_RETURN_IF_ERROR(check(request));
  TAMIS_ASSIGN_OR_RETURN(StopMatcher matcher, StopMatcher::create(request.stop_strings));
  TextStream stream(tokenizer_, std::move(matcher), request.skip_special);
  GenerateResult result;
  result.prompt_tokens = static_cast<std::int64_t>(request.prompt.size());
  history_ = request.prompt;
  const auto start = Clock::now();
  TAMIS_ASSIGN_OR_RETURN(result.reused_tokens, reuse_prefix(request.prompt));
  TAMIS_ASSIGN_OR_RETURN(std::int32_t token, prefill(request, result.reused_tokens, callbacks));
  result.prefill_seconds = seconds_since(start);
  const auto decode_start = Clock::now();
  const auto give = [&](const std::string& piece) {
    result.text += piece;
    return piece.empty() || !callbacks.text || callbacks.text(piece);
  };
  while (true) {
    result.tokens.push_back(token);
    history_.push_back(token);
    if (std::find(request.stop_tokens.begin(), request.stop_tokens.end(), token) !=
        request.stop_tokens.end()) {
      result.finish = FinishReason::kStopToken;
      break;
    }
    TAMIS_ASSIGN_OR_RETURN(const StopMatcher::Output piece, stream.push(token));
    const bool go_on = give(piece.text);
    if (piece.stop.has_value()) result.finish = FinishReason::kStopString;
    if (!go_on) result.finish = FinishReason::kCancelled;
    if (piece.stop.has_value() || !go_on) break;
    if (static_cast<std::int64_t>(result.tokens.size()) >= request.max_new_tokens) break;
    if (room() < 1) {
      result.finish = FinishReason::kContext;
      break;
    }
    TAMIS_ASSIGN_OR_RETURN(token, step({token}, request, true));
  }
  result.decode_seconds = seconds_since(decode_start);
  give(stream.finish());
  return result;
}

}  // namespace tamis
