// Families: every row names known ones, and every name that the policy can ask for is known.
#include "core/policy/families.h"

#include <algorithm>
#include <set>
#include <sstream>

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

}  // namespace
}  // namespace tamis
