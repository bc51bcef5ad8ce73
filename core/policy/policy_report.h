// A decision in print: JSON for programs, lines with sources for people, and the golden table of
// docs/generated.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "core/policy/policy.h"

namespace tamis {

// Every field of the mode that was asked for, speculative{…}, errors[], warnings[], families{op: family},
// sources{field: "path lines (commit)"}, rules_hit{field: row}, notes{field: text}; where the modes differ,
// mirror{} and auto{} hold both answers, each with its own sources{}.
nlohmann::ordered_json policy_json(const PolicyInput& input, PolicyMode mode);

// One line a decision with where it comes from, then errors and warnings.
std::string policy_text(const PolicyInput& input, PolicyMode mode);

// docs/generated/policy.md (`tamis docs` writes it): device × model × dtype × flags, then every row of the
// rules.
std::string policy_table();

}  // namespace tamis
