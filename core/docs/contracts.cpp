// docs/generated/contracts.md.
#include "core/docs/docs.h"
#include "core/graph/op_def.h"

namespace tamis {
namespace {

const char* role_name(Role role) {
  switch (role) {
    case Role::kIn: return "in";
    case Role::kOut: return "out";
    case Role::kInOut: return "in and out";
    case Role::kWeight: return "weight";
    case Role::kState: return "state";
  }
  return "";
}

std::string operands_text(const OpDef& op) {
  std::string text;
  for (const OperandDef& operand : op.operands) {
    text += fmt::format("{}`{}` {}{}", text.empty() ? "" : ", ", operand.name, role_name(operand.role),
                        operand.optional ? " (optional)" : "");
  }
  return text;
}

std::string tolerance_text(const Tolerance& tolerance) {
  if (tolerance.bf16 == 0) return fmt::format("{}", tolerance.f32);
  return fmt::format("{}; of a bf16 output {:.3g} and {:.3g} of its norm", tolerance.f32, tolerance.bf16,
                     tolerance.bf16_norm);
}

}  // namespace

Result<std::string> contract_text(const std::string& path, const std::string& header) {
  std::string text;
  for (std::size_t begin = 0; header.compare(begin, 2, "//") == 0;) {
    const std::size_t end = std::min(header.find('\n', begin), header.size());
    const std::size_t first = header.compare(begin, 3, "// ") == 0 ? begin + 3 : begin + 2;
    text.append(header, first, end - first);
    text += '\n';
    begin = std::min(end + 1, header.size());
  }
  if (text.empty()) return corrupt_data("{}: expected the op's contract, a // comment at the head", path);
  return text;
}

std::string contracts_document(const std::vector<Contract>& contracts) {
  std::string text =
      "# Contracts\n\nWritten by `tamis docs` from the heads of `core/ops/<op>/<op>.h`: what every kernel "
      "row of "
      "an op computes, on every backend.\nThe error that a float output may have is relative to |expected| + "
      "rms(expected); the rounding of its dtype comes on top.\nInteger outputs are exact.\n";
  for (const Contract& contract : contracts) {
    const OpDef* op = find_op(contract.op.c_str());
    text += fmt::format("\n## {}\n\n```text\n{}```\n", contract.op, contract.text);
    if (op == nullptr) continue;
    text +=
        fmt::format("\nOperands: {}.\nTolerance: {}.{}\n", operands_text(*op), tolerance_text(op->tolerance),
                    op->decompose != nullptr ? " Composite: has a decomposition into plain ops." : "");
  }
  return text;
}

}  // namespace tamis
