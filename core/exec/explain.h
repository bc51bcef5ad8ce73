// What a plan decided and why, as data: for every op the chosen row, each other row with its reason,
// fallbacks, workspace, bytes, FLOPs and the floor that follows from them.
#pragma once

#include <nlohmann/json.hpp>

#include "core/exec/floor.h"
#include "core/exec/plan.h"

namespace tamis {

// Of the plan's device, and of the host for nodes that run there.
struct PlanCeilings {
  Ceilings device, host;
};

// {"nodes": [{op, label, shapes, row, on, families, asked_family, fallback, workspace_bytes, bytes, flops,
//             floor_us, floor_by, rows: [{name, verdict}]}],
//  "total": {bytes, flops, floor_us, nodes_without_floor}, "ceilings": {device: {…}, host: {…}},
//  "arena_bytes", "segments", "decomposed", "host_rows", "fallbacks": […]}
// floor_us is null where no ceiling is known; bytes and FLOPs are those of the plan's bounds.
nlohmann::ordered_json explain_plan(const Plan& plan, const PlanCeilings& ceilings = {});

// The same for a person: one block per op and shape, equal nodes of different layers counted together.
std::string explain_text(const Plan& plan, const PlanCeilings& ceilings = {});

}  // namespace tamis
