#include "core/text/vocabulary.h"

#include "core/text/byte_level.h"
#include "core/text/utf8.h"

namespace tamis {

Status Vocabulary::claim(const std::string& spelling, std::int64_t id) {
  if (id < 0 || id > kMaxTokenId) {
    return corrupt_data("token '{}': id {} is outside [0, {}]", clip(spelling), id, kMaxTokenId);
  }
  const auto [entry, is_new] = ids_.try_emplace(spelling, static_cast<std::int32_t>(id));
  if (!is_new) {
    if (entry->second == id) return {};
    return corrupt_data("token '{}': has the ids {} and {}", clip(spelling), entry->second, id);
  }
  if (id < size() && entries_[id].present) {
    return corrupt_data("token '{}': id {} already belongs to '{}'", clip(spelling), id,
                        clip(*bytes(static_cast<std::int32_t>(id))));
  }
  return {};
}

void Vocabulary::set(std::int64_t id, std::string_view bytes, bool special) {
  if (id >= size()) entries_.resize(static_cast<std::size_t>(id) + 1);
  entries_[id] = {pool_.size(), static_cast<std::uint32_t>(bytes.size()), true, special};
  pool_ += bytes;
}

Status Vocabulary::add_model_token(const std::string& spelling, std::int64_t id) {
  TAMIS_RETURN_IF_ERROR(claim(spelling, id));
  set(id, byte_level_bytes(spelling).value_or(spelling), false);
  return {};
}

Status Vocabulary::add_added_token(const std::string& content, std::int64_t id, bool special) {
  TAMIS_RETURN_IF_ERROR(claim(content, id));
  set(id, content, special);
  return {};
}

std::optional<std::int32_t> Vocabulary::find(std::string_view spelling) const {
  const auto found = ids_.find(spelling);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string_view> Vocabulary::bytes(std::int32_t id) const {
  if (id < 0 || id >= size() || !entries_[id].present) return std::nullopt;
  return std::string_view(pool_).substr(entries_[id].offset, entries_[id].size);
}

bool Vocabulary::is_special(std::int32_t id) const { return id >= 0 && id < size() && entries_[id].special; }

}  // namespace tamis
