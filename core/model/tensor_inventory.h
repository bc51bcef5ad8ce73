// Every tensor of a model by its published name, shape and type: what a checkpoint of this configuration
// holds. Used to count parameters and to make up random weights.
#pragma once

#include <vector>

#include "core/checkpoint/checkpoint_tensor.h"
#include "core/model/config.h"

namespace tamis {

enum class ModelPart : std::uint8_t {
  kEmbedding,
  kHead,
  kNorms,
  kAttention,
  kIndexer,
  kDenseMlp,
  kRouter,
  kRoutedExperts,
  kSharedExperts,
  kMtpProjection,  // eh_proj
};
inline constexpr int kModelParts = 10;

// "embedding", "routed experts".
const char* model_part_name(ModelPart part);

enum class TensorRole : std::uint8_t {
  kMatrix,      // [out, in]
  kEmbedding,   // [vocab, hidden]
  kNormWeight,  // around 1
  kBias,        // around 0
  kScale,       // block scales of the kMatrix entry before it
};

struct InventoryTensor {
  TensorInfo info;
  ModelPart part = ModelPart::kNorms;
  TensorRole role = TensorRole::kMatrix;
  bool mtp = false;  // belongs to a next-token-prediction layer
};

// Types as published: e4m3 with block scales where config.quant.fp8 says so and the published files quantise,
// F32 for the router's correction bias and V3.2's indexer norm, BF16 elsewhere. The copies of embedding and
// head that DeepSeek stores with the MTP layer are left out. Entries of a layer follow one another, layers in
// order.
std::vector<InventoryTensor> tensor_inventory(const ModelConfig& config);

}  // namespace tamis
