// Made-up weights: magnitudes, determinism, and that they pass for a checkpoint.
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "core/model/model_size.h"
#include "core/model/random_model.h"
#include "core/numeric/float16.h"
#include "core/numeric/fp8.h"

namespace tamis {
namespace {

// A model small enough to look at every tensor, with rows of experts and partial blocks.
ModelConfig small_random_config() {
  ModelConfig config = *load_config(TAMIS_SOURCE_DIR "/models/tiny-v32");
  config.n_mtp_layers = 0;
  return config;
}

double root_mean_square(Checkpoint& checkpoint, const std::string& name) {
  const CheckpointTensor& tensor = **checkpoint.find(name);
  const CheckpointTensor* scales = *checkpoint.find_scales(tensor);
  float scale = 1.0f;
  if (scales != nullptr) std::memcpy(&scale, scales->bytes.data(), 4);
  double sum = 0.0;
  const auto count = static_cast<std::size_t>(tensor.elements());
  for (std::size_t i = 0; i < count; ++i) {
    float value = 0.0f;
    if (tensor.dtype == DType::kE4M3) {
      value = scale * numeric::e4m3_to_float(std::to_integer<std::uint8_t>(tensor.bytes[i]));
    } else if (tensor.dtype == DType::kBF16) {
      std::uint16_t code;
      std::memcpy(&code, tensor.bytes.data() + 2 * i, 2);
      value = numeric::bf16_to_float(code);
    } else {
      std::memcpy(&value, tensor.bytes.data() + 4 * i, 4);
    }
    sum += static_cast<double>(value) * static_cast<double>(value);
  }
  return std::sqrt(sum / static_cast<double>(count));
}

TEST(RandomModel, MagnitudesKeepActivationsNearOne) {
  const auto checkpoint = random_checkpoint(small_random_config(), 1);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  Checkpoint& c = **checkpoint;
  const auto near = [&](const std::string& name, double expected) {
    const double ratio = root_mean_square(c, name) / expected;
    EXPECT_TRUE(ratio > 0.7 && ratio < 1.43) << name << " " << ratio;
  };
  near("model.embed_tokens.weight", 1.0);
  near("lm_head.weight", 1.0 / 16);                                     // 256^-0.5
  near("model.layers.0.mlp.down_proj.weight", 1.0 / std::sqrt(768.0));  // e4m3
  near("model.layers.1.mlp.gate.weight", 1.0 / 16);                     // bf16
  near("model.layers.1.mlp.gate.e_score_correction_bias", 0.05);        // f32
  EXPECT_NEAR(root_mean_square(c, "model.norm.weight"), 1.0, 0.05);
}

TEST(RandomModel, LooksLikeACheckpoint) {
  const ModelConfig config = small_random_config();
  const auto checkpoint = random_checkpoint(config, 1);
  Checkpoint& c = **checkpoint;
  EXPECT_TRUE(c.open_all().ok());
  EXPECT_TRUE(c.files().empty());
  EXPECT_TRUE(c.require("lm_head.weight", {DType::kBF16}, {3072, 256}).ok());
  EXPECT_EQ(c.require("lm_head.weight", {DType::kBF16}, {256, 3072}).status().code(),
            StatusCode::kCorruptData);
  EXPECT_EQ(c.require("none", {DType::kBF16}, {1}).status().code(), StatusCode::kNotFound);
  for (const std::string& name : c.names()) {
    const CheckpointTensor& tensor = **c.find(name);
    ASSERT_EQ(static_cast<std::int64_t>(tensor.bytes.size()), tensor.n_bytes) << name;
    if (const auto scales = c.find_scales(tensor); *scales != nullptr) {
      EXPECT_TRUE(validate_scales(**scales).ok());
      for (const std::byte code : tensor.bytes) ASSERT_NE(std::to_integer<int>(code) & 0x7f, 0x7f) << name;
    }
  }
}

TEST(RandomModel, SameSeedSameBytesInAnyOrder) {
  const ModelConfig config = small_random_config();
  const auto a = random_checkpoint(config, 7), b = random_checkpoint(config, 7),
             other = random_checkpoint(config, 8);
  const auto bytes = [](Checkpoint& c, const char* name) {
    const CheckpointTensor& tensor = **c.find(name);
    return std::string(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  };
  const std::string first = bytes(**a, "lm_head.weight");
  bytes(**b, "model.embed_tokens.weight");
  EXPECT_EQ(first, bytes(**b, "lm_head.weight"));
  EXPECT_NE(first, bytes(**other, "lm_head.weight"));
  (*a)->release("lm_head.weight");
  EXPECT_EQ(first, bytes(**a, "lm_head.weight")) << "a released tensor comes back the same";
}

TEST(RandomModel, FullWidthCostsNothingUntilUsed) {
  const ModelConfig config = *builtin_config("deepseek-v3.2");
  const auto checkpoint = random_checkpoint(config, 1);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  const Result<StoredBytes> stored = stored_bytes(**checkpoint, config);
  EXPECT_NEAR(static_cast<double>(stored->main) / 1e9, 675.0, 5.0);
  EXPECT_TRUE((*checkpoint)
                  ->require("model.layers.60.mlp.experts.255.down_proj.weight", {DType::kE4M3}, {7168, 2048})
                  .ok());
}

}  // namespace
}  // namespace tamis
