// config.json: every dialect of the fixtures, every trap of the published files, and hostile input.
#include <cmath>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/model/config.h"
#include "core/model/find_model.h"

namespace tamis {
namespace {

using nlohmann::json;

ModelConfig must_load(const std::string& folder, const ConfigOptions& options = {}) {
  Result<ModelConfig> config = load_config(std::string(TAMIS_SOURCE_DIR) + "/" + folder, options);
  EXPECT_TRUE(config.ok()) << config.status().message();
  return config.ok() ? *config : ModelConfig();
}

json tiny_v32() {
  std::ifstream in(std::string(TAMIS_SOURCE_DIR) + "/models/tiny-v32/config.json");
  return json::parse(in);
}

Result<ModelConfig> parse(const json& document) { return parse_config(document.dump(), "config.json"); }

// Both the code and the words that a person needs.
void expect_error(const Result<ModelConfig>& config, StatusCode code, const std::vector<std::string>& words) {
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.status().code(), code) << config.status().message();
  for (const std::string& word : words) {
    EXPECT_NE(config.status().message().find(word), std::string::npos)
        << config.status().message() << "\nlacks " << word;
  }
}

// tiny-v32 with one field replaced (null removes it).
void expect_field_error(const char* field, const json& value, StatusCode code,
                        const std::vector<std::string>& words) {
  json document = tiny_v32();
  document[field] = value;
  SCOPED_TRACE(fmt::format("{} = {}", field, value.dump()));
  expect_error(parse(document), code, words);
}

std::string indexer_letters(const ModelConfig& config) {
  std::string out;
  for (const LayerConfig& layer : config.layers) out += layer.has_indexer ? 'F' : 'S';
  return out;
}

TEST(Config, TinyV32) {
  const ModelConfig c = must_load("models/tiny-v32");
  EXPECT_EQ(c.family, ModelFamily::kDeepseekV32);
  EXPECT_TRUE(c.is_dsa());
  EXPECT_EQ(c.hidden, 256);
  EXPECT_EQ(c.n_layers, 4);
  EXPECT_EQ(c.n_mtp_layers, 1);
  EXPECT_EQ(c.n_heads, 8);
  EXPECT_EQ(c.q_lora_rank, 128);
  EXPECT_EQ(c.latent_dim(), 576);
  EXPECT_EQ(c.qk_head_dim(), 192);
  EXPECT_EQ(c.v_head_dim, 128);
  EXPECT_EQ(c.moe.n_experts, 16);
  EXPECT_EQ(c.moe.top_k, 4);
  EXPECT_EQ(c.moe.n_group, 4);
  EXPECT_EQ(c.moe.topk_group, 2);
  EXPECT_EQ(c.indexer.n_heads, 8);
  EXPECT_EQ(c.indexer.topk, 128);
  EXPECT_FALSE(c.indexer.rope_interleave);
  EXPECT_TRUE(c.quant.fp8);
  EXPECT_TRUE(c.quant.pow2_scales);
  EXPECT_TRUE(c.rope.yarn);
  EXPECT_EQ(c.rope.original_max_positions, 2048);
  EXPECT_EQ(c.bos_token_id, 0);
  EXPECT_EQ(c.eos_token_ids, std::vector<std::int64_t>{1});
  ASSERT_EQ(c.layers.size(), 4u);
  EXPECT_FALSE(c.layers[0].is_moe);
  EXPECT_TRUE(c.layers[1].is_moe);
  EXPECT_EQ(indexer_letters(c), "FFFF");
}

TEST(Config, FixtureFamiliesAndRopeDialects) {
  const ModelConfig plain = must_load("tests/fixtures/hf/deepseek_v3_plain");
  EXPECT_EQ(plain.family, ModelFamily::kDeepseekV3);
  EXPECT_FALSE(plain.is_dsa());
  EXPECT_FALSE(plain.rope.yarn);
  EXPECT_EQ(plain.rope.theta, 10000.0);
  EXPECT_EQ(plain.layers[2].index_source, -1);
  EXPECT_FALSE(plain.quant.fp8);
  const ModelConfig yarn = must_load("tests/fixtures/hf/deepseek_v3_yarn");
  EXPECT_TRUE(yarn.rope.yarn);
  EXPECT_EQ(yarn.rope.factor, 4.0);
  EXPECT_EQ(yarn.rope.original_max_positions, 64);
  EXPECT_EQ(yarn.n_mtp_layers, 1);
  EXPECT_EQ(must_load("tests/fixtures/hf/deepseek_v32_yarn").indexer.topk, 16);
  EXPECT_EQ(must_load("tests/fixtures/hf/deepseek_v32_dense_short").indexer.topk, 512);
}

TEST(Config, GlmDefaultsDifferFromV32) {
  const ModelConfig glm = must_load("tests/fixtures/hf/glm5_full");
  EXPECT_EQ(glm.family, ModelFamily::kGlmDsa);
  EXPECT_TRUE(glm.indexer.rope_interleave) << "the family decides where the flag is absent";
  EXPECT_EQ(glm.rope.theta, 1e6);
  EXPECT_FLOAT_EQ(glm.rms_norm_eps, 1e-5f);
  EXPECT_FLOAT_EQ(glm.latent_norm_eps, 1e-6f);
  EXPECT_EQ(indexer_letters(glm), "FFF");
  const ModelConfig other = must_load("tests/fixtures/hf/glm5_full", {.glm_latent_eps = 1e-5});
  EXPECT_FLOAT_EQ(other.latent_norm_eps, 1e-5f);
}

TEST(Config, IndexerRopeFlagWinsOverFamily) {
  json document = tiny_v32();
  document["indexer_rope_interleave"] = true;
  EXPECT_TRUE(parse(document)->indexer.rope_interleave);
}

TEST(Config, IndexSharing) {
  const ModelConfig c = must_load("tests/fixtures/hf/glm5_index_cache");
  EXPECT_EQ(indexer_letters(c), "FFSSFS");
  const std::vector<std::int64_t> sources{0, 1, 1, 1, 4, 4};
  for (std::size_t i = 0; i < sources.size(); ++i) EXPECT_EQ(c.layers[i].index_source, sources[i]) << i;
  EXPECT_TRUE(c.mtp_layer().has_indexer);
}

TEST(Config, IndexSharingByFrequency) {
  json document = tiny_v32();
  document["num_hidden_layers"] = 78;
  document["index_topk_freq"] = 4;
  document["index_skip_topk_offset"] = 3;
  const ModelConfig c = *parse(document);
  std::vector<std::size_t> full;
  for (std::size_t i = 0; i < c.layers.size(); ++i) {
    if (c.layers[i].has_indexer) full.push_back(i);
  }
  EXPECT_EQ(full, (std::vector<std::size_t>{0,  1,  2,  6,  10, 14, 18, 22, 26, 30, 34,
                                            38, 42, 46, 50, 54, 58, 62, 66, 70, 74}));
  document["index_skip_topk_offset"] = nullptr;
  EXPECT_EQ(indexer_letters(*parse(document)).substr(0, 10), "FFSSSFSSSF") << "an absent offset is 2";
}

TEST(Config, IndexSharingPrecedence) {
  json document = tiny_v32();
  document["index_topk_freq"] = 2;
  document["index_topk_pattern"] = "SFSF";
  EXPECT_EQ(indexer_letters(*parse(document)), "FFSF")
      << "a first shared layer has nothing to reuse: it computes";
  document["indexer_types"] = {"full", "shared", "shared", "shared"};
  EXPECT_EQ(indexer_letters(*parse(document)), "FSSS");
}

TEST(Config, V32PresentingItselfAsV3) {
  json document = tiny_v32();
  document["architectures"] = {"DeepseekV3ForCausalLM"};
  document["model_type"] = "deepseek_v3";
  EXPECT_EQ(parse(document)->family, ModelFamily::kDeepseekV32);
  EXPECT_TRUE(parse(document)->is_dsa());
}

TEST(Config, ModelTypeDecidesWithoutArchitectures) {
  json document = tiny_v32();
  document["architectures"] = nullptr;
  EXPECT_EQ(parse(document)->family, ModelFamily::kDeepseekV32);
}

TEST(Config, MlpLayerTypesWinOverFirstDense) {
  json document = tiny_v32();
  document["mlp_layer_types"] = {"sparse", "dense", "sparse", "dense"};
  const ModelConfig c = *parse(document);
  EXPECT_TRUE(c.layers[0].is_moe);
  EXPECT_FALSE(c.layers[1].is_moe);
  document["mlp_layer_types"] = nullptr;
  document["first_k_dense_replace"] = 0;
  document["moe_layer_freq"] = 2;
  EXPECT_TRUE(parse(document)->layers[0].is_moe);
  EXPECT_FALSE(parse(document)->layers[3].is_moe);
}

TEST(Config, NullsAreAbsent) {
  json document = tiny_v32();
  document["architectures"] = {"DeepseekV3ForCausalLM"};
  document["index_topk"] = nullptr;
  document["q_lora_rank"] = nullptr;
  document["rope_scaling"] = nullptr;
  document["quantization_config"] = nullptr;
  document["bos_token_id"] = nullptr;
  document["eos_token_id"] = {1, 5, 7};
  const ModelConfig c = *parse(document);
  EXPECT_EQ(c.q_lora_rank, 0);
  EXPECT_FALSE(c.rope.yarn);
  EXPECT_FALSE(c.quant.fp8);
  EXPECT_FALSE(c.bos_token_id.has_value());
  EXPECT_EQ(c.eos_token_ids, (std::vector<std::int64_t>{1, 5, 7}));
}

TEST(Config, NestedThetaAndRopeParametersWin) {
  json document = tiny_v32();
  document["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 5e5}};
  EXPECT_EQ(parse(document)->rope.theta, 5e5);
  EXPECT_FALSE(parse(document)->rope.yarn);
}

TEST(Config, V3WithoutScaleFormatHasPlainScales) {
  const ModelConfig c = *builtin_config("deepseek-v3");
  EXPECT_TRUE(c.quant.fp8);
  EXPECT_FALSE(c.quant.pow2_scales);
}

TEST(Config, OneLayerKeepsThePublishedWidths) {
  const ModelConfig v32 = *builtin_layer_config("deepseek-v3.2", {.n_experts = 64, .index_topk = 256});
  EXPECT_EQ(v32.n_layers, 1);
  EXPECT_TRUE(v32.layers[0].is_moe);
  EXPECT_TRUE(v32.layers[0].has_indexer);
  EXPECT_EQ(v32.hidden, builtin_config("deepseek-v3.2")->hidden);
  EXPECT_EQ(v32.moe.n_experts, 64);
  EXPECT_EQ(v32.indexer.topk, 256);
  EXPECT_EQ(v32.vocab_size, 4096);
  const ModelConfig glm = *builtin_layer_config("glm-5", {.moe = false});
  EXPECT_FALSE(glm.layers[0].is_moe);
  EXPECT_EQ(glm.indexer.topk, 2048);
  EXPECT_FALSE(builtin_layer_config("deepseek-v3", {.index_topk = 9})->is_dsa());
  EXPECT_FALSE(builtin_layer_config("deepseek-v3.2", {.n_experts = 63}).ok());  // 8 groups
  EXPECT_FALSE(builtin_layer_config("no-such", {}).ok());
}

// Of DeepSeek-V3.2; inv_freq to seven digits.
TEST(Config, GoldenYarn) {
  const ModelConfig c = *builtin_config("deepseek-v3.2");
  const std::vector<float> f = c.inv_freq();
  ASSERT_EQ(f.size(), 32u);
  for (std::size_t i = 0; i <= 10; ++i)
    EXPECT_FLOAT_EQ(f[i], static_cast<float>(std::pow(10000.0, -double(i) / 32))) << i;
  const std::vector<double> golden{
      .03900693,   .02687936,   .01837815,   .01244796,   .008334509,  .0055,       .003561997,
      .002249365,  .001370514,  7.905694e-4, 4.149904e-4, 1.778279e-4, 3.333804e-5, 2.5e-5,
      1.874736e-5, 1.405853e-5, 1.054241e-5, 7.905694e-6, 5.928434e-6, 4.445699e-6, 3.333804e-6};
  for (std::size_t i = 0; i < golden.size(); ++i) EXPECT_NEAR(f[11 + i] / golden[i], 1.0, 5e-7) << 11 + i;
  EXPECT_NEAR(c.softmax_scale(), 0.1352337788608801, 1e-8);
  EXPECT_NEAR(yarn_mscale(40, 1), 1.3688879454113936, 1e-15);
  EXPECT_NEAR(c.index_scale(), 0.011048543456, 1e-9);
}

TEST(Config, GoldenGlm) {
  const ModelConfig c = *builtin_config("glm-5");
  EXPECT_FLOAT_EQ(c.softmax_scale(), 0.0625f);
  EXPECT_FLOAT_EQ(c.index_scale(), 0.015625f);
  EXPECT_EQ(c.inv_freq()[0], 1.0f);
  EXPECT_FLOAT_EQ(c.inv_freq()[16], 1e-3f);
}

TEST(Config, BuiltinLayerCount) {
  const ModelConfig c = *builtin_config("glm-5", 4);
  EXPECT_EQ(c.layers.size(), 4u);
  EXPECT_FALSE(c.layers[2].is_moe);
  EXPECT_TRUE(c.layers[3].is_moe);
  EXPECT_EQ(builtin_config("llama").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(builtin_config("glm-5", -1).status().code(), StatusCode::kCorruptData);
}

TEST(ConfigErrors, Unsupported) {
  const StatusCode code = StatusCode::kUnsupported;
  expect_field_error("architectures", {"LlamaForCausalLM"}, code,
                     {"architectures", "LlamaForCausalLM", "GlmMoeDsa"});
  expect_field_error("scoring_func", "softmax", code, {"scoring_func", "sigmoid", "softmax"});
  expect_field_error("topk_method", "greedy", code, {"topk_method", "noaux_tc", "greedy"});
  expect_field_error("attention_bias", true, code, {"attention_bias", "expected false", "found true"});
  expect_field_error("hidden_act", "gelu", code, {"hidden_act", "silu", "gelu"});
  expect_field_error("num_key_value_heads", 2, code, {"num_key_value_heads", "8", "2"});
  expect_field_error("rope_interleave", false, code, {"rope_interleave"});
  expect_field_error("kv_lora_rank", 508, code, {"kv_lora_rank", "multiple of 8", "508"});
  expect_field_error("llama_4_scaling", json::object(), code, {"llama_4_scaling"});
  expect_field_error("quantization_config", {{"quant_method", "awq"}}, code, {"quant_method", "fp8", "awq"});
  expect_field_error("quantization_config", {{"quant_method", "fp8"}}, code,
                     {"weight_block_size", "[128, 128]"});
  expect_field_error("quantization_config", {{"quant_method", "fp8"}, {"weight_block_size", {64, 64}}}, code,
                     {"weight_block_size", "[128, 128]", "[64, 64]"});
  expect_field_error("rope_scaling", {{"type", "linear"}, {"factor", 2}}, code,
                     {"rope_scaling", "yarn", "linear"});
  expect_field_error("rope_scaling", {{"type", "yarn"}, {"factor", 4}}, code, {"rope_scaling", "mscale"});
}

TEST(ConfigErrors, MissingFields) {
  for (const char* field :
       {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "kv_lora_rank", "v_head_dim",
        "n_routed_experts", "num_experts_per_tok", "q_lora_rank", "index_n_heads", "rms_norm_eps",
        "rope_theta", "first_k_dense_replace"}) {
    expect_field_error(field, nullptr, StatusCode::kCorruptData, {"config.json", field, "missing"});
  }
}

TEST(ConfigErrors, TypesAndRanges) {
  const StatusCode code = StatusCode::kCorruptData;
  expect_field_error("hidden_size", "256", code, {"hidden_size", "integer", "\"256\""});
  expect_field_error("hidden_size", 256.0, code, {"hidden_size", "integer", "256.0"});
  expect_field_error("hidden_size", -1, code, {"hidden_size", "-1"});
  expect_field_error("hidden_size", 0, code, {"hidden_size"});
  expect_field_error("hidden_size", 9007199254740993, code, {"hidden_size"});
  expect_field_error("hidden_size", 18446744073709551615u, code, {"hidden_size"});
  expect_field_error("num_hidden_layers", 1000000, code, {"num_hidden_layers"});
  expect_field_error("rms_norm_eps", 0, code, {"rms_norm_eps"});
  expect_field_error("rms_norm_eps", true, code, {"rms_norm_eps", "number", "true"});
  expect_field_error("rope_theta", 1, code, {"rope_theta"});
  expect_field_error("rope_scaling", "yarn", code, {"rope_scaling", "object"});
  expect_field_error("attention_bias", 1, code, {"attention_bias", "true or false"});
  expect_field_error("eos_token_id", {1, -1}, code, {"eos_token_id[1]"});
  expect_field_error("bos_token_id", 3072, code, {"bos_token_id", "3071"});
  expect_field_error("architectures", "DeepseekV32ForCausalLM", code, {"architectures", "list"});
}

TEST(ConfigErrors, Relations) {
  const StatusCode code = StatusCode::kCorruptData;
  expect_field_error("num_experts_per_tok", 9, code, {"num_experts_per_tok", "8 experts", "found 9"});
  json many = tiny_v32();
  many["num_hidden_layers"] = 1024;
  many["n_routed_experts"] = 16384;
  expect_error(parse(many), code, {"n_routed_experts", "1024 layers", "found 16384"});
  expect_field_error("n_group", 3, code, {"n_group", "divisor of 16"});
  expect_field_error("n_group", 16, code, {"n_group", "two experts"});
  expect_field_error("topk_group", 5, code, {"topk_group", "at most"});
  expect_field_error("index_head_dim", 32, code, {"index_head_dim", "at least", "64"});
  expect_field_error("indexer_types", {"full"}, code, {"indexer_types", "4 layers", "found 1"});
  expect_field_error("index_topk_pattern", "FFF", code, {"index_topk_pattern", "4 letters"});
  expect_field_error("index_topk_pattern", "FFXF", code, {"index_topk_pattern", "FFXF"});
  expect_field_error("mlp_layer_types", {"dense", "sparse"}, code,
                     {"mlp_layer_types", "4 layers", "found 2"});
}

TEST(ConfigErrors, BrokenJson) {
  expect_error(parse_config("{\"hidden_size\": ", "c"), StatusCode::kCorruptData,
               {"c: not valid JSON", "byte"});
  expect_error(parse_config("[1]", "c"), StatusCode::kCorruptData, {"expected a JSON object", "list of 1"});
  expect_error(parse_config("{\"a\": 1, \"a\": 2}", "c"), StatusCode::kCorruptData, {"\"a\"", "twice"});
  expect_error(parse_config(std::string(100000, '['), "c"), StatusCode::kCorruptData, {"deeper"});
  expect_error(parse_config("{\"a\": 1e999}", "c"), StatusCode::kCorruptData, {"not valid JSON"});
  expect_error(parse_config("", "c"), StatusCode::kCorruptData, {"not valid JSON"});
  expect_error(load_config("/nonexistent"), StatusCode::kNotFound, {"/nonexistent/config.json"});
}

TEST(FindModel, NamesFoldersAndErrors) {
  const std::string folder = std::string(TAMIS_SOURCE_DIR) + "/tests/fixtures/hf/glm5_full";
  EXPECT_EQ(*find_model(folder), folder);
  ASSERT_TRUE(find_model("").ok());
  EXPECT_EQ(*find_model(""), *find_model("tiny-v32"));
  EXPECT_TRUE(load_config(*find_model("tiny-v32")).ok());
  const Status missing = find_model("no-such-model").status();
  EXPECT_EQ(missing.code(), StatusCode::kNotFound);
  EXPECT_NE(missing.message().find("models/no-such-model"), std::string::npos) << missing.message();
  EXPECT_EQ(find_model(TAMIS_SOURCE_DIR "/tests").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(find_model("../etc").status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace tamis
