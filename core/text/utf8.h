// UTF-8 as the text room needs it: every string that comes from outside may be invalid, and nothing here
// fails. Invalid bytes become U+FFFD, one for each maximal subpart (Unicode Standard 15, section 3.9, "U+FFFD
// Substitution of Maximal Subparts"): what Python's and Rust's lossy decoders do.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tamis {

inline constexpr std::string_view kReplacementCharacter = "\xef\xbf\xbd";

// The sequence that begins at the first byte of `text` (not empty).
struct Utf8Sequence {
  enum class Kind { kValid, kInvalid, kTruncated };
  Kind kind;
  std::size_t size;  // bytes, >= 1; of a truncated or invalid sequence: its maximal subpart
};
Utf8Sequence utf8_sequence(std::string_view text);

bool is_valid_utf8(std::string_view text);

// Appends `bytes` to `out` with invalid sequences replaced, and stops before a truncated sequence at the end,
// which more bytes could complete. Returns how many bytes were taken: bytes.size() less 0 to 3.
std::size_t append_utf8_lossy(std::string_view bytes, std::string& out);

// The whole of `bytes`, a truncated end replaced too.
std::string utf8_lossy(std::string_view bytes);

// A quotation of untrusted text for an error message: at most 60 bytes, always valid UTF-8, control bytes as
// '?'.
std::string clip(std::string_view text);

}  // namespace tamis
