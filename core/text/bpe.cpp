#include "core/text/bpe.h"

#include <queue>

namespace tamis {
namespace {

constexpr std::int32_t kNone = -1;

struct Symbol {
  std::int32_t id;  // kNone once joined to its left neighbour
  std::int32_t previous;
  std::int32_t next;
};

struct Candidate {
  std::uint32_t rank;
  std::int32_t left;  // position of the left symbol
  std::int32_t id;    // of the joined symbol

  // std::priority_queue takes the largest first.
  bool operator<(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : left > other.left;
  }
};

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
}

}  // namespace

void Bpe::set_merge(std::int32_t left, std::int32_t right, std::uint32_t rank, std::int32_t id) {
  merges_[pair_key(left, right)] = {rank, id};
}

const Bpe::Merge* Bpe::find_merge(std::int32_t left, std::int32_t right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

Status Bpe::encode(std::string_view word, std::vector<std::int32_t>& out) const {
  const auto n = static_cast<std::int32_t>(word.size());
  std::vector<Symbol> symbols(word.size());
  for (std::int32_t i = 0; i < n; ++i) {
    const auto byte = static_cast<std::uint8_t>(word[i]);
    if (byte_ids_[byte] == kNone) return unsupported("the vocabulary has no token for byte 0x{:02x}", byte);
    symbols[i] = {byte_ids_[byte], i - 1, i + 1 < n ? i + 1 : kNone};
  }

  std::priority_queue<Candidate> queue;
  const auto offer = [&](std::int32_t left) {
    if (left == kNone || symbols[left].next == kNone) return;
    const Merge* merge = find_merge(symbols[left].id, symbols[symbols[left].next].id);
    if (merge != nullptr) queue.push({merge->rank, left, merge->id});
  };
  for (std::int32_t i = 0; i < n; ++i) offer(i);

  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[best.left];
    if (left.id == kNone || left.next == kNone) continue;
    Symbol& right = symbols[left.next];
    const Merge* merge = find_merge(left.id, right.id);
    // A candidate is stale when one of its two symbols has changed since it was offered.
    if (merge == nullptr || merge->id != best.id || merge->rank != best.rank) continue;
    left.id = best.id;
    right.id = kNone;
    left.next = right.next;
    if (left.next != kNone) symbols[left.next].previous = best.left;
    offer(left.previous);
    offer(best.left);
  }
  for (std::int32_t i = 0; i != kNone && i < n; i = symbols[i].next) out.push_back(symbols[i].id);
  return {};
}

}  // namespace tamis
