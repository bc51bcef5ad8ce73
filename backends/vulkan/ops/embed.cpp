// Vulkan row of embed: shaders/embed/portable.comp. A table that another op had packed is read as it is.
#include "core/ops/embed/embed.h"

#include "backends/vulkan/products.h"

namespace tamis::vulkan {
namespace {

using namespace embed_operand;

struct Arguments {
  std::uint64_t ids, y, y_stride;
  ShaderWeight table;
  std::uint32_t piece_count, vocabulary, tokens, width;
};

Reason accepts(const DeviceInfo&, const OpCall& call) {
  const Weight* table = call[kTable].weight;
  Reason bad = table == nullptr || table->stored() ? accept_stored("table", call[kTable])
                                                   : accept_packed("table", call[kTable]);
  return bad.accepted() ? accept_sheet("y", call[kY]) : bad;
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  TAMIS_ASSIGN_OR_RETURN(const WeightOperand table, weight_operand(recorder, call[kTable]));
  const Tensor& y = call[kY];
  const Arguments arguments{address(call[kIds]), address(y),           row_stride(y), table.weight,
                            table.piece_count,   dim(call[kTable], 0), dim(y, 0),     dim(y, 1)};
  return dispatch_sheet(recorder, {"embed/portable", {table.type, type_of(y), 0, 0, table.packed}}, arguments,
                        y.desc.dim(0), y.desc.dim(1));
}

constexpr KernelRow kRows[] = {{.name = "vulkan.embed.portable",
                                .op = "embed",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_embed() { return kRows; }

}  // namespace tamis::vulkan
