#include "core/exec/explain.h"

#include <algorithm>
#include <map>

namespace tamis {
namespace {

using Json = nlohmann::ordered_json;

// Family that was asked for, for the op of this node; empty: none.
std::string asked_family(const Plan& plan, const PlannedNode& planned) {
  const auto it = plan.options().families.find(planned.node->op->name);
  return it == plan.options().families.end() || planned.on_host ? "" : it->second;
}

std::string verdict_text(const PlannedNode& planned, const RowVerdict& verdict, const std::string& family) {
  const KernelRow* chosen = planned.choice.row;
  if (!verdict.hard.accepted()) return verdict.hard.text();
  const bool asked = !family.empty() && has_family(*chosen, family);
  if (verdict.row == chosen) return asked ? fmt::format("chosen, as {}", family) : "chosen";
  if (asked && !has_family(*verdict.row, family)) return fmt::format("{} was asked for", family);
  if (!verdict.soft.accepted()) return verdict.soft.text();
  return "an earlier row was chosen";
}

struct NodeFacts {
  std::string shapes;
  double bytes, flops;
  Floor floor;
};

NodeFacts facts_of(const Plan& plan, std::size_t index, const PlanCeilings& ceilings) {
  const PlannedNode& planned = plan.nodes()[index];
  const PlanCall owner = plan.unbound_call(index);
  const OpCall& call = owner.call;
  return {describe_call(call), call.op->bytes(call), call.op->flops(call),
          find_floor(call, planned.on_host ? ceilings.host : ceilings.device)};
}

struct Totals {
  double bytes = 0, flops = 0, floor_seconds = 0;
  int without_floor = 0;
};

bool has_floor(const Floor& floor) { return floor.seconds > 0; }

Totals totals_of(const Plan& plan, const PlanCeilings& ceilings) {
  Totals totals;
  for (std::size_t i = 0; i < plan.nodes().size(); ++i) {
    const NodeFacts facts = facts_of(plan, i, ceilings);
    totals.bytes += facts.bytes;
    totals.flops += facts.flops;
    totals.floor_seconds += facts.floor.seconds;
    if (!has_floor(facts.floor)) ++totals.without_floor;
  }
  return totals;
}

Json explain_node(const Plan& plan, std::size_t index, const PlanCeilings& ceilings) {
  const PlannedNode& planned = plan.nodes()[index];
  const NodeFacts facts = facts_of(plan, index, ceilings);
  const std::string family = asked_family(plan, planned);
  Json rows = Json::array();
  for (const RowVerdict& verdict : planned.choice.walk) {
    rows.push_back({{"name", verdict.row->name}, {"verdict", verdict_text(planned, verdict, family)}});
  }
  return {{"op", planned.node->op->name},
          {"label", planned.node->label},
          {"shapes", facts.shapes},
          {"row", planned.choice.row->name},
          {"on", planned.on_host ? "host" : "device"},
          {"families", planned.choice.row->families},
          {"asked_family", family.empty() ? Json() : Json(family)},
          {"fallback", fallback_name(planned.fallback)},
          {"workspace_bytes", planned.workspace_bytes},
          {"bytes", facts.bytes},
          {"flops", facts.flops},
          {"floor_us", has_floor(facts.floor) ? Json(facts.floor.seconds * 1e6) : Json()},
          {"floor_by", facts.floor.bound},
          {"rows", std::move(rows)}};
}

Json ceilings_json(const Ceilings& ceilings) {
  const auto rate = [](double value) { return value > 0 ? Json(value) : Json(); };
  if (!ceilings.known()) return nullptr;
  return {{"memory_gbs", rate(ceilings.memory_gbs)},
          {"f32_tflops", rate(ceilings.f32_tflops)},
          {"bf16_tflops", rate(ceilings.bf16_tflops)},
          {"fp8_tflops", rate(ceilings.fp8_tflops)},
          {"source", ceilings.source}};
}

std::string ceilings_text(const char* where, const Ceilings& ceilings) {
  if (!ceilings.known()) return fmt::format("ceilings of the {}: none known\n", where);
  std::string text = fmt::format("ceilings of the {}:", where);
  const auto add = [&](const char* name, double value, const char* unit) {
    if (value > 0) text += fmt::format(" {} {} {},", name, value, unit);
  };
  add("memory", ceilings.memory_gbs, "GB/s");
  add("f32", ceilings.f32_tflops, "TFLOPS");
  add("bf16", ceilings.bf16_tflops, "TFLOPS");
  add("fp8", ceilings.fp8_tflops, "TFLOPS");
  return text + fmt::format(" from: {}\n", ceilings.source);
}

bool any_on_host(const Plan& plan) {
  return std::any_of(plan.nodes().begin(), plan.nodes().end(), [](const auto& node) { return node.on_host; });
}

std::string block_text(const Plan& plan, std::size_t index, int count, const PlanCeilings& ceilings) {
  const PlannedNode& planned = plan.nodes()[index];
  const NodeFacts facts = facts_of(plan, index, ceilings);
  const std::string family = asked_family(plan, planned);
  std::string text = fmt::format("{}x {}\n", count, facts.shapes);
  const std::string floor = has_floor(facts.floor)
                                ? fmt::format("{:.3g} us ({})", facts.floor.seconds * 1e6, facts.floor.bound)
                                : fmt::format("unknown ({})", facts.floor.bound);
  text += fmt::format("   {:.3g} MFLOP, {:.3g} MB, floor {}, workspace {:.3g} MB, first at {}",
                      facts.flops * 1e-6, facts.bytes * 1e-6, floor,
                      static_cast<double>(planned.workspace_bytes) * 1e-6, planned.node->label);
  if (planned.fallback != Fallback::kNone)
    text += fmt::format(", fallback: {}", fallback_name(planned.fallback));
  text += '\n';
  if (!family.empty() && !has_family(*planned.choice.row, family))
    text += fmt::format("   no row that takes this carries the family {}\n", family);
  for (const RowVerdict& verdict : planned.choice.walk) {
    text += fmt::format("   {} {:<36} {}\n", verdict.row == planned.choice.row ? '*' : ' ', verdict.row->name,
                        verdict_text(planned, verdict, family));
  }
  return text;
}

std::string summary_text(const Plan& plan, const PlanCeilings& ceilings) {
  const Totals totals = totals_of(plan, ceilings);
  std::string text =
      fmt::format("{} nodes in {} segment(s), arena {:.3g} MB, {} decomposed, {} on the host\n",
                  plan.nodes().size(), plan.segments().size(), static_cast<double>(plan.arena_bytes()) * 1e-6,
                  plan.stats().decomposed, plan.stats().host_rows);
  text += fmt::format("step: {:.4g} GFLOP, {:.4g} MB", totals.flops * 1e-9, totals.bytes * 1e-6);
  if (totals.floor_seconds > 0)
    text += fmt::format(", floor {:.4g} ms, node by node", totals.floor_seconds * 1e3);
  if (totals.without_floor > 0) text += fmt::format(", {} nodes without a floor", totals.without_floor);
  text += '\n' + ceilings_text("device", ceilings.device);
  if (any_on_host(plan)) text += ceilings_text("host", ceilings.host);
  for (const std::string& fallback : plan.stats().fallbacks) text += fmt::format("fallback: {}\n", fallback);
  return text;
}

}  // namespace

Json explain_plan(const Plan& plan, const PlanCeilings& ceilings) {
  Json nodes = Json::array();
  for (std::size_t i = 0; i < plan.nodes().size(); ++i) nodes.push_back(explain_node(plan, i, ceilings));
  const Totals totals = totals_of(plan, ceilings);
  return {{"nodes", std::move(nodes)},
          {"total",
           {{"bytes", totals.bytes},
            {"flops", totals.flops},
            {"floor_us", totals.floor_seconds > 0 ? Json(totals.floor_seconds * 1e6) : Json()},
            {"nodes_without_floor", totals.without_floor}}},
          {"ceilings", {{"device", ceilings_json(ceilings.device)}, {"host", ceilings_json(ceilings.host)}}},
          {"arena_bytes", plan.arena_bytes()},
          {"segments", plan.segments().size()},
          {"decomposed", plan.stats().decomposed},
          {"host_rows", plan.stats().host_rows},
          {"fallbacks", plan.stats().fallbacks}};
}

std::string explain_text(const Plan& plan, const PlanCeilings& ceilings) {
  struct Group {
    std::size_t first;
    int count = 0;
  };
  std::map<std::string, Group> groups;
  std::vector<std::string> order;
  for (std::size_t i = 0; i < plan.nodes().size(); ++i) {
    const PlanCall call = plan.unbound_call(i);
    const std::string key = describe_call(call.call) + plan.nodes()[i].choice.row->name;
    const auto [it, added] = groups.emplace(key, Group{i, 0});
    if (added) order.push_back(key);
    ++it->second.count;
  }
  std::string text;
  for (const std::string& key : order)
    text += block_text(plan, groups.at(key).first, groups.at(key).count, ceilings);
  return text + summary_text(plan, ceilings);
}

}  // namespace tamis
