// Parameter and byte counts against the published figures and the files at hand.
#include <gtest/gtest.h>

#include "core/model/model_size.h"

namespace tamis {
namespace {

ModelConfig builtin(const char* family, std::int64_t n_layers = 0) {
  Result<ModelConfig> config = builtin_config(family, n_layers);
  EXPECT_TRUE(config.ok()) << config.status().message();
  return *config;
}

TEST(ModelSize, DeepseekV3) {
  const ModelParameters p = count_parameters(builtin("deepseek-v3"));
  EXPECT_NEAR(static_cast<double>(p.main.total()) / 1e9, 671.03, 0.005);
  EXPECT_NEAR(static_cast<double>(p.active) / 1e9, 36.6, 0.05);
  EXPECT_NEAR(static_cast<double>(p.mtp.total()) / 1e9, 11.5, 0.35);
  EXPECT_EQ(p.main[ModelPart::kIndexer], 0);
  EXPECT_EQ(p.main[ModelPart::kAttention] / 61, 187105280);  // q_a, q_b, kv_a, kv_b, o
}

TEST(ModelSize, DeepseekV32) {
  const ModelParameters p = count_parameters(builtin("deepseek-v3.2"));
  EXPECT_NEAR(static_cast<double>(p.main.total()) / 1e9, 671.9, 0.05);
  EXPECT_NEAR(static_cast<double>(p.active) / 1e9, 37.5, 0.05);
  EXPECT_NEAR(static_cast<double>(p.main[ModelPart::kIndexer]) / 61e6, 13.959, 0.002);
  EXPECT_NEAR(static_cast<double>(p.main[ModelPart::kRouter]) / 58e6, 1.835, 0.001);
}

TEST(ModelSize, Glm5) {
  const ModelParameters p = count_parameters(builtin("glm-5"));
  EXPECT_NEAR(static_cast<double>(p.main.total()) / 1e9, 743.9, 0.05);
  EXPECT_NEAR(static_cast<double>(p.active) / 1e9, 40.8, 0.05);
  EXPECT_NEAR(static_cast<double>(p.mtp.total()) / 1e9, 9.95, 0.02);
}

TEST(ModelSize, CacheRows) {
  const ModelConfig c = builtin("deepseek-v3.2");
  EXPECT_EQ(latent_row_bytes(c, DType::kF32), 2304);
  EXPECT_EQ(latent_row_bytes(c, DType::kBF16), 1152);
  EXPECT_EQ(latent_row_bytes(c, DType::kE4M3), 656);
  EXPECT_EQ(index_row_bytes(c, DType::kE4M3) * 64, 8448);
  EXPECT_EQ(index_row_bytes(c, DType::kBF16), 256);
  EXPECT_EQ(cache_bytes_per_token(c, DType::kE4M3, DType::kE4M3).main, (656 + 132) * 61);
  EXPECT_EQ(cache_bytes_per_token(c, DType::kBF16, DType::kBF16).main, (1152 + 256) * 61);
  EXPECT_EQ(cache_bytes_per_token(c, DType::kBF16, DType::kBF16).mtp, 1152 + 256);
  EXPECT_EQ(index_row_bytes(builtin("deepseek-v3"), DType::kE4M3), 0);
}

TEST(ModelSize, OnlyIndexerLayersHoldIndexKeys) {
  const ModelConfig c = *load_config(TAMIS_SOURCE_DIR "/tests/fixtures/hf/glm5_index_cache");
  // 6 layers of latent 64 + rope 16, 3 of them with an indexer of 32.
  EXPECT_EQ(cache_bytes_per_token(c, DType::kBF16, DType::kE4M3).main, 6 * 160 + 3 * 36);
  EXPECT_EQ(latent_row_bytes(c, DType::kE4M3), 64 + 4 + 32);
}

// The inventory names what real checkpoints hold, shape by shape.
void expect_inventory_matches(const std::string& dir, bool ships_mtp) {
  SCOPED_TRACE(dir);
  const ModelConfig config = *load_config(dir);
  const auto checkpoint = Checkpoint::open(dir);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  std::size_t n_found = 0;
  for (const InventoryTensor& entry : tensor_inventory(config)) {
    if (entry.mtp && !ships_mtp) continue;
    const Result<TensorInfo> info = (*checkpoint)->info(entry.info.name);
    ASSERT_TRUE(info.ok()) << info.status().message();
    EXPECT_EQ(info->shape, entry.info.shape) << entry.info.name;
    ++n_found;
  }
  EXPECT_EQ(n_found, (*checkpoint)->names().size());
}

TEST(ModelSize, InventoryMatchesCheckpoints) {
  const std::string source = TAMIS_SOURCE_DIR;
  expect_inventory_matches(source + "/models/tiny-v32", true);
  for (const char* name : {"deepseek_v3_plain", "deepseek_v3_yarn", "deepseek_v32_yarn",
                           "deepseek_v32_dense_short", "glm5_full", "glm5_index_cache"}) {
    expect_inventory_matches(source + "/tests/fixtures/hf/" + name, false);
  }
}

TEST(ModelSize, StoredBytesOfTinyModel) {
  const std::string dir = TAMIS_SOURCE_DIR "/models/tiny-v32";
  const ModelConfig config = *load_config(dir);
  const auto checkpoint = Checkpoint::open(dir);
  const Result<StoredBytes> stored = stored_bytes(**checkpoint, config);
  ASSERT_TRUE(stored.ok()) << stored.status().message();
  EXPECT_EQ(stored->n_tensors, 534u);
  EXPECT_EQ(stored->main + stored->mtp, 20015576);
  EXPECT_EQ(stored->by_dtype.size(), 3u);
  EXPECT_GT(stored->mtp, 0);
  EXPECT_GT(resident_weight_bytes(config, *stored), stored->main);
  EXPECT_LT(resident_weight_bytes(config, *stored), stored->main + stored->main / 100);
}

}  // namespace
}  // namespace tamis
