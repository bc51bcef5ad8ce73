#include "bench/step_rows.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/ranges.h>

namespace tamis::bench {
namespace {

// "cpu.linear.openblas" -> "linear".
std::string op_of(const std::string& kernel) {
  const std::size_t first = kernel.find('.');
  const std::size_t second = kernel.find('.', first + 1);
  return first == std::string::npos || second == std::string::npos
             ? kernel
             : kernel.substr(first + 1, second - first - 1);
}

}  // namespace

std::string describe_precision(const ModelConfig& config, const Precision& precision) {
  const bool packed = precision.kv_format == KvFormat::kPackedFp8;
  std::string text = fmt::format("{} activations, {} cache", dtype_name(precision.activations),
                                 packed ? "packed fp8" : dtype_name(precision.kv_dtype));
  if (config.is_dsa()) {
    const bool fp8 = precision.index_format == IndexFormat::kFp8Paged;
    text += fmt::format(", {} index keys", fp8 ? "fp8" : dtype_name(precision.activations));
  }
  if (precision.act_quant != ActQuant::kNone) text += ", activations rounded to e4m3 before fp8 weights";
  return text;
}

void describe_plan(const Plan& plan, Row& row) {
  std::map<std::string, std::set<std::string>> kernels;
  int on_host = 0;
  row.flops = row.bytes = 0;
  for (std::size_t i = 0; i < plan.nodes().size(); ++i) {
    const PlannedNode& planned = plan.nodes()[i];
    kernels[planned.node->op->name].insert(planned.choice.row->name);
    on_host += planned.on_host ? 1 : 0;
    const PlanCall call = plan.unbound_call(i);
    row.flops += call.call.op->flops(call.call);
    row.bytes += call.call.op->bytes(call.call);
  }
  row.kernels.clear();
  for (const auto& [op, names] : kernels)
    row.kernels += fmt::format("{}{}", row.kernels.empty() ? "" : " ", fmt::join(names, " "));
  if (on_host == 0) return;
  row.note += fmt::format("{}{} of {} nodes on the host, with copies", row.note.empty() ? "" : "; ", on_host,
                          plan.nodes().size());
}

std::vector<Share> shares_of(const Trace& trace) {
  std::map<std::string, Share> by_op;
  double total = 0;
  for (const TraceEvent& event : trace.events()) {
    const std::string op = op_of(event.name);
    Share& share = by_op[op];
    share.op = op;
    if (share.kernel.find(event.name) == std::string::npos)
      share.kernel += fmt::format("{}{}", share.kernel.empty() ? "" : " ", event.name);
    share.us += event.seconds * 1e6;
    total += event.seconds * 1e6;
  }
  std::vector<Share> shares;
  for (auto& [op, share] : by_op) {
    share.percent = total > 0 ? 100 * share.us / total : 0.0;
    shares.push_back(std::move(share));
  }
  std::sort(shares.begin(), shares.end(), [](const Share& a, const Share& b) { return a.us > b.us; });
  return shares;
}

}  // namespace tamis::bench
