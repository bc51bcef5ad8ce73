// Families: every row names known ones, and every name that the policy can ask for is known.
#include "core/policy/families.h"

#include <algorithm>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include <gtest/gtest.h>

#include "core/backend/registry.h"
#include "core/graph/op_def.h"
#include "core/policy/policy_facts.h"

namespace tamis {
namespace {

std::set<std::string> names() {
  std::set<std::string> all;
  for (const FamilyInfo& family : known_families())
    EXPECT_TRUE(all.insert(family.name).second) << family.name << " twice";
  return all;
}

// Those of this build, without the rows that the tests' plug-ins add.
std::vector<const Backend*> own_backends() {
  std::vector<const Backend*> backends = {create_cpu_backend()};
  for (const char* name : {"cuda", "hip", "vulkan"}) {
    if (const Backend* backend = Registry::instance().backend(name)) backends.push_back(backend);
  }
  return backends;
}

TEST(Families, EveryRowNamesKnownOnes) {
  const std::set<std::string> known = names();
  for (const Backend* backend : own_backends()) {
    for (const OpDef* op : all_ops()) {
      for (const KernelRow& row : backend->rows(op->name)) {
        std::istringstream words(row.families);
        std::string word;
        EXPECT_TRUE(words >> word) << row.name << " names none";
        do {
          EXPECT_EQ(known.count(word), 1u)
              << row.name << ": " << word << " is not in core/policy/families.cpp";
        } while (words >> word);
      }
    }
  }
}

// The last row of a table takes what no other does: it is no kernel of SGLang's.
TEST(Families, PortableRowsAreOnlyThat) {
  for (const Backend* backend : own_backends()) {
    for (const OpDef* op : all_ops()) {
      for (const KernelRow& row : backend->rows(op->name)) {
        EXPECT_TRUE(!has_family(row, "portable") || std::string_view(row.families) == "portable") << row.name;
      }
    }
  }
}

TEST(Families, WhatThePolicyAsksForIsKnown) {
  const std::set<std::string> known = names();
  const char* const not_kernels[] = {"ascend", "intel_xpu", "auto",
                                     "cutlass_w4a8"};  // devices and formats without rows
  for (const std::string& device : policy_device_names()) {
    for (const std::string& model : policy_model_names()) {
      for (const PolicyRules rules : {PolicyRules::k2026_04, PolicyRules::k2026_08}) {
        PolicyInput input{policy_device(device).value(), policy_model(model).value(), {}, {}, rules};
        for (const BatchKind kind : {BatchKind::kExtend, BatchKind::kDecode}) {
          for (const std::int64_t prefix : {0, 4096}) {
            input.batch = {kind, {{kind == BatchKind::kDecode ? 1 : 512, prefix}}};
            for (const OpFamily& entry : policy_families(decide(input, PolicyMode::kAuto))) {
              if (std::find(std::begin(not_kernels), std::end(not_kernels), entry.family) !=
                  std::end(not_kernels))
                continue;
              EXPECT_EQ(known.count(entry.family), 1u)
                  << device << " " << model << ": " << entry.op << ": " << entry.family;
            }
          }
        }
      }
    }
  }
}

// (op, family) that the policy asks for on a device, over models, batches and both editions of the rules.
std::set<std::pair<std::string, std::string>> asked_on(const char* device) {
  std::set<std::pair<std::string, std::string>> asked;
  for (const std::string& model : policy_model_names()) {
    for (const PolicyRules rules : {PolicyRules::k2026_04, PolicyRules::k2026_08}) {
      for (const BatchKind kind : {BatchKind::kExtend, BatchKind::kDecode}) {
        PolicyInput input{policy_device(device).value(), policy_model(model).value(), {}, {}, rules};
        input.batch = {kind, {{kind == BatchKind::kDecode ? 1 : 512, 4096}}};
        for (const OpFamily& entry : policy_families(decide(input, PolicyMode::kAuto)))
          asked.insert({entry.op, entry.family});
      }
    }
  }
  return asked;
}

using Asked = std::set<std::pair<std::string, std::string>>;
const Asked kAskedOnCdna = {{"sparse_mla", "tilelang"}, {"dense_mla", "aiter"},
                            {"mha_prefill", "aiter"},   {"linear", "aiter"},
                            {"moe_experts", "triton"},  {"topk_select", "sgl-kernel"}};
// Neither TileLang's kernels nor AITER's are written for RDNA.
const Asked kAskedOnRdna = {{"dense_mla", "triton"},
                            {"mha_prefill", "triton"},
                            {"linear", "triton"},
                            {"moe_experts", "triton"},
                            {"topk_select", "sgl-kernel"}};

TEST(Families, WhatThePolicyAsksForOnAmd) {
  for (const char* device : {"gfx90a", "gfx942"}) {
    Asked asked = asked_on(device);
    std::erase_if(asked, [](const auto& entry) { return entry.second == "auto"; });
    EXPECT_EQ(asked, kAskedOnCdna) << device;
  }
  for (const char* device : {"gfx1100", "gfx1201"}) EXPECT_EQ(asked_on(device), kAskedOnRdna) << device;
}

// Rows with matrix instructions of `unit` that do not carry what is asked of their op: they would stand
// behind any row that does.
std::vector<std::string> rows_without(std::span<const KernelRow> rows, const char* unit, const Asked& asked) {
  std::vector<std::string> found;
  for (const KernelRow& row : rows) {
    if (!has_family(row, unit)) continue;
    for (const auto& [op, family] : asked) {
      if (op == row.op && !has_family(row, family)) found.push_back(fmt::format("{}: {}", row.name, family));
    }
  }
  return found;
}

TEST(Families, RowsWithoutTheNameAskedForAreFound) {
  const KernelRow rows[] = {{.name = "a", .op = "sparse_mla", .families = "mfma tilelang"},
                            {.name = "b", .op = "sparse_mla", .families = "mfma"},
                            {.name = "c", .op = "sparse_mla", .families = "wmma"},
                            {.name = "d", .op = "embed", .families = "mfma"}};
  EXPECT_EQ(rows_without(rows, "mfma", kAskedOnCdna), std::vector<std::string>{"b: tilelang"});
}

TEST(Families, MatrixRowsOnAmdCarryWhatIsAskedFor) {
  for (const char* name : {"hip", "hip-emu"}) {
    const Backend* backend = Registry::instance().backend(name);
    if (backend == nullptr) continue;
    for (const OpDef* op : all_ops()) {
      EXPECT_EQ(rows_without(backend->rows(op->name), "mfma", kAskedOnCdna), std::vector<std::string>());
      EXPECT_EQ(rows_without(backend->rows(op->name), "wmma", kAskedOnRdna), std::vector<std::string>());
    }
  }
}

// Else one token would go through a tile of 32 rows.
TEST(Families, RowsForFewTokensOnAmdCarryWhatIsAskedFor) {
  for (const char* name : {"hip", "hip-emu"}) {
    const Backend* backend = Registry::instance().backend(name);
    if (backend == nullptr) continue;
    for (const char* op : {"linear", "moe_experts"}) {
      int found = 0;
      for (const KernelRow& row : backend->rows(op)) {
        if (!std::string_view(row.name).ends_with(".packed_decode")) continue;
        ++found;
        for (const char* family : {"aiter", "triton"}) EXPECT_TRUE(has_family(row, family)) << row.name;
      }
      EXPECT_EQ(found, 1) << op;
    }
  }
}

}  // namespace
}  // namespace tamis
