#include "core/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <string>
#include <utility>

#include "core/text/utf8.h"

namespace tamis {
namespace {

constexpr std::size_t kMaxPatternBytes = 1 << 16;
constexpr std::uint32_t kHeapLimitKiB = 256 << 10;
constexpr std::size_t kJitStackBytes = 1 << 20;
// Backtracking steps allowed at each start position in the fast path: a search over n characters takes at
// most n * kStepsPerStart. PCRE2 restarts its count at each start position and does not tell what it used, so
// a match that needs more is retried alone with growing limits, and the limits are charged to the budget of
// the call.
constexpr std::uint32_t kStepsPerStart = 1024;
constexpr std::uint32_t kStepGrowth = 4;
constexpr std::uint64_t kBudgetBase = 1 << 24;
constexpr std::uint64_t kBudgetPerByte = 64;

template <class T, void (*free_function)(T*)>
struct Free {
  void operator()(T* pointer) const { free_function(pointer); }
};
using CodePtr = std::unique_ptr<pcre2_code, Free<pcre2_code, pcre2_code_free>>;
using CompileContextPtr =
    std::unique_ptr<pcre2_compile_context, Free<pcre2_compile_context, pcre2_compile_context_free>>;
using MatchContextPtr =
    std::unique_ptr<pcre2_match_context, Free<pcre2_match_context, pcre2_match_context_free>>;
using MatchDataPtr = std::unique_ptr<pcre2_match_data, Free<pcre2_match_data, pcre2_match_data_free>>;
using JitStackPtr = std::unique_ptr<pcre2_jit_stack, Free<pcre2_jit_stack, pcre2_jit_stack_free>>;

std::string error_text(int code) {
  PCRE2_UCHAR buffer[256] = {};
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

// Rewrites an Oniguruma pattern as the PCRE2 pattern of the same meaning.
class Translator {
 public:
  explicit Translator(std::string_view pattern) : in_(pattern) {}

  Result<std::string> run() {
    while (at_ < in_.size()) {
      if (in_[at_] == '\\') {
        TAMIS_RETURN_IF_ERROR(escape());
      } else if (in_class_) {
        TAMIS_RETURN_IF_ERROR(in_class());
      } else {
        TAMIS_RETURN_IF_ERROR(outside_class());
      }
    }
    return std::move(out_);
  }

 private:
  // Unicode White_Space. PCRE2's own \s also takes U+180E, which stopped being a space in Unicode 6.3.
  static constexpr std::string_view kSpaces = "\\p{Z}\\x{9}-\\x{d}\\x{85}";

  Status refuse(std::string_view what) const {
    return unsupported("regex '{}': {} at byte {} is not supported", clip(in_), what, at_);
  }

  bool next_is(std::string_view text) const { return in_.substr(at_, text.size()) == text; }

  void copy(std::size_t n) {
    out_.append(in_.substr(at_, n));
    at_ += n;
  }

  void replace(std::size_t n, std::string_view with) {
    out_.append(with);
    at_ += n;
  }

  Status escape() {
    if (at_ + 1 == in_.size()) return corrupt_data("regex '{}': ends in a backslash", clip(in_));
    const char c = in_[at_ + 1];
    if (c == 's') {
      replace(2, in_class_ ? std::string(kSpaces) : fmt::format("[{}]", kSpaces));
    } else if (c == 'S' && !in_class_) {
      replace(2, fmt::format("[^{}]", kSpaces));
    } else if (c == 'u') {
      if (in_.size() - at_ < 6) return corrupt_data("regex '{}': \\u needs four hex digits", clip(in_));
      const std::string_view digits = in_.substr(at_ + 2, 4);
      for (const char digit : digits) {
        if (!std::isxdigit(static_cast<unsigned char>(digit))) return refuse("\\u without four hex digits");
      }
      replace(6, fmt::format("\\x{{{}}}", digits));
    } else if (std::string_view("pPdDrntfx").find(c) != std::string_view::npos ||
               std::ispunct(static_cast<unsigned char>(c))) {
      copy(2);
    } else {
      return refuse(fmt::format("escape '{}'", clip(in_.substr(at_, 2))));
    }
    return {};
  }

  Status in_class() {
    if (next_is("[")) return refuse("a character class inside a character class");
    if (next_is("&&")) return refuse("'&&' in a character class");
    in_class_ = in_[at_] != ']';
    copy(1);
    return {};
  }

  Status outside_class() {
    if (next_is("(*")) return refuse("'(*'");
    if (in_[at_] != '[') {
      copy(1);
      return {};
    }
    in_class_ = true;
    copy(next_is("[^") ? 2 : 1);
    if (next_is("]")) replace(1, "\\]");  // first in its class, it stands for itself
    return {};
  }

  std::string_view in_;
  std::string out_;
  std::size_t at_ = 0;
  bool in_class_ = false;
};

}  // namespace

struct Regex::Code {
  CodePtr code;
};

namespace {

// The matching state of one split() call.
class Matcher {
 public:
  Matcher(const pcre2_code* code, std::size_t text_size)
      : code_(code),
        data_(pcre2_match_data_create(1, nullptr)),
        context_(pcre2_match_context_create(nullptr)),
        stack_(pcre2_jit_stack_create(32 << 10, kJitStackBytes, nullptr)),
        budget_(kBudgetBase + kBudgetPerByte * text_size) {
    if (context_ == nullptr) return;
    pcre2_set_heap_limit(context_.get(), kHeapLimitKiB);
    if (stack_ != nullptr) pcre2_jit_stack_assign(context_.get(), nullptr, stack_.get());
  }

  // The next match at or after `from`; `found` is empty at the end of the text when there is none.
  Status find(std::string_view subject, std::size_t from, Span& found) {
    if (data_ == nullptr || context_ == nullptr) return out_of_memory("regex: no memory to match");
    found = {subject.size(), 0};
    int rc = match(subject, from, kStepsPerStart, 0);
    while (is_limit(rc) && from < subject.size()) {
      TAMIS_ASSIGN_OR_RETURN(rc, match_here(subject, from));
      if (rc != PCRE2_ERROR_NOMATCH) break;
      from += utf8_sequence(subject.substr(from)).size;
      rc = PCRE2_ERROR_MATCHLIMIT;
    }
    if (rc == PCRE2_ERROR_NOMATCH || is_limit(rc)) return {};
    if (rc < 0) return invalid_argument("regex: {}", error_text(rc));
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(data_.get());
    if (offsets[0] > offsets[1] || offsets[0] < from)
      return internal_error("regex: match ends before it starts");
    found = {offsets[0], offsets[1] - offsets[0]};
    return {};
  }

 private:
  static bool is_limit(int rc) { return rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_JIT_STACKLIMIT; }

  int match(std::string_view subject, std::size_t from, std::uint32_t steps, std::uint32_t options) {
    pcre2_set_match_limit(context_.get(), steps);
    return pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(subject.data()), subject.size(), from,
                       options | PCRE2_NO_UTF_CHECK, data_.get(), context_.get());
  }

  // One start position, with as many steps as the budget allows. PCRE2_ANCHORED takes the interpreter, not
  // the JIT.
  Result<int> match_here(std::string_view subject, std::size_t from) {
    int rc = match(subject, from, kStepsPerStart, PCRE2_ANCHORED);
    for (std::uint64_t steps = kStepsPerStart * kStepGrowth; is_limit(rc); steps *= kStepGrowth) {
      if (steps > std::min<std::uint64_t>(budget_, UINT32_MAX))
        return invalid_argument("regex: backtracks too much on this text");
      budget_ -= steps;
      rc = match(subject, from, static_cast<std::uint32_t>(steps), PCRE2_ANCHORED);
    }
    return rc;
  }

  const pcre2_code* code_;
  MatchDataPtr data_;
  MatchContextPtr context_;
  JitStackPtr stack_;
  std::uint64_t budget_;
};

void push_if_any(std::vector<Span>& spans, std::size_t begin, std::size_t end) {
  if (begin < end) spans.push_back({begin, end - begin});
}

// PCRE2 is told not to check UTF-8 again, so a piece must not begin or end inside a character.
bool is_on_characters(std::string_view text, Span piece) {
  if (piece.begin > text.size() || piece.size > text.size() - piece.begin) return false;
  const auto is_boundary = [&](std::size_t at) {
    return at == text.size() || (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
  };
  return is_boundary(piece.begin) && is_boundary(piece.begin + piece.size);
}

Status split_piece(Matcher& matcher, std::string_view text, Span piece, std::vector<Span>& out) {
  const std::string_view subject = text.substr(piece.begin, piece.size);
  std::size_t done = 0;  // everything before it is in `out`
  std::size_t from = 0;
  while (from < subject.size()) {
    Span found;
    TAMIS_RETURN_IF_ERROR(matcher.find(subject, from, found));
    push_if_any(out, piece.begin + done, piece.begin + found.begin);
    push_if_any(out, piece.begin + found.begin, piece.begin + found.begin + found.size);
    done = from = found.begin + found.size;
    if (found.size == 0 && from < subject.size()) from += utf8_sequence(subject.substr(from)).size;
  }
  push_if_any(out, piece.begin + done, piece.begin + piece.size);
  return {};
}

}  // namespace

Result<Regex> Regex::compile(std::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes) {
    return unsupported("regex: {} bytes long, at most {} expected", pattern.size(), kMaxPatternBytes);
  }
  TAMIS_ASSIGN_OR_RETURN(const std::string translated, Translator(pattern).run());
  CompileContextPtr context(pcre2_compile_context_create(nullptr));
  if (context == nullptr) return out_of_memory("regex: no memory to compile");
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE where = 0;
  // Oniguruma's default (Ruby) syntax lets ^ and $ match at every line.
  constexpr std::uint32_t kOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
  CodePtr code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), kOptions,
                             &error, &where, context.get()));
  if (code == nullptr) return corrupt_data("regex '{}': {}", clip(pattern), error_text(error));
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // where there is no JIT, pcre2_match interprets
  return Regex(std::make_shared<const Code>(Code{std::move(code)}));
}

Result<std::vector<Span>> Regex::split(std::string_view text, const std::vector<Span>& pieces) const {
  if (!is_valid_utf8(text)) return invalid_argument("regex: the text is not valid UTF-8");
  Matcher matcher(code_->code.get(), text.size());
  std::vector<Span> out;
  out.reserve(pieces.size());
  for (const Span& piece : pieces) {
    if (!is_on_characters(text, piece)) {
      return invalid_argument("regex: piece [{}, +{}) of a text of {} bytes", piece.begin, piece.size,
                              text.size());
    }
    TAMIS_RETURN_IF_ERROR(split_piece(matcher, text, piece, out));
  }
  return out;
}

}  // namespace tamis
