// The byte alphabet of byte-level BPE (GPT-2, encoder.py: bytes_to_unicode): each byte has one printable
// character, so that a vocabulary file can spell any byte string. Printable bytes of Latin-1 stand for
// themselves; the other 68 are U+0100, U+0101, … in byte order (space is U+0120, "Ġ").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tamis {

// The UTF-8 text of the character of one byte: 1 or 2 bytes.
std::string_view byte_level_character(std::uint8_t byte);

// Bytes spelled in the alphabet.
std::string byte_level_spell(std::string_view bytes);

// The bytes that `spelling` stands for, or nothing when it holds a character outside the alphabet.
std::optional<std::string> byte_level_bytes(std::string_view spelling);

}  // namespace tamis
