#include "tests/harness/host_instance.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tamis::harness {
namespace {

using cases::CaseOperand;
using cases::HostView;
using cases::Rng;

HostBuffer* new_buffer(HostInstance& instance, std::int64_t bytes) {
  instance.buffers.push_back(std::make_unique<HostBuffer>(bytes));
  std::memset(instance.buffers.back()->host(), 0, static_cast<std::size_t>(bytes));
  return instance.buffers.back().get();
}

// Scales of a stored tensor: powers of two and, every third, an arbitrary positive value (readers accept
// any).
void fill_scales(float* scales, std::int64_t count, Rng& rng) {
  for (std::int64_t i = 0; i < count; ++i) {
    const double pow2 = std::ldexp(1.0, static_cast<int>(rng.below(5)) - 4);
    scales[i] = static_cast<float>(i % 3 == 2 ? pow2 * rng.uniform(0.6, 1.4) : pow2);
  }
}

// One stored tensor that holds `rows` x `cols` of the weight from (first_row, first_col) on.
WeightPiece make_piece(HostInstance& instance, const CaseOperand& operand, std::int64_t rows, Rng& rng) {
  const std::int64_t cols = operand.desc.dim(-1);
  const std::int64_t stored_rows = operand.first_row + rows, stored_cols = operand.first_col + cols;
  const TensorDesc stored(operand.desc.dtype, {stored_rows, stored_cols});
  HostBuffer* data = new_buffer(instance, stored.span_bytes());
  HostView view(stored, data->host());
  operand.fill(view, rng);
  WeightPiece piece;
  piece.buffer = data;
  piece.offset = (operand.first_row * stored_cols + operand.first_col) *
                 static_cast<std::int64_t>(dtype_size(stored.dtype));
  piece.rows = rows;
  piece.row_stride = stored_cols;
  piece.first_row = operand.first_row;
  piece.first_col = operand.first_col;
  if (stored.dtype == DType::kE4M3) {
    piece.scale_stride = (stored_cols + kWeightBlock - 1) / kWeightBlock;
    const std::int64_t blocks = (stored_rows + kWeightBlock - 1) / kWeightBlock * piece.scale_stride;
    HostBuffer* scales = new_buffer(instance, blocks * 4);
    fill_scales(reinterpret_cast<float*>(scales->host()), blocks, rng);
    piece.scale_buffer = scales;
  }
  return piece;
}

Result<const Weight*> make_weight(HostInstance& instance, const CaseOperand& operand, Rng& rng) {
  TAMIS_ASSIGN_OR_RETURN(const std::vector<std::int64_t> rows, rows_of_pieces(operand));
  auto pieces = std::make_unique<std::vector<WeightPiece>>();
  for (std::int64_t count : rows) pieces->push_back(make_piece(instance, operand, count, rng));
  auto weight = std::make_unique<Weight>();
  weight->desc = operand.desc;
  weight->pieces = *pieces;
  instance.pieces.push_back(std::move(pieces));
  instance.weights.push_back(std::move(weight));
  return static_cast<const Weight*>(instance.weights.back().get());
}

}  // namespace

Result<std::vector<std::int64_t>> rows_of_pieces(const CaseOperand& operand) {
  const std::int64_t wanted = operand.desc.elements() / std::max<std::int64_t>(1, operand.desc.dim(-1));
  if (operand.piece_rows.empty()) return std::vector<std::int64_t>{wanted};
  std::int64_t total = 0;
  for (const std::int64_t rows : operand.piece_rows) {
    if (rows < 1) return invalid_argument("a piece of {} rows", rows);
    total += rows;
  }
  if (total != wanted)
    return invalid_argument("pieces of {} rows, {} has {}", total, operand.desc.to_string(), wanted);
  return operand.piece_rows;
}

Result<HostInstance> make_instance(const OpDef& op, const cases::Case& test_case, std::uint64_t seed) {
  if (test_case.operands.size() != op.operands.size()) {
    return invalid_argument("case {}: {} operands, the op has {}", test_case.name, test_case.operands.size(),
                            op.operands.size());
  }
  if (test_case.params.size() != op.params_size)
    return invalid_argument("case {}: wrong params", test_case.name);
  std::vector<TensorDesc> descs;
  for (const CaseOperand& operand : test_case.operands) descs.push_back(operand.desc);
  TAMIS_RETURN_IF_ERROR(op.infer(test_case.params.data(), descs).with_context("case " + test_case.name));
  Rng rng(seed);
  HostInstance instance;
  instance.operands.resize(op.operands.size());
  for (std::size_t i = 0; i < op.operands.size(); ++i) {
    Tensor& tensor = instance.operands[i];
    tensor.desc = descs[i];
    if (!tensor.present() || op.operands[i].role == Role::kOut) continue;
    const CaseOperand& operand = test_case.operands[i];
    if (!operand.fill)
      return invalid_argument("case {}: {} has no data", test_case.name, op.operands[i].name);
    if (op.operands[i].role == Role::kWeight && tensor.desc.rank >= 2) {
      Result<const Weight*> weight = make_weight(instance, operand, rng);
      TAMIS_RETURN_IF_ERROR(
          weight.status().with_context(fmt::format("case {}: {}", test_case.name, op.operands[i].name)));
      tensor.weight = *weight;
      continue;
    }
    tensor.buffer = new_buffer(instance, tensor.desc.span_bytes());
    HostView view(tensor.desc, tensor.buffer->host());
    operand.fill(view, rng);
  }
  return instance;
}

}  // namespace tamis::harness
