#include "core/graph/op_def.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace tamis {

namespace op {
#define OP(name) extern const OpDef name;
#include "core/ops.def"
#undef OP
}  // namespace op

namespace {

const std::array kAllOps{
#define OP(name) &op::name,
#include "core/ops.def"
#undef OP
};

}  // namespace

double allowed_error(const Tolerance& tolerance, DType dtype) {
  switch (dtype) {
    case DType::kBF16: return std::max(tolerance.f32 + 0x1p-8, tolerance.bf16);
    case DType::kF16: return tolerance.f32 + 0x1p-10;
    case DType::kE4M3: return tolerance.f32 + 0x1p-3;
    default: return tolerance.f32;
  }
}

double allowed_norm(const Tolerance& tolerance, DType dtype) {
  return dtype == DType::kBF16 && tolerance.bf16 > 0 ? tolerance.bf16_norm
                                                     : std::numeric_limits<double>::infinity();
}

Status shape_error(const char* op, const char* operand, const std::string& expected,
                   const TensorDesc& found) {
  return invalid_argument("{}: {}: expected {}, found {}", op, operand, expected, found.to_string());
}

Status set_output(const char* op, const char* operand, const TensorDesc& inferred, TensorDesc& desc) {
  if (desc.rank > 0 && (!desc.same_shape(inferred) || desc.dtype != inferred.dtype)) {
    return shape_error(op, operand, inferred.to_string(), desc);
  }
  if (desc.rank <= 0) desc = inferred;
  return {};
}

double weight_bytes(const TensorDesc& desc) {
  const double elements = static_cast<double>(desc.elements());
  const double block = static_cast<double>(kWeightBlock * kWeightBlock);
  return elements * static_cast<double>(dtype_size(desc.dtype)) +
         (desc.dtype == DType::kE4M3 && desc.rank >= 2 ? elements / block * 4.0 : 0.0);
}

double operand_bytes(const OpCall& call) {
  double total = 0;
  for (std::size_t i = 0; i < call.operands.size(); ++i) {
    const TensorDesc& desc = call.operands[i].desc;
    if (desc.rank <= 0) continue;
    total += call.op->operands[i].role == Role::kWeight
                 ? weight_bytes(desc)
                 : static_cast<double>(desc.elements()) * static_cast<double>(dtype_size(desc.dtype));
  }
  return total;
}

const OpDef* find_op(const char* name) {
  for (const OpDef* def : kAllOps) {
    if (std::strcmp(def->name, name) == 0) return def;
  }
  return nullptr;
}

std::span<const OpDef* const> all_ops() { return kAllOps; }

}  // namespace tamis
