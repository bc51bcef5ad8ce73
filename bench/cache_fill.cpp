#include "bench/cache_fill.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/numeric/float16.h"
#include "core/numeric/fp8.h"
#include "core/ops/kv_store/kv_cache_checks.h"

namespace tamis::bench {
namespace {

constexpr std::int64_t kChunkBytes = 16 << 20;

// SplitMix64 (Steele, Lea, Flood 2014).
class Words {
 public:
  explicit Words(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

// About normal with variance 1: the sum of four uniform numbers of 16 bits.
float normal(Words& words) {
  const std::uint64_t w = words.next();
  const auto sum = static_cast<float>((w & 0xffff) + (w >> 16 & 0xffff) + (w >> 32 & 0xffff) + (w >> 48));
  return (sum / 65536.0f - 2.0f) * 1.7320508f;
}

void put(DType dtype, float value, std::byte* out) {
  if (dtype == DType::kF32) {
    std::memcpy(out, &value, 4);
    return;
  }
  const std::uint16_t half = numeric::float_to_bf16(value);
  std::memcpy(out, &half, 2);
}

void put_many(DType dtype, std::int64_t count, Words& words, std::byte* out) {
  const auto size = static_cast<std::int64_t>(dtype_size(dtype));
  for (std::int64_t i = 0; i < count; ++i) put(dtype, normal(words), out + i * size);
}

// e4m3 codes of normal numbers times 32, and their scale.
constexpr float kCodeFactor = 32.0f;
void put_codes(std::int64_t count, Words& words, std::byte* out) {
  for (std::int64_t i = 0; i < count; ++i)
    out[i] = static_cast<std::byte>(numeric::float_to_e4m3(kCodeFactor * normal(words)));
}
void put_scales(std::int64_t count, std::byte* out) {
  const float scale = 1.0f / kCodeFactor;
  for (std::int64_t i = 0; i < count; ++i) std::memcpy(out + 4 * i, &scale, 4);
}

// One row of `desc`: a slot's latent, a page of index keys.
using FillRow = std::function<void(Words& words, std::byte* row)>;

FillRow latent_row(const ModelConfig& config, const Precision& precision) {
  const std::int64_t c = config.kv_lora_rank, r = config.qk_rope_head_dim, groups = (c + 127) / 128;
  if (precision.kv_format == KvFormat::kPackedFp8) {
    return [=](Words& words, std::byte* row) {
      put_codes(c, words, row);
      put_scales(groups, row + c);
      put_many(DType::kBF16, r, words, row + c + 4 * groups);
    };
  }
  const DType dtype = precision.kv_dtype;
  return [=](Words& words, std::byte* row) { put_many(dtype, c + r, words, row); };
}

FillRow index_row(const ModelConfig& config, const Precision& precision) {
  const std::int64_t dim = config.indexer.head_dim;
  if (precision.index_format == IndexFormat::kFp8Paged) {
    return [=](Words& words, std::byte* page) {
      put_codes(kPageSize * dim, words, page);
      put_scales(kPageSize, page + kPageSize * dim);
    };
  }
  const DType dtype = precision.activations;
  return [=](Words& words, std::byte* row) { put_many(dtype, dim, words, row); };
}

Status fill_cache(Queue& queue, BufferRange cache, const TensorDesc& desc, Words& words,
                  const FillRow& fill) {
  const std::int64_t row_bytes = desc.dim(1) * static_cast<std::int64_t>(dtype_size(desc.dtype));
  const std::int64_t rows_at_once = std::max<std::int64_t>(1, kChunkBytes / row_bytes);
  std::vector<std::byte> chunk(static_cast<std::size_t>(rows_at_once * row_bytes));
  for (std::int64_t first = 0; first < desc.dim(0); first += rows_at_once) {
    const std::int64_t rows = std::min(rows_at_once, desc.dim(0) - first);
    for (std::int64_t i = 0; i < rows; ++i) fill(words, chunk.data() + i * row_bytes);
    const std::span<const std::byte> bytes(chunk.data(), static_cast<std::size_t>(rows * row_bytes));
    TAMIS_RETURN_IF_ERROR(queue.upload(*cache.buffer, cache.offset + first * row_bytes, bytes));
    TAMIS_RETURN_IF_ERROR(queue.sync());
  }
  return {};
}

}  // namespace

Status fill_caches(Runner& runner, std::uint64_t seed) {
  const ModelConfig& config = runner.config();
  const Precision& precision = runner.options().precision;
  Bindings caches;
  runner.cache().bind(caches);
  Words words(seed);
  const std::int64_t pages = runner.cache().n_pages();
  for (std::int64_t i = 0; i < config.n_layers; ++i) {
    TAMIS_RETURN_IF_ERROR(fill_cache(runner.queue(), caches.buffers.at(kv_cache_name(i)),
                                     kv_cache_desc(config, precision, pages), words,
                                     latent_row(config, precision)));
    if (!config.layers[static_cast<std::size_t>(i)].has_indexer) continue;
    TAMIS_RETURN_IF_ERROR(fill_cache(runner.queue(), caches.buffers.at(index_cache_name(i)),
                                     index_cache_desc(config, precision, pages), words,
                                     index_row(config, precision)));
  }
  return {};
}

Status fill_stream(Runner& runner, const char* input, std::int64_t elements, std::uint64_t seed) {
  const BufferRange range = runner.input(input);
  if (range.buffer == nullptr) return internal_error("the runner has no input {}", input);
  const DType dtype = runner.options().precision.activations;
  std::vector<std::byte> values(static_cast<std::size_t>(elements) * dtype_size(dtype));
  Words words(seed);
  put_many(dtype, elements, words, values.data());
  TAMIS_RETURN_IF_ERROR(runner.queue().upload(*range.buffer, range.offset, values));
  return runner.queue().sync();
}

}  // namespace tamis::bench
