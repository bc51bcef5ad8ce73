#include "core/model/random_model.h"

#include <cmath>

#include "core/checkpoint/random_checkpoint.h"
#include "core/model/tensor_inventory.h"

namespace tamis {

Result<std::unique_ptr<Checkpoint>> random_checkpoint(const ModelConfig& config, std::uint64_t seed) {
  std::vector<RandomTensor> tensors;
  double matrix_rms = 1.0;  // of the last matrix: its scales follow it
  for (InventoryTensor& entry : tensor_inventory(config)) {
    RandomTensor tensor;
    switch (entry.role) {
      case TensorRole::kMatrix:
        matrix_rms = 1.0 / std::sqrt(static_cast<double>(entry.info.shape[1]));
        tensor = {.info = {}, .fill = RandomFill::kCentred, .value = static_cast<float>(matrix_rms)};
        break;
      case TensorRole::kEmbedding: tensor = {.info = {}, .fill = RandomFill::kCentred, .value = 1.0f}; break;
      case TensorRole::kNormWeight:
        tensor = {.info = {}, .fill = RandomFill::kNearOne, .value = 0.25f};
        break;
      case TensorRole::kBias: tensor = {.info = {}, .fill = RandomFill::kCentred, .value = 0.05f}; break;
      case TensorRole::kScale: {
        const double exponent = std::round(std::log2(matrix_rms / kRandomE4M3Rms));
        tensor = {
            .info = {}, .fill = RandomFill::kConstant, .value = std::exp2(static_cast<float>(exponent))};
        break;
      }
    }
    tensor.info = std::move(entry.info);
    tensors.push_back(std::move(tensor));
  }
  return make_random_checkpoint(std::string("random ") + family_name(config.family), std::move(tensors),
                                seed);
}

}  // namespace tamis
