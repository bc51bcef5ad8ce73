// The caches of a model: per layer the latent rows and, where the layer has an indexer, the index keys;
// shared by all sequences through pages of 64 slots. A slot number is global and the same in every layer, so
// one page table serves all.
#pragma once

#include <memory>
#include <vector>

#include "core/exec/plan.h"
#include "core/model/graph_builder.h"

namespace tamis {

// The pages of one sequence, in order of position.
struct SequenceCache {
  std::vector<std::int32_t> pages;
  std::int64_t length = 0;  // tokens stored
};

class CachePool {
 public:
  // Room for `n_tokens` tokens, rounded up to pages. kOutOfMemory says how much is needed and free.
  static Result<std::unique_ptr<CachePool>> create(const ModelConfig& config, const Precision& precision,
                                                   std::int64_t n_tokens, bool with_mtp, Device& device);

  // What create() would allocate.
  static std::int64_t bytes_for(const ModelConfig& config, const Precision& precision, std::int64_t n_tokens,
                                bool with_mtp);

  static std::int64_t pages_for(std::int64_t n_tokens) { return (n_tokens + kPageSize - 1) / kPageSize; }
  std::int64_t n_pages() const { return n_pages_; }
  std::int64_t free_pages() const { return static_cast<std::int64_t>(free_.size()); }
  std::int64_t bytes() const { return bytes_; }

  // Pages for `length` tokens in all. On kOutOfMemory the sequence keeps what it had.
  Status reserve(SequenceCache& sequence, std::int64_t length);
  // Forgets the tokens from `length` on and gives whole pages back.
  void truncate(SequenceCache& sequence, std::int64_t length);
  static std::int64_t slot(const SequenceCache& sequence, std::int64_t position) {
    return sequence.pages[static_cast<std::size_t>(position / kPageSize)] * kPageSize + position % kPageSize;
  }

  void bind(Bindings& bindings) const;

 private:
  std::int64_t n_pages_ = 0;
  std::int64_t bytes_ = 0;
  std::vector<std::int32_t> free_;  // last one is handed out next
  std::vector<std::pair<std::string, std::shared_ptr<Buffer>>> buffers_;
};

}  // namespace tamis
