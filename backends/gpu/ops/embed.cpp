// Portable row of embed on CUDA and HIP: a launch per piece of the table, which is one unless a checkpoint
// cuts it. A table that another op had packed is read as it is.
#include "core/ops/embed/embed.h"

#include "backends/gpu/products.h"
#include "kernels_gpu/embed/launch.h"

namespace tamis::gpu {
namespace {

using namespace embed_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  const Weight* table = call[kTable].weight;
  return table == nullptr || table->stored() ? accept() : accept_row_scales(call[kTable]);
}

Status launch_row(Queue& queue, const OpCall& call, const Scratch&) {
  auto& gpu_queue = static_cast<GpuQueue&>(queue);
  const Weight& table = *call[kTable].weight;
  Embed args;
  args.ids = ints_of(call[kIds]);
  args.y = rows_of(call[kY]);
  args.vocabulary = call[kTable].desc.dim(0);
  args.tokens = call[kY].desc.dim(0);
  args.width = call[kY].desc.dim(1);
  args.zeros = true;
  if (!table.stored()) {
    args.table = packed_rows(table);
    return gpu_queue.submit("embed", launch_embed, args);
  }
  for (const WeightPiece& piece : table.pieces) {
    args.table = piece_rows(piece, table.desc.dtype);
    TAMIS_RETURN_IF_ERROR(gpu_queue.submit("embed", launch_embed, args));
    args.first += piece.rows;
    args.zeros = false;
  }
  return {};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".embed.portable",
     .op = "embed",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .launch = launch_row},
};

}  // namespace

std::span<const KernelRow> rows_embed() { return kRows; }

}  // namespace tamis::gpu
