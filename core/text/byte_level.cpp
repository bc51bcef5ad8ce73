#include "core/text/byte_level.h"

#include <array>

namespace tamis {
namespace {

constexpr int kCodePoints = 0x100 + 68;  // the alphabet ends at U+0143

bool stands_for_itself(int byte) { return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad); }

struct Alphabet {
  std::array<std::string, 256> spelling;
  std::array<std::int16_t, kCodePoints> byte_of;  // -1: not in the alphabet

  Alphabet() {
    byte_of.fill(-1);
    int next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const int code_point = stands_for_itself(byte) ? byte : next++;
      byte_of[code_point] = static_cast<std::int16_t>(byte);
      std::string& text = spelling[byte];
      if (code_point >= 0x80) text += static_cast<char>(0xc0 | code_point >> 6);
      text += static_cast<char>(code_point < 0x80 ? code_point : 0x80 | (code_point & 0x3f));
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

std::string_view byte_level_character(std::uint8_t byte) { return alphabet().spelling[byte]; }

std::string byte_level_spell(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 4);
  for (const char c : bytes) out += byte_level_character(static_cast<std::uint8_t>(c));
  return out;
}

std::optional<std::string> byte_level_bytes(std::string_view spelling) {
  std::string out;
  out.reserve(spelling.size());
  for (std::size_t i = 0; i < spelling.size();) {
    const auto lead = static_cast<unsigned char>(spelling[i]);
    int code_point = lead;
    std::size_t size = 1;
    if (lead >= 0x80) {
      // The alphabet needs two-byte sequences at most: U+0080 to U+07FF, leads C2 to DF.
      if (lead < 0xc2 || lead > 0xdf || i + 1 == spelling.size()) return std::nullopt;
      const auto trail = static_cast<unsigned char>(spelling[i + 1]);
      if ((trail & 0xc0) != 0x80) return std::nullopt;
      code_point = (lead & 0x1f) << 6 | (trail & 0x3f);
      size = 2;
    }
    if (code_point >= kCodePoints || alphabet().byte_of[code_point] < 0) return std::nullopt;
    out += static_cast<char>(alphabet().byte_of[code_point]);
    i += size;
  }
  return out;
}

}  // namespace tamis
