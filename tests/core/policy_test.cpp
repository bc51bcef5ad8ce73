// The policy as a whole: every row answers somewhere, the two modes agree but for the traps, the printed
// forms, flags and facts, and the golden table.
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/policy/policy_facts.h"
#include "core/policy/policy_report.h"
#include "tests/core/policy_support.h"

namespace tamis {
namespace {

const std::map<std::string, std::string> kModels = {
    {"v3", "deepseek-v3"}, {"v32", "deepseek-v3.2"}, {"glm", "glm-5"}, {"glm52", "glm-5.2"}};
const std::map<std::string, BatchKind> kKinds = {{"extend", BatchKind::kExtend},
                                                 {"mixed", BatchKind::kMixed},
                                                 {"decode", BatchKind::kDecode},
                                                 {"verify", BatchKind::kVerify},
                                                 {"draft-extend", BatchKind::kDraftExtend}};

PolicyBatch parse_batch(const std::string& word) {
  PolicyBatch batch;
  const std::size_t colon = word.find(':');
  batch.kind = kKinds.at(word.substr(0, colon));
  batch.sequences.clear();
  std::istringstream entries(word.substr(colon + 1));
  for (std::string entry; std::getline(entries, entry, ';');) {
    const std::size_t plus = entry.find('+');
    batch.sequences.push_back({std::stoll(entry.substr(0, plus)), std::stoll(entry.substr(plus + 1))});
  }
  return batch;
}

// False where the name is none of the replaceable facts.
bool set_fact(PolicyInput& input, const std::string& name, const std::string& value) {
  if (name == "arch")
    input.model.architecture = value;
  else if (name == "quant")
    input.model.quantization = value;
  else if (name == "name")
    input.device.name = value;
  else if (name == "heads")
    input.model.n_heads = std::stoll(value);
  else if (name == "topk")
    input.model.index_topk = std::stoll(value);
  else if (name == "group")
    input.model.quant_group_size = std::stoll(value);
  else if (name == "mem")
    input.device.memory_mib = std::stoll(value) * 1024;
  else if (name == "cuda")
    input.device.cuda_version = std::stoi(value);
  else if (name == "sm")
    input.device.number = std::stoi(value);
  else
    return false;
  return true;
}

void set_word(PolicyRun& run, const std::string& word, std::istringstream& rest) {
  const std::size_t equals = word.find('=');
  if (word == "auto") {
    run.mode = PolicyMode::kAuto;
  } else if (word == "aug") {
    run.input.rules = PolicyRules::k2026_08;
  } else if (word.starts_with("--")) {
    std::string value;
    rest >> value;
    const Status status = set_policy_flag(run.input.flags, word, value);
    EXPECT_TRUE(status.ok()) << status.message();
  } else if (equals == std::string::npos) {
    run.input.batch = parse_batch(word);
  } else if (!set_fact(run.input, word.substr(0, equals), word.substr(equals + 1))) {
    const Status status = set_policy_flag(run.input.flags, word.substr(0, equals), word.substr(equals + 1));
    EXPECT_TRUE(status.ok()) << status.message();
  }
}

struct FoundRule {
  const policy::Rule* rule = nullptr;
  policy::Group group{Field::kCount, {}};
};
FoundRule find_rule(const std::string& id) {
  for (const policy::Group& group : policy::all_groups()) {
    for (const policy::Rule& rule : group.rules) {
      if (rule.id == id) return {&rule, group};
    }
  }
  return {};
}

void expect_value(const PolicyCase& entry, const PolicyDecision& decision, const FoundRule& found) {
  if (found.group.field == policy::kErrors) {
    const auto& findings = found.group.warning ? decision.warnings : decision.errors;
    for (const PolicyFinding& finding : findings) {
      if (finding.rule != found.rule) continue;
      EXPECT_NE(finding.message.find(entry.expected), std::string::npos)
          << entry.rule << ": " << finding.message;
    }
    return;
  }
  const std::string expected = entry.expected;
  const std::size_t comma = expected.find(", ");
  const auto check = [&](Field field, const std::string& value) {
    if (field == Field::kCount || decision.fields[static_cast<std::size_t>(field)].rule != found.rule) return;
    EXPECT_EQ(decision.value(field), value) << entry.rule << " on " << entry.input;
  };
  check(found.group.field, expected.substr(0, comma));
  if (comma != std::string::npos) check(found.group.second, expected.substr(comma + 2));
}

}  // namespace

PolicyRun run_policy(const std::string& text) {
  PolicyRun run;
  std::istringstream words(text);
  std::string device, model;
  words >> device >> model;
  const Result<PolicyDevice> found_device = policy_device(device);
  const Result<PolicyModel> found_model = policy_model(kModels.at(model));
  EXPECT_TRUE(found_device.ok() && found_model.ok()) << text;
  run.input.device = found_device.value();
  run.input.model = found_model.value();
  for (std::string word; words >> word;) set_word(run, word, words);
  const Status legal = check_policy_flags(run.input.flags, run.input.rules == PolicyRules::k2026_08);
  EXPECT_TRUE(legal.ok()) << legal.message();
  run.decision = decide(run.input, run.mode);
  return run;
}

void expect_cases(std::span<const PolicyCase> cases) {
  for (const PolicyCase& entry : cases) {
    const FoundRule found = find_rule(entry.rule);
    ASSERT_NE(found.rule, nullptr) << entry.rule;
    const PolicyRun run = run_policy(entry.input);
    const std::set<const policy::Rule*> hits(run.decision.hits.begin(), run.decision.hits.end());
    EXPECT_TRUE(hits.contains(found.rule)) << entry.rule << " did not answer: " << entry.input;
    expect_value(entry, run.decision, found);
  }
}

namespace {

TEST(Policy, EveryRowHasACaseAndAnOwnName) {
  std::set<std::string> covered, names;
  for (const auto& cases : {dsa_cases(), server_cases(), check_cases()}) {
    for (const PolicyCase& entry : cases) covered.insert(entry.rule);
  }
  for (const policy::Group& group : policy::all_groups()) {
    for (const policy::Rule& rule : group.rules) {
      EXPECT_TRUE(names.insert(rule.id).second) << rule.id << " twice";
      EXPECT_TRUE(covered.contains(rule.id)) << rule.id << " has no case";
      EXPECT_NE(*rule.source.path, '\0') << rule.id;
    }
  }
}

TEST(Policy, EveryFieldIsDecidedEverywhere) {
  for (const std::string& device : policy_device_names()) {
    for (const char* model : {"v3", "v32", "glm", "glm52"}) {
      for (const char* words : {"", " auto", " aug", " aug auto"}) {
        const PolicyRun run = run_policy(device + " " + model + words);
        for (std::size_t i = 0; i < kFieldCount; ++i) {
          EXPECT_NE(run.decision.fields[i].rule, nullptr)
              << field_info(static_cast<Field>(i)).name << " on " << device << " " << model << words;
        }
      }
    }
  }
}

TEST(Policy, DefaultsAreRefusedOnlyWhereSglangHasNoKernels) {
  for (const std::string& device : policy_device_names()) {
    for (const char* model : {"v3", "v32", "glm", "glm52"}) {
      EXPECT_TRUE(run_policy(device + " " + model + " auto").decision.errors.empty())
          << device << " " << model;
    }
  }
  EXPECT_FALSE(run_policy("cpu v32").decision.errors.empty());
  EXPECT_TRUE(run_policy("npu v32").decision.errors.empty());
}

TEST(Policy, ModesAgreeOnHopper) {
  for (const char* model : {"v32", "glm"}) {
    const PolicyRun run = run_policy(std::string("sm90 ") + model);
    const PolicyDecision automatic = decide(run.input, PolicyMode::kAuto);
    for (std::size_t i = 0; i < kFieldCount; ++i) {
      EXPECT_EQ(run.decision.fields[i].value, automatic.fields[i].value)
          << field_info(static_cast<Field>(i)).name;
    }
  }
}

TEST(Policy, JsonHasTheFieldsThatProgramsRead) {
  const auto json = policy_json(run_policy("sm120 v32 --speculative EAGLE").input, PolicyMode::kAuto);
  for (const char* name :
       {"is_dsa", "attention_backend", "page_size", "kv_cache_dtype", "prefill_backend", "decode_backend",
        "prefill_impl", "dense_prefill_threshold", "use_mha", "mla_path", "moe_runner", "fp8_gemm",
        "fused_shared_experts", "errors", "warnings", "sources"}) {
    EXPECT_TRUE(json.contains(name)) << name;
  }
  EXPECT_EQ(json["is_dsa"], true);
  EXPECT_EQ(json["page_size"], 64);
  EXPECT_EQ(json["speculative"]["steps"], 3);
  EXPECT_EQ(json["speculative"]["max_running_requests"], 48);
  EXPECT_EQ(json["prefill_backend"], "portable");
  EXPECT_EQ(json["mirror"]["prefill_backend"], "trtllm");
  EXPECT_EQ(json["auto"]["prefill_backend"], "portable");
  EXPECT_FALSE(json["mirror"].contains("kv_cache_dtype"));
  EXPECT_NE(json["mirror"]["sources"]["prefill_backend"].get<std::string>().find("trap"), std::string::npos);
  EXPECT_EQ(json["sources"]["kv_cache_dtype"], "python/sglang/srt/server_args.py L1546-1572 (929e00eea)");
  EXPECT_EQ(json["rules_hit"]["kv_cache_dtype"], "kv.dsa_major10");
  const auto refused = policy_json(run_policy("sm90 v32 --enable-hisparse true").input, PolicyMode::kMirror);
  ASSERT_EQ(refused["errors"].size(), 1u);
  EXPECT_EQ(refused["sources"]["errors"][0],
            "error.hisparse_radix: python/sglang/srt/server_args.py L6650-6685 "
            "(929e00eea)");
}

TEST(Policy, TextNamesTheOtherMode) {
  const std::string text = policy_text(run_policy("sm120 v32").input, PolicyMode::kAuto);
  EXPECT_NE(text.find("mirror: trtllm"), std::string::npos) << text;
  EXPECT_NE(text.find("server_args.py L1546-1572"), std::string::npos);
}

TEST(Policy, FamiliesForAPlan) {
  const auto family = [](const std::string& input, const std::string& op) {
    for (const OpFamily& entry : policy_families(run_policy(input).decision)) {
      if (entry.op == op) return entry.family;
    }
    return std::string("none");
  };
  EXPECT_EQ(family("sm90 v32", "sparse_mla"), "flashmla_sparse");
  EXPECT_EQ(family("sm90 v32 decode:1+9", "sparse_mla"), "fa3");
  EXPECT_EQ(family("sm90 v32 extend:10+0", "mha_prefill"), "flash_attn_varlen");
  EXPECT_EQ(family("sm90 v32 extend:10+0", "sparse_mla"), "none");
  EXPECT_EQ(family("sm90 v32", "topk_select"), "sgl-kernel");
  EXPECT_EQ(family("sm90 v3", "dense_mla"), "fa3");
  EXPECT_EQ(family("sm90 v3", "mha_prefill"), "fa3");
  EXPECT_EQ(family("sm90 v3", "sparse_mla"), "none");
  EXPECT_EQ(family("sm120 v32 auto", "sparse_mla"), "none");
  EXPECT_EQ(family("sm90 v32", "linear"), "deep_gemm");
  EXPECT_EQ(family("sm100 v32", "moe_experts"), "flashinfer_trtllm");
}

TEST(Policy, FlagsSayWhatIsWrong) {
  PolicyFlags flags;
  const auto message = [&](const char* name, const char* value) {
    const Status status = set_policy_flag(flags, name, value);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << name;
    return status.message();
  };
  EXPECT_NE(message("--kv-cache-dtype", "fp9").find("expected one of auto fp8_e4m3"), std::string::npos);
  EXPECT_NE(message("--tp", "-1").find("found \"-1\""), std::string::npos);
  EXPECT_NE(message("--tp", "99999999999999999999").find("--tp"), std::string::npos);
  EXPECT_NE(message("--enable-hisparse", "yes").find("true or false"), std::string::npos);
  EXPECT_NE(message("--nothing", "1").find("no such flag"), std::string::npos);
  ASSERT_TRUE(set_policy_flag(flags, "--tp", "0").ok());
  EXPECT_NE(check_policy_flags(flags, true).message().find("--tp: expected at least 1"), std::string::npos);
  flags = {};
  ASSERT_TRUE(set_policy_flag(flags, "--dsa-prefill-backend", "flashmla_sparse_q8").ok());
  EXPECT_TRUE(check_policy_flags(flags, true).ok());
  EXPECT_NE(check_policy_flags(flags, false).message().find("2026-08"), std::string::npos);
}

TEST(Policy, FactsFromAConfigFile) {
  const Result<PolicyModel> model = parse_policy_model(
      R"({"architectures":["DeepseekV32ForCausalLM"],"index_topk":512,"num_attention_heads":16,"n_routed_experts":8,
          "n_shared_experts":1,"index_topk_pattern":"FFSF",
          "quantization_config":{"quant_method":"compressed-tensors","group_size":32}})",
      "config.json");
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ(model->index_topk, 512);
  EXPECT_TRUE(model->shares_indices);
  EXPECT_EQ(model->quantization, "compressed-tensors");
  EXPECT_EQ(model->quant_group_size, 32);
  EXPECT_NE(parse_policy_model("{}", "x").status().message().find("architectures"), std::string::npos);
  EXPECT_NE(parse_policy_model(R"({"architectures":["A"],"num_attention_heads":0})", "x")
                .status()
                .message()
                .find("num_attention_heads"),
            std::string::npos);
  EXPECT_EQ(parse_policy_model("[", "x").status().code(), StatusCode::kCorruptData);
  EXPECT_EQ(policy_model("gpt-2").status().code(), StatusCode::kNotFound);
  EXPECT_NE(policy_device("sm1").status().message().find("cpu-amx"), std::string::npos);
}

TEST(Policy, FactsFromADeviceAndAModel) {
  DeviceInfo info;
  info.backend = "hip";
  info.arch = 0x942;
  info.memory_bytes = std::int64_t{192} << 30;
  EXPECT_EQ(policy_device_of(info).platform, PolicyPlatform::kRocm);
  EXPECT_EQ(policy_device_of(info).memory_mib, 196608);
  info.backend = "vulkan";
  EXPECT_EQ(policy_device_of(info).platform, PolicyPlatform::kCpu);
  info.backend = "cuda";
  info.arch = 90;
  PolicyInput input;
  input.device = policy_device_of(info);
  input.model = policy_model_of(builtin_config("glm-5").value());
  EXPECT_FALSE(input.model.shares_indices);
  EXPECT_EQ(decide(input, PolicyMode::kMirror).value(Field::kDecodeBackend), "fa3");
}

// Any subset of two flags at a time: the decision is made, and refusals are messages.
TEST(Policy, EveryPairOfFlagsIsDecided) {
  std::vector<std::pair<std::string, std::string>> settings;
  for (const FlagRow& row : policy_flag_rows()) {
    const std::string names = row.name, name = names.substr(0, names.find(','));
    std::istringstream words(row.text == nullptr    ? (row.number != nullptr ? "1 3 2147483647" : "true")
                             : row.legal == nullptr ? "fp8"
                                                    : row.legal);
    for (std::string word; words >> word;) settings.emplace_back(name, word);
  }
  const PolicyInput base = run_policy("sm100 glm").input;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    for (std::size_t j = i; j < settings.size(); ++j) {
      PolicyInput input = base;
      ASSERT_TRUE(set_policy_flag(input.flags, settings[i].first, settings[i].second).ok())
          << settings[i].first;
      ASSERT_TRUE(set_policy_flag(input.flags, settings[j].first, settings[j].second).ok())
          << settings[j].first;
      for (const PolicyFinding& finding : decide(input, PolicyMode::kMirror).errors)
        EXPECT_FALSE(finding.message.empty()) << finding.rule->id;
    }
  }
}

// Everything that a decision says, in one text.
std::string all_answers(const PolicyInput& input) {
  std::string text;
  for (const PolicyMode mode : {PolicyMode::kMirror, PolicyMode::kAuto}) {
    const PolicyDecision decision = decide(input, mode);
    for (const Decided& field : decision.fields) text += field.value + "\n";
    for (const auto& findings : {decision.errors, decision.warnings}) {
      for (const PolicyFinding& finding : findings) text += finding.message + "\n";
    }
  }
  return text;
}

// Whether one of the row's values changes an answer for `input`.
bool changes_an_answer(const FlagRow& row, const PolicyInput& input) {
  const std::string names = row.name, name = names.substr(0, names.find(','));
  std::string values = row.number != nullptr ? "0 1 2 4 64 100000"
                       : row.flag != nullptr ? "true false"
                                             : "fp8 EAGLE";
  if (row.legal != nullptr) values = row.legal + std::string(" ") + row.august;
  const std::string before = all_answers(input);
  std::istringstream words(values);
  for (std::string word; words >> word;) {
    PolicyInput changed = input;
    if (set_policy_flag(changed.flags, name, word).ok() && all_answers(changed) != before) return true;
  }
  return false;
}

TEST(Policy, EveryFlagIsReadByARule) {
  std::vector<PolicyInput> inputs;
  for (const auto& cases : {dsa_cases(), server_cases(), check_cases()}) {
    for (const PolicyCase& entry : cases) inputs.push_back(run_policy(entry.input).input);
  }
  for (const FlagRow& row : policy_flag_rows()) {
    EXPECT_TRUE(std::any_of(inputs.begin(), inputs.end(), [&](const PolicyInput& input) {
      return changes_an_answer(row, input);
    })) << row.name;
  }
}

TEST(Policy, GoldenTableIsCurrent) {
  std::ifstream in(std::string(TAMIS_SOURCE_DIR) + "/docs/generated/policy.md", std::ios::binary);
  const std::string committed((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_TRUE(committed == policy_table()) << "build/all/bin/tamis docs, and look at the diff";
}

}  // namespace
}  // namespace tamis
