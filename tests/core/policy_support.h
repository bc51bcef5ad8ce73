// Cases of the policy's rows, each a line of text. The input is words: a device, a model (v3 v32 glm glm52),
// then any of
//   auto            mode auto, else mirror          aug              the rules of 2026-08
//   arch=A quant=Q heads=N topk=N mem=GIB cuda=1203 name=PRODUCT sm=N group=N    facts, replaced
//   extend:NEW+PREFIX;NEW+PREFIX                    the batch, with the kinds of --batch
//   --flag value, NAME=value                        flags and environment variables of policy_flags.h
#pragma once

#include <span>
#include <string>

#include "core/policy/policy.h"
#include "core/policy/rule.h"

namespace tamis {

// The row, an input that it answers, and its answer: a value ("a, b" for two fields), or a part of a message.
struct PolicyCase {
  const char* rule;
  const char* input;
  const char* expected;
};

struct PolicyRun {
  PolicyInput input;
  PolicyMode mode = PolicyMode::kMirror;
  PolicyDecision decision;
};

// Fails the test where the text does not parse.
PolicyRun run_policy(const std::string& text);

void expect_cases(std::span<const PolicyCase> cases);

std::span<const PolicyCase> dsa_cases();
std::span<const PolicyCase> server_cases();
std::span<const PolicyCase> check_cases();

}  // namespace tamis
