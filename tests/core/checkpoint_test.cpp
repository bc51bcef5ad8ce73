// A folder of safetensors: single file, index and shards, block scales, and every way the parts can disagree.
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/checkpoint/checkpoint.h"

namespace tamis {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A folder of its own, removed at the end.
class CheckpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    dir_ = fs::temp_directory_path() /
           (std::string("tamis_checkpoint_") + test->name() + std::to_string(::getpid()));
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name, std::ios::binary) << text;
  }

  // Tensors of one byte an element in the order of their names.
  void write_shard(const std::string& name, const std::vector<std::string>& tensors) {
    json header;
    std::size_t at = 0;
    for (const std::string& tensor : tensors) {
      header[tensor] = {{"dtype", "U8"}, {"shape", {4}}, {"data_offsets", {at, at + 4}}};
      at += 4;
    }
    write_file(name, header, std::string(at, '\0'));
  }

  void write_file(const std::string& name, const json& header, const std::string& data) {
    const std::string text = header.dump();
    std::string length(8, '\0');
    const std::uint64_t n = text.size();
    std::memcpy(length.data(), &n, 8);
    write(name, length + text + data);
  }

  void write_index(const json& weight_map) {
    write("model.safetensors.index.json", json{{"weight_map", weight_map}}.dump());
  }

  std::unique_ptr<Checkpoint> open() {
    Result<std::unique_ptr<Checkpoint>> result = Checkpoint::open(dir_.string());
    EXPECT_TRUE(result.ok()) << result.status().message();
    return result.ok() ? std::move(*result) : nullptr;
  }

  fs::path dir_;
};

void expect_status(const Status& status, StatusCode code, const std::vector<std::string>& words) {
  EXPECT_EQ(status.code(), code) << status.message();
  for (const std::string& word : words) {
    EXPECT_NE(status.message().find(word), std::string::npos) << status.message() << "\nlacks " << word;
  }
}

TEST_F(CheckpointTest, ReadsShardsLazily) {
  write_shard("a.safetensors", {"x", "y"});
  write_shard("b.safetensors", {"z"});
  write_index({{"x", "a.safetensors"}, {"y", "a.safetensors"}, {"z", "b.safetensors"}});
  const auto checkpoint = open();
  EXPECT_EQ(checkpoint->names(), (std::vector<std::string>{"x", "y", "z"}));
  EXPECT_TRUE(checkpoint->files().empty());
  const CheckpointTensor* z = *checkpoint->find("z");
  ASSERT_NE(z, nullptr);
  ASSERT_EQ(checkpoint->files().size(), 1u);
  const MappedRegion file = checkpoint->files()[0];
  EXPECT_EQ(file.path, (dir_ / "b.safetensors").string());
  EXPECT_GE(z->bytes.data(), file.bytes.data());
  EXPECT_LE(z->bytes.data() + z->bytes.size(), file.bytes.data() + file.bytes.size());
  EXPECT_EQ(*checkpoint->find("none"), nullptr);
  EXPECT_FALSE(checkpoint->has("none"));
  EXPECT_TRUE(checkpoint->open_all().ok());
  EXPECT_EQ(checkpoint->files().size(), 2u);
  checkpoint->release("z");
  EXPECT_EQ(z->bytes[0], std::byte{0});
}

TEST_F(CheckpointTest, ExtraTensorsOfAShardAreIgnored) {
  write_shard("a.safetensors", {"x", "extra"});
  write_index({{"x", "a.safetensors"}});
  const auto checkpoint = open();
  EXPECT_TRUE(checkpoint->open_all().ok());
  EXPECT_EQ(*checkpoint->find("extra"), nullptr);
}

TEST_F(CheckpointTest, NeitherFileNorIndex) {
  expect_status(Checkpoint::open(dir_.string()).status(), StatusCode::kNotFound,
                {dir_.string(), "model.safetensors", "index.json"});
}

TEST_F(CheckpointTest, BrokenSingleFile) {
  write("model.safetensors", "oops");
  expect_status(Checkpoint::open(dir_.string()).status(), StatusCode::kCorruptData, {"model.safetensors"});
}

TEST_F(CheckpointTest, ShardNamesStayInTheFolder) {
  for (const char* name : {"../a.safetensors", "/etc/a.safetensors", "sub/a.safetensors", "..", "a.bin", "",
                           "a\\b.safetensors"}) {
    SCOPED_TRACE(name);
    write_index({{"x", name}});
    expect_status(Checkpoint::open(dir_.string()).status(), StatusCode::kCorruptData,
                  {"index.json", "tensor x", "expected the name of a .safetensors file"});
  }
}

TEST_F(CheckpointTest, BrokenIndex) {
  const std::string name = "model.safetensors.index.json";
  const auto expect = [&](const std::string& text, const std::vector<std::string>& words) {
    SCOPED_TRACE(text);
    write(name, text);
    expect_status(Checkpoint::open(dir_.string()).status(), StatusCode::kCorruptData, words);
  };
  expect("", {name, "not valid JSON"});
  expect("{}", {name, "weight_map", "expected an object"});
  expect("[]", {name, "expected a JSON object"});
  expect(R"({"weight_map": []})", {name, "weight_map", "expected an object"});
  expect(R"({"weight_map": {"x": 3}})", {name, "tensor x", "3"});
  expect(R"({"weight_map": {"x": "a.safetensors", "x": "b.safetensors"}})", {name, "\"x\"", "twice"});
}

TEST_F(CheckpointTest, MissingShard) {
  write_index({{"x", "a.safetensors"}});
  expect_status(open()->find("x").status(), StatusCode::kNotFound, {"a.safetensors"});
}

TEST_F(CheckpointTest, ListedTensorIsAbsent) {
  write_shard("a.safetensors", {"x"});
  write_index({{"x", "a.safetensors"}, {"y", "a.safetensors"}});
  expect_status(open()->find("x").status(), StatusCode::kCorruptData,
                {"a.safetensors", "tensor y", "expected here"});
}

TEST_F(CheckpointTest, TensorInTwoShards) {
  write_shard("a.safetensors", {"x"});
  write_shard("b.safetensors", {"x", "y"});
  write_index({{"x", "a.safetensors"}, {"y", "b.safetensors"}});
  expect_status(open()->open_all(), StatusCode::kCorruptData, {"b.safetensors", "tensor x", "a.safetensors"});
}

TEST_F(CheckpointTest, Require) {
  write_shard("model.safetensors", {"x"});
  const auto checkpoint = open();
  EXPECT_TRUE(checkpoint->require("x", {DType::kBF16, DType::kU8}, {4}).ok());
  expect_status(checkpoint->require("w", {DType::kU8}, {4}).status(), StatusCode::kNotFound,
                {"tensor w", "U8[4]"});
  expect_status(checkpoint->require("x", {DType::kBF16, DType::kF32}, {4}).status(), StatusCode::kUnsupported,
                {dir_.string(), "tensor x", "BF16 or F32[4]", "found U8[4]"});
  expect_status(checkpoint->require("x", {DType::kU8}, {2, 2}).status(), StatusCode::kCorruptData,
                {"tensor x", "U8[2, 2]", "found U8[4]"});
}

TEST_F(CheckpointTest, UnknownDtypeFailsOnlyWhenAskedFor) {
  write_file("model.safetensors",
             {{"x", {{"dtype", "F4"}, {"shape", {4}}, {"data_offsets", {0, 2}}}},
              {"y", {{"dtype", "U8"}, {"shape", {2}}, {"data_offsets", {2, 4}}}}},
             "1234");
  const auto checkpoint = open();
  EXPECT_TRUE(checkpoint->find("y").ok());
  EXPECT_EQ(checkpoint->info("x")->dtype_text, "F4");
  expect_status(checkpoint->find("x").status(), StatusCode::kUnsupported,
                {dir_.string(), "tensor x", "F4", "BF16"});
}

// An e4m3 weight [rows, cols] named w and its scales, which may be misshapen or absent.
class ScalesTest : public CheckpointTest {
 protected:
  void write_weight(const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& scale_shape,
                    const std::vector<float>& scales) {
    std::int64_t bytes = 1;
    for (const std::int64_t dim : shape) bytes *= dim;
    json header{{"w", {{"dtype", "F8_E4M3"}, {"shape", shape}, {"data_offsets", {0, bytes}}}}};
    std::string data(static_cast<std::size_t>(bytes), '\0');
    if (!scales.empty()) {
      header["w_scale_inv"] = {
          {"dtype", "F32"},
          {"shape", scale_shape},
          {"data_offsets", {bytes, bytes + 4 * static_cast<std::int64_t>(scales.size())}}};
      data.append(reinterpret_cast<const char*>(scales.data()), 4 * scales.size());
    }
    write_file("model.safetensors", header, data);
  }
};

TEST_F(ScalesTest, PartialEdgeBlocksRoundUp) {
  write_weight({129, 5}, {2, 1}, {1.0f, 0.5f});
  const auto checkpoint = open();
  const auto scales = checkpoint->find_scales(**checkpoint->find("w"));
  ASSERT_TRUE(scales.ok()) << scales.status().message();
  EXPECT_EQ((*scales)->name, "w_scale_inv");
  EXPECT_TRUE(validate_scales(**scales).ok());
  EXPECT_EQ(*checkpoint->find_scales(**scales), nullptr) << "an F32 tensor has no scales";
}

TEST_F(ScalesTest, MissingAndMisshapen) {
  write_weight({129, 5}, {}, {});
  auto checkpoint = open();
  expect_status(checkpoint->find_scales(**checkpoint->find("w")).status(), StatusCode::kUnsupported,
                {"tensor w", "w_scale_inv", "no such tensor"});
  write_weight({129, 5}, {1, 1}, {1.0f});
  checkpoint = open();
  expect_status(checkpoint->find_scales(**checkpoint->find("w")).status(), StatusCode::kCorruptData,
                {"w_scale_inv", "F32[2, 1]", "found F32[1, 1]"});
}

TEST_F(ScalesTest, BadValues) {
  for (const float bad : {0.0f, -1.0f, std::nanf(""), HUGE_VALF}) {
    SCOPED_TRACE(bad);
    write_weight({129, 5}, {2, 1}, {1.0f, bad});
    const auto checkpoint = open();
    expect_status(validate_scales(**checkpoint->find_scales(**checkpoint->find("w"))),
                  StatusCode::kCorruptData, {"w_scale_inv", "element 1", "positive finite"});
  }
}

TEST(Checkpoint, TinyModel) {
  const auto result = Checkpoint::open(TAMIS_SOURCE_DIR "/models/tiny-v32");
  ASSERT_TRUE(result.ok()) << result.status().message();
  Checkpoint& checkpoint = **result;
  ASSERT_TRUE(checkpoint.open_all().ok());
  EXPECT_EQ(checkpoint.files().size(), 2u);
  EXPECT_EQ(checkpoint.names().size(), 534u);
  EXPECT_TRUE(checkpoint.require("model.embed_tokens.weight", {DType::kBF16}, {3072, 256}).ok());
  std::size_t n_fp8 = 0;
  for (const std::string& name : checkpoint.names()) {
    const auto tensor = checkpoint.find(name);
    ASSERT_TRUE(tensor.ok()) << tensor.status().message();
    const auto scales = checkpoint.find_scales(**tensor);
    ASSERT_TRUE(scales.ok()) << scales.status().message();
    if (*scales == nullptr) continue;
    ++n_fp8;
    EXPECT_TRUE(validate_scales(**scales).ok());
  }
  EXPECT_GT(n_fp8, 200u);
}

TEST(Checkpoint, HuggingFaceFixtures) {
  for (const char* name : {"deepseek_v3_plain", "deepseek_v3_yarn", "deepseek_v32_yarn",
                           "deepseek_v32_dense_short", "glm5_full", "glm5_index_cache"}) {
    const auto checkpoint = Checkpoint::open(std::string(TAMIS_SOURCE_DIR "/tests/fixtures/hf/") + name);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
    EXPECT_TRUE((*checkpoint)->require("lm_head.weight", {DType::kBF16}, {256, 64}).ok());
  }
}

}  // namespace
}  // namespace tamis
