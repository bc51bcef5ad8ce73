#include "core/text/utf8.h"

namespace tamis {
namespace {

struct Lead {
  std::size_t size;         // 0: cannot begin a sequence
  unsigned char low, high;  // range of the second byte; later bytes are 80..BF
};

Lead classify_lead(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xc2) return {0, 0, 0};
  if (byte < 0xe0) return {2, 0x80, 0xbf};
  if (byte == 0xe0) return {3, 0xa0, 0xbf};
  if (byte == 0xed) return {3, 0x80, 0x9f};  // surrogates are not characters
  if (byte < 0xf0) return {3, 0x80, 0xbf};
  if (byte == 0xf0) return {4, 0x90, 0xbf};
  if (byte < 0xf4) return {4, 0x80, 0xbf};
  if (byte == 0xf4) return {4, 0x80, 0x8f};  // U+10FFFF is the last
  return {0, 0, 0};
}

}  // namespace

Utf8Sequence utf8_sequence(std::string_view text) {
  using Kind = Utf8Sequence::Kind;
  const Lead lead = classify_lead(static_cast<unsigned char>(text[0]));
  if (lead.size == 0) return {Kind::kInvalid, 1};
  for (std::size_t i = 1; i < lead.size; ++i) {
    if (i == text.size()) return {Kind::kTruncated, i};
    const auto byte = static_cast<unsigned char>(text[i]);
    const unsigned char low = i == 1 ? lead.low : 0x80;
    const unsigned char high = i == 1 ? lead.high : 0xbf;
    if (byte < low || byte > high) return {Kind::kInvalid, i};
  }
  return {Kind::kValid, lead.size};
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const Utf8Sequence sequence = utf8_sequence(text);
    if (sequence.kind != Utf8Sequence::Kind::kValid) return false;
    text.remove_prefix(sequence.size);
  }
  return true;
}

std::size_t append_utf8_lossy(std::string_view bytes, std::string& out) {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const Utf8Sequence sequence = utf8_sequence(bytes.substr(taken));
    if (sequence.kind == Utf8Sequence::Kind::kTruncated) break;
    if (sequence.kind == Utf8Sequence::Kind::kValid) {
      out.append(bytes, taken, sequence.size);
    } else {
      out.append(kReplacementCharacter);
    }
    taken += sequence.size;
  }
  return taken;
}

std::string utf8_lossy(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  if (append_utf8_lossy(bytes, out) < bytes.size()) out.append(kReplacementCharacter);
  return out;
}

std::string clip(std::string_view text) {
  constexpr std::size_t kMaxQuoted = 60;
  std::string out = utf8_lossy(text.substr(0, kMaxQuoted));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  if (text.size() > kMaxQuoted) out.append("...");
  return out;
}

}  // namespace tamis
