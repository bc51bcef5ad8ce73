#include "core/exec/explain.h"

#include <map>

namespace tamis {
namespace {

using Json = nlohmann::ordered_json;

std::string verdict_text(const RowVerdict& verdict, const KernelRow* chosen) {
  if (!verdict.hard.accepted()) return verdict.hard.text();
  if (verdict.row == chosen) return "chosen";
  if (!verdict.soft.accepted()) return verdict.soft.text();
  return "an earlier row was chosen";
}

Json explain_node(const Plan& plan, std::size_t index) {
  const PlannedNode& planned = plan.nodes()[index];
  const PlanCall call = plan.unbound_call(index);
  Json rows = Json::array();
  for (const RowVerdict& verdict : planned.choice.walk) {
    rows.push_back({{"name", verdict.row->name}, {"verdict", verdict_text(verdict, planned.choice.row)}});
  }
  return {{"op", planned.node->op->name},
          {"label", planned.node->label},
          {"shapes", describe_call(call.call)},
          {"row", planned.choice.row->name},
          {"families", planned.choice.row->families},
          {"fallback", fallback_name(planned.fallback)},
          {"workspace_bytes", planned.workspace_bytes},
          {"bytes", call.call.op->bytes(call.call)},
          {"flops", call.call.op->flops(call.call)},
          {"rows", std::move(rows)}};
}

}  // namespace

Json explain_plan(const Plan& plan) {
  Json nodes = Json::array();
  for (std::size_t i = 0; i < plan.nodes().size(); ++i) nodes.push_back(explain_node(plan, i));
  return {{"nodes", std::move(nodes)},           {"arena_bytes", plan.arena_bytes()},
          {"segments", plan.segments().size()},  {"decomposed", plan.stats().decomposed},
          {"host_rows", plan.stats().host_rows}, {"fallbacks", plan.stats().fallbacks}};
}

std::string explain_text(const Plan& plan) {
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
  for (const std::string& key : order) {
    const Group& group = groups.at(key);
    const PlannedNode& planned = plan.nodes()[group.first];
    const PlanCall call = plan.unbound_call(group.first);
    text += fmt::format("{}x {}\n", group.count, describe_call(call.call));
    text += fmt::format("   {:.3g} MFLOP, {:.3g} MB, workspace {:.3g} MB, first at {}{}\n",
                        call.call.op->flops(call.call) * 1e-6, call.call.op->bytes(call.call) * 1e-6,
                        static_cast<double>(planned.workspace_bytes) * 1e-6, planned.node->label,
                        planned.fallback == Fallback::kNone
                            ? ""
                            : fmt::format(", fallback: {}", fallback_name(planned.fallback)));
    for (const RowVerdict& verdict : planned.choice.walk) {
      text += fmt::format("   {} {:<36} {}\n", verdict.row == planned.choice.row ? '*' : ' ',
                          verdict.row->name, verdict_text(verdict, planned.choice.row));
    }
  }
  text +=
      fmt::format("{} nodes in {} segment(s), arena {:.3g} MB, {} decomposed, {} on the host\n",
                  plan.nodes().size(), plan.segments().size(), static_cast<double>(plan.arena_bytes()) * 1e-6,
                  plan.stats().decomposed, plan.stats().host_rows);
  for (const std::string& fallback : plan.stats().fallbacks) text += fmt::format("fallback: {}\n", fallback);
  return text;
}

}  // namespace tamis
