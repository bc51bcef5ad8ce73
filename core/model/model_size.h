// How large a model is: parameters by part, bytes by type, cache bytes a token. Pure arithmetic over the
// configuration, except stored_bytes(), which reads a checkpoint's headers.
#pragma once

#include <array>
#include <map>

#include "core/checkpoint/checkpoint.h"
#include "core/model/tensor_inventory.h"

namespace tamis {

// Weights without block scales, by ModelPart.
struct ParameterCounts {
  std::array<std::int64_t, kModelParts> by_part{};

  std::int64_t operator[](ModelPart part) const { return by_part[static_cast<std::size_t>(part)]; }
  std::int64_t total() const;
};

struct ModelParameters {
  ParameterCounts main;
  ParameterCounts mtp;
  // Multiplied with per token: everything but the embedding, and of the routed experts the top_k. Main model
  // only.
  std::int64_t active = 0;
};

ModelParameters count_parameters(const ModelConfig& config);

// Bytes of tensors by the dtype's safetensors name, block scales among them.
struct StoredBytes {
  std::map<std::string, std::int64_t> by_dtype;
  std::int64_t main = 0;
  std::int64_t mtp = 0;  // layers from n_layers on
  std::size_t n_tensors = 0;
};

// Of a checkpoint, by its headers: opens every shard.
Result<StoredBytes> stored_bytes(Checkpoint& checkpoint, const ModelConfig& config);

// One latent row [kv_lora_rank + qk_rope_head_dim] in the cache. kF32, kBF16, or kE4M3 for the packed FP8
// row: latent codes, one fp32 scale for each 128 of them, rope as bf16.
std::int64_t latent_row_bytes(const ModelConfig& config, DType cache);

// One index key in the cache: kE4M3 is 1/64 of a page (64 keys of codes, then 64 fp32 scales), kF32 and kBF16
// are the exact indexer's. 0 without an indexer.
std::int64_t index_row_bytes(const ModelConfig& config, DType keys);

// A token's cache over the main layers (only those with an indexer hold index keys), and in one MTP layer.
struct CacheBytes {
  std::int64_t main = 0;
  std::int64_t mtp = 0;
};
CacheBytes cache_bytes_per_token(const ModelConfig& config, DType cache, DType keys);

// Memory of the loaded main weights: as stored, for no matrix is widened as a whole, and the norms once more
// as fp32.
std::int64_t resident_weight_bytes(const ModelConfig& config, const StoredBytes& stored);

}  // namespace tamis
