#include "core/cache/cache_pool.h"

namespace tamis {

namespace {

using NamedDescs = std::vector<std::pair<std::string, TensorDesc>>;

NamedDescs cache_descs(const ModelConfig& config, const Precision& precision, std::int64_t n_pages,
                       bool with_mtp) {
  NamedDescs caches;
  const auto add_layer = [&](std::int64_t index, const LayerConfig& layer) {
    caches.emplace_back(kv_cache_name(index), kv_cache_desc(config, precision, n_pages));
    if (layer.has_indexer) {
      caches.emplace_back(index_cache_name(index), index_cache_desc(config, precision, n_pages));
    }
  };
  for (std::int64_t i = 0; i < config.n_layers; ++i) add_layer(i, config.layers[static_cast<std::size_t>(i)]);
  if (with_mtp) add_layer(config.n_layers, config.mtp_layer());
  return caches;
}

}  // namespace

std::int64_t CachePool::bytes_for(const ModelConfig& config, const Precision& precision,
                                  std::int64_t n_tokens, bool with_mtp) {
  std::int64_t bytes = 0;
  for (const auto& [name, desc] : cache_descs(config, precision, pages_for(n_tokens), with_mtp))
    bytes += desc.span_bytes();
  return bytes;
}

Result<std::unique_ptr<CachePool>> CachePool::create(const ModelConfig& config, const Precision& precision,
                                                     std::int64_t n_tokens, bool with_mtp, Device& device) {
  std::unique_ptr<CachePool> pool(new CachePool);
  pool->n_pages_ = pages_for(n_tokens);
  pool->bytes_ = bytes_for(config, precision, n_tokens, with_mtp);
  if (pool->bytes_ > device.free_bytes()) {
    return out_of_memory("cache for {} tokens: needs {} bytes, {} has {} free", n_tokens, pool->bytes_,
                         device.info().name, device.free_bytes());
  }
  for (const auto& [name, desc] : cache_descs(config, precision, pool->n_pages_, with_mtp)) {
    TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer, device.alloc(desc.span_bytes()));
    pool->buffers_.emplace_back(name, std::move(buffer));
  }
  for (std::int64_t page = pool->n_pages_ - 1; page >= 0; --page)
    pool->free_.push_back(static_cast<std::int32_t>(page));
  return pool;
}

Status CachePool::reserve(SequenceCache& sequence, std::int64_t length) {
  const std::int64_t wanted = pages_for(length);
  const std::int64_t missing = wanted - static_cast<std::int64_t>(sequence.pages.size());
  if (missing > free_pages()) {
    return out_of_memory("cache: {} tokens need {} more pages of {} tokens, {} of {} are free", length,
                         missing, kPageSize, free_pages(), n_pages_);
  }
  for (std::int64_t i = 0; i < missing; ++i) {
    sequence.pages.push_back(free_.back());
    free_.pop_back();
  }
  return {};
}

void CachePool::truncate(SequenceCache& sequence, std::int64_t length) {
  sequence.length = std::min(sequence.length, length);
  const auto keep = static_cast<std::size_t>(pages_for(length));
  while (sequence.pages.size() > keep) {
    free_.push_back(sequence.pages.back());
    sequence.pages.pop_back();
  }
}

void CachePool::bind(Bindings& bindings) const {
  for (const auto& [name, buffer] : buffers_) bindings.buffers[name] = {buffer.get(), 0};
}

}  // namespace tamis
