#include "core/ops/index_to_slot/index_to_slot.h"

#include <array>

#include "core/ops/index_k_store/indexer_checks.h"

namespace tamis {
namespace {

using namespace index_to_slot_operand;
using indexer::check;
using indexer::kAnySize;

constexpr const char* kName = "index_to_slot";
constexpr std::array<OperandDef, 5> kOperands{{{"idx", Role::kIn},
                                               {"seq_of_token", Role::kIn, true},
                                               {"page_table", Role::kIn, true},
                                               {"row_start", Role::kIn, true},
                                               {"slots", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const std::int64_t page_size = static_cast<const IndexToSlotParams*>(params)->page_size;
  if (page_size < 1)
    return invalid_argument("{}: page_size: expected at least 1, found {}", kName, page_size);
  TAMIS_RETURN_IF_ERROR(check({kName, "idx", DType::kI32, {kAnySize, kAnySize}}, d[kIdx]));
  const std::int64_t tokens = d[kIdx].dim(0);
  if (wanted(d[kPageTable])) {
    TAMIS_RETURN_IF_ERROR(check({kName, "page_table", DType::kI32, {kAnySize, kAnySize}}, d[kPageTable]));
    TAMIS_RETURN_IF_ERROR(
        indexer::check_optional({kName, "seq_of_token", DType::kI32, {tokens}}, d[kSeqOfToken]));
    TAMIS_RETURN_IF_ERROR(indexer::check_absent(kName, "row_start", "a page table is given", d[kRowStart]));
  } else {
    TAMIS_RETURN_IF_ERROR(
        indexer::check_absent(kName, "seq_of_token", "no page table is given", d[kSeqOfToken]));
    TAMIS_RETURN_IF_ERROR(indexer::check_optional({kName, "row_start", DType::kI32, {tokens}}, d[kRowStart]));
  }
  return set_output(kName, "slots", {DType::kI32, {tokens, d[kIdx].dim(1)}}, d[kSlots]);
}

double flops(const OpCall&) { return 0; }

}  // namespace

const OpDef op::index_to_slot{
    .name = kName,
    .params_size = sizeof(IndexToSlotParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 0},
    .per_token = operand_bits({index_to_slot_operand::kIdx, index_to_slot_operand::kSeqOfToken,
                               index_to_slot_operand::kRowStart, index_to_slot_operand::kSlots}),
};

}  // namespace tamis
