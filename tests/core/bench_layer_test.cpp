// What `bench layer` times: the part cut out of a model, what it needs, and the projection.
#include <gtest/gtest.h>

#include "bench/layer_bench.h"
#include "core/model/config.h"

namespace tamis::bench {
namespace {

ModelConfig v32() { return *builtin_config("deepseek-v3.2"); }

TEST(BenchLayer, CutsOneLayerOrTheEnds) {
  const ModelConfig moe = *cut_part(v32(), LayerPart::kMoe, 0);
  EXPECT_EQ(moe.n_layers, 1);
  EXPECT_TRUE(moe.layers.at(0).is_moe && moe.layers.at(0).has_indexer);
  EXPECT_EQ(moe.moe.n_experts, 256);
  EXPECT_FALSE(cut_part(v32(), LayerPart::kDense, 0)->layers.at(0).is_moe);
  const ModelConfig ends = *cut_part(v32(), LayerPart::kEnds, 0);
  EXPECT_EQ(ends.n_layers, 0);
  EXPECT_EQ(ends.vocab_size, v32().vocab_size);
  EXPECT_EQ(count_parts(v32(), LayerPart::kDense), 3);
  EXPECT_EQ(count_parts(v32(), LayerPart::kMoe), 58);
  EXPECT_FALSE(cut_part(*builtin_config("deepseek-v3"), LayerPart::kMoe, 0)->layers.at(0).has_indexer);
}

TEST(BenchLayer, TakesExpertsThatTheRouterCanReach) {
  EXPECT_EQ(cut_part(v32(), LayerPart::kMoe, 16)->moe.n_experts, 16);
  for (std::int64_t experts : {8, 15, 264}) {  // 4 of 8 groups hold 4; no multiple of 8; more than there are
    EXPECT_EQ(cut_part(v32(), LayerPart::kMoe, experts).status().code(), StatusCode::kInvalidArgument)
        << experts;
  }
}

TEST(BenchLayer, SaysWhatItNeedsBeforeItTakesAny) {
  RunnerOptions options;
  options.precision.activations = options.precision.kv_dtype = DType::kBF16;
  options.precision.index_format = IndexFormat::kFp8Paged;
  options.cache_tokens = 65536;
  options.max_sequences = 1;
  options.max_batch_tokens = 8;
  options.layers_only = true;
  const ModelConfig moe = *cut_part(v32(), LayerPart::kMoe, 0);
  Result<LayerNeed> need = layer_need(moe, options, {{{1, 65536}}, {{8, 65536}}});
  ASSERT_TRUE(need.ok()) << need.status().message();
  EXPECT_NEAR(static_cast<double>(need->generated) * 1e-9, 11.5, 0.3);  // 256 x 44 MB of experts, 0.2 GB more
  EXPECT_EQ(need->device.cache, 65536 * (576 * 2 + 132));
  EXPECT_GT(need->device.activations, 0);
  need->device.cache = std::int64_t{1} << 50;
  const Status status = check_memory(*need, options);
  EXPECT_EQ(status.code(), StatusCode::kOutOfMemory);
  EXPECT_TRUE(status.message().starts_with("needs ")) << status.message();
  EXPECT_NE(status.message().find("cpu:0 ("), std::string::npos) << status.message();
}

Row part_row(const std::string& part, double microseconds) {
  Row row;
  row.op = kLayerRow, row.model = "m", row.case_name = "m " + part + " decode b2 c64";
  row.shape = part, row.tokens = 2, row.batch = 2;
  row.shares = {{"linear", "cpu.linear.portable", microseconds, 100}};
  set_samples(row, {microseconds, microseconds, microseconds});
  return row;
}

TEST(BenchLayer, ProjectionIsTheSumOfItsParts) {
  const Row row = project({part_row("moe", 1000), part_row("dense", 500), part_row("ends", 200)}, {58, 3, 1});
  EXPECT_EQ(row.op, kProjectionRow);
  EXPECT_EQ(row.case_name, "m whole decode b2 c64");
  EXPECT_DOUBLE_EQ(row.median_us, 58 * 1000 + 3 * 500 + 200);
  EXPECT_DOUBLE_EQ(row.tokens_per_second, 2 / (row.median_us * 1e-6));
  EXPECT_EQ(row.note.rfind("projection, not a measurement: 58 x moe", 0), 0u) << row.note;
  ASSERT_EQ(row.shares.size(), 1u);
  EXPECT_DOUBLE_EQ(row.shares[0].us, row.median_us);
}

}  // namespace
}  // namespace tamis::bench
