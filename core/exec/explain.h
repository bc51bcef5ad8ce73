// What a plan decided and why, as data: for every op the chosen row, each other row with its reason,
// fallbacks, workspace, bytes and FLOPs.
#pragma once

#include <nlohmann/json.hpp>

#include "core/exec/plan.h"

namespace tamis {

// {"nodes": [{op, label, shapes, row, families, fallback, workspace_bytes, bytes, flops, rows: [{name,
// verdict}]}],
//  "arena_bytes", "segments", "decomposed", "host_rows", "fallbacks": […]}
nlohmann::ordered_json explain_plan(const Plan& plan);

// The same for a person: one block per op and shape, equal nodes of different layers counted together.
std::string explain_text(const Plan& plan);

}  // namespace tamis
