// CUDA rows of moe_grouped_gemm: wgmma on e4m3 (Hopper), mma.sync on 16 bits, and weights as stored, any
// dtype.
#include "core/ops/moe_grouped_gemm/moe_grouped_gemm.h"

#include <algorithm>

#include "backends/cuda/grouped_gemm_call.h"

namespace tamis::cuda {
namespace {

using namespace moe_grouped_gemm_operand;

GroupedCall grouped(const OpCall& call) {
  return {call[kX], call[kWeight], call[kY], pointer<const std::int32_t>(call[kOffsets]),
          call.as<MoeGroupedGemmParams>().act_quant};
}

Status zero_rest(CudaQueue& queue, const OpCall& call) {
  return queue.launched(zero_tail(matrix(call[kY]), pointer<const std::int32_t>(call[kOffsets]),
                                  call[kWeight].desc.dim(0), call[kX].desc.dim(0), call[kWeight].desc.dim(1),
                                  queue.stream()));
}

template <Reason (*accept_call)(const GroupedCall&)>
Reason accepts(const DeviceInfo&, const OpCall& call) {
  return accept_call(grouped(call));
}

template <std::int64_t (*bytes)(const GroupedCall&)>
std::int64_t workspace(const DeviceInfo&, const OpCall& call) {
  return bytes(grouped(call));
}

template <Status (*run)(CudaQueue&, const GroupedCall&, const Scratch&)>
Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  TAMIS_RETURN_IF_ERROR(run(cuda_queue, grouped(call), scratch));
  return zero_rest(cuda_queue, call);
}

Reason accepts_stored(const DeviceInfo&, const OpCall& call) {
  const Weight* weight = call[kWeight].weight;
  return weight != nullptr && !weight->stored() ? reason::weight_layout(weight->layout) : accept();
}

struct StoredWorkspace {
  std::int64_t values = 0;
  std::int64_t scales = 0;
  std::int64_t bytes = 0;
};

StoredWorkspace stored_workspace(const OpCall& call) {
  StoredWorkspace parts;
  if (call.as<MoeGroupedGemmParams>().act_quant == ActQuant::kNone) return parts;
  const GroupedCall product = grouped(call);
  WorkspaceLayout layout;
  parts.values = layout.add(product.rows() * product.groups() * 256);
  parts.scales = layout.add(product.rows() * product.groups() * 4);
  parts.bytes = layout.bytes();
  return parts;
}

std::int64_t stored_bytes(const DeviceInfo&, const OpCall& call) { return stored_workspace(call).bytes; }

GroupedPiece stored_piece(const WeightPiece& piece, DType dtype, std::int64_t begin) {
  return {.w = {address(piece.buffer, piece.offset), piece.row_stride, element_of(dtype)},
          .scales = reinterpret_cast<const float*>(address(piece.scale_buffer, piece.scale_offset)),
          .scale_stride = piece.scale_stride,
          .scale_first_row = piece.first_row,
          .scale_first_col = piece.first_col,
          .begin = begin,
          .rows = piece.rows};
}

Status launch_stored(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const GroupedCall product = grouped(call);
  GroupedPortableArgs args{};
  args.x = const_matrix(call[kX]);
  args.offsets = product.offsets;
  args.experts = call[kWeight].desc.dim(0);
  args.expert_rows = call[kWeight].desc.dim(1);
  args.rows = product.rows();
  args.columns = product.columns();
  args.y = matrix(call[kY]);
  if (product.act_quant != ActQuant::kNone) {
    const StoredWorkspace parts = stored_workspace(call);
    const QuantizeDenseArgs quantize{.x = args.x,
                                     .rows = args.rows,
                                     .columns = args.columns,
                                     .values = workspace_part<std::uint16_t>(scratch, parts.values),
                                     .scales = workspace_part<float>(scratch, parts.scales),
                                     .pow2 = product.pow2()};
    TAMIS_RETURN_IF_ERROR(cuda_queue.launched(quantize_dense(quantize, cuda_queue.stream())));
    args.x = {quantize.values, product.groups() * 128, Element::kF16};
    args.x_scales = quantize.scales;
  }
  std::int64_t begin = 0;
  const auto pieces = call[kWeight].weight->pieces;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    args.pieces[args.n_pieces++] = stored_piece(pieces[i], call[kWeight].desc.dtype, begin);
    args.widest_piece = std::max(args.widest_piece, pieces[i].rows);
    begin += pieces[i].rows;
    if (args.n_pieces < kPiecesPerLaunch && i + 1 < pieces.size()) continue;
    TAMIS_RETURN_IF_ERROR(cuda_queue.launched(grouped_portable(args, cuda_queue.stream())));
    args.n_pieces = 0;
    args.widest_piece = 0;
  }
  return zero_rest(cuda_queue, call);
}

constexpr KernelRow kRows[] = {
    {.name = "cuda.moe_grouped_gemm.wgmma_sm90_fp8",
     .op = "moe_grouped_gemm",
     .families = "wgmma deep_gemm",
     .needs = {.arch_min = 90, .arch_max = 100},
     .numerics = {.accuracy = "e4m3_act", .invariance = Invariance::kBatch},
     .accepts = accepts<&accept_grouped_fp8>,
     .weight_layout = tiles_layout,
     .pack = pack_tiles,
     .workspace = workspace<&grouped_fp8_workspace>,
     .launch = launch<&launch_grouped_fp8>},
    {.name = "cuda.moe_grouped_gemm.mma_sm80",
     .op = "moe_grouped_gemm",
     .families = "mma",
     .needs = {.arch_min = 80},
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts<&accept_grouped_mma>,
     .weight_layout = tiles_layout,
     .pack = pack_tiles,
     .workspace = workspace<&grouped_mma_workspace>,
     .launch = launch<&launch_grouped_mma>},
    {.name = "cuda.moe_grouped_gemm.portable",
     .op = "moe_grouped_gemm",
     .families = "portable",
     .needs = {.arch_min = 80},
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts_stored,
     .workspace = stored_bytes,
     .launch = launch_stored},
};

}  // namespace

std::span<const KernelRow> rows_moe_grouped_gemm() { return kRows; }

}  // namespace tamis::cuda
