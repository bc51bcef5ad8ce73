// What the rows of products with weights share: the forms of a weight, and activations rounded to e4m3.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "backends/gpu/planes.h"
#include "core/backend/row_scales_layout.h"
#include "core/ops/ops.h"
#include "kernels_gpu/common/product.h"

namespace tamis::gpu {

inline Reason accept_activations(const char* operand, const Tensor& tensor) {
  return is_activation(tensor.desc.dtype)
             ? accept()
             : reason::dtype(operand, dtype_name(tensor.desc.dtype), "f32, bf16, f16");
}

inline Reason accept_stored(const Tensor& weight) {
  return weight.weight == nullptr || weight.weight->stored() ? accept()
                                                             : reason::weight_layout(weight.weight->layout);
}

inline WeightRows piece_rows(const WeightPiece& piece, DType dtype) {
  static_assert(kWeightBlock == 128, "a scale per 2^7 rows");
  WeightRows rows;
  rows.rows = {address_of(piece.buffer, piece.offset), piece.row_stride, element_of(dtype)};
  rows.count = piece.rows;
  if (piece.scale_buffer == nullptr) return rows;
  rows.scales = reinterpret_cast<const float*>(address_of(piece.scale_buffer, piece.scale_offset));
  rows.scale_stride = piece.scale_stride;
  rows.rows_per_scale_log2 = 7;
  rows.first_row = piece.first_row;
  rows.first_col = piece.first_col;
  return rows;
}

// Of a weight in the layout row_scales.
inline WeightRows packed_rows(const Weight& weight) {
  const RowScalesShape shape = row_scales_shape(weight.desc);
  std::byte* codes = address_of(weight.packed, weight.packed_offset);
  WeightRows rows;
  rows.rows = {codes, shape.row_bytes, Element::kE4M3};
  rows.count = shape.rows;
  rows.scales = reinterpret_cast<const float*>(codes + shape.scales_offset());
  rows.scale_stride = shape.groups;
  return rows;
}

// Rows [first, first + count) of a piece.
inline WeightRows rows_of_piece(const WeightPiece& piece, DType dtype, std::int64_t first,
                                std::int64_t count) {
  WeightPiece part = piece;
  part.offset += first * piece.row_stride * static_cast<std::int64_t>(dtype_size(dtype));
  part.first_row += first;
  part.rows = count;
  return piece_rows(part, dtype);
}

// A stored weight [groups, rows, cols] cut where pieces and groups end.
inline std::vector<WeightPart> weight_parts(const Weight& weight) {
  const std::int64_t rows = weight.desc.dim(1);
  std::vector<WeightPart> parts;
  std::int64_t row = 0;
  for (const WeightPiece& piece : weight.pieces) {
    for (std::int64_t first = 0; first < piece.rows;) {
      const std::int64_t count = std::min(piece.rows - first, rows - row % rows);
      parts.push_back({rows_of_piece(piece, weight.desc.dtype, first, count), row / rows, row % rows});
      first += count;
      row += count;
    }
  }
  return parts;
}

// A weight [groups, rows, cols] launch by launch. The parts of a group stay together if they are at most
// kMaxParts.
inline std::vector<WeightParts> weight_launches(const Weight& weight) {
  WeightParts launch;
  launch.rows_per_group = weight.desc.dim(1);
  if (!weight.stored() || weight.pieces.size() == 1) {
    launch.whole = true;
    launch.rows = weight.stored() ? piece_rows(weight.pieces[0], weight.desc.dtype) : packed_rows(weight);
    launch.count = static_cast<int>(weight.desc.dim(0));
    return {launch};
  }
  const std::vector<WeightPart> parts = weight_parts(weight);
  std::vector<WeightParts> launches;
  for (std::size_t begin = 0, end = 0; begin < parts.size(); begin = end) {
    end = std::min(begin + kMaxParts, parts.size());
    std::size_t cut = end;  // where the group that goes on behind `end` begins
    while (end < parts.size() && cut > begin && parts[cut - 1].group == parts[end].group) --cut;
    if (cut > begin) end = cut;
    launch.count = static_cast<int>(end - begin);
    std::copy_n(parts.data() + begin, end - begin, launch.list);
    launches.push_back(launch);
  }
  return launches;
}

// Workspace of act_quant: codes [rows, K], then scales f32 [rows, groups]; no bytes without.
struct Quantized {
  std::int64_t rows = 0;
  std::int64_t k = 0;
  std::int64_t groups = 0;
  std::int64_t scales_offset = 0;
  std::int64_t bytes = 0;
  bool fnuz = false;  // of Quantize, as is `used`
  const std::int32_t* used = nullptr;
};

inline Quantized quantized_shape(ActQuant mode, std::int64_t rows, std::int64_t k) {
  if (mode == ActQuant::kNone) return {};
  constexpr std::int64_t kScaleAlignment = 16;
  Quantized shape{.rows = rows, .k = k};
  shape.groups = (k + kQuantGroup - 1) / kQuantGroup;
  shape.scales_offset = (rows * k + kScaleAlignment - 1) / kScaleAlignment * kScaleAlignment;
  shape.bytes = shape.scales_offset + 4 * rows * shape.groups;
  return shape;
}

// Rounds the rows of x into `workspace`.
inline Result<Activations> quantize(GpuQueue& queue, const char* op, ActQuant mode, const Planes& x,
                                    const Quantized& shape, std::byte* workspace) {
  Quantize args;
  args.x = x;
  args.out.rows = {workspace, shape.k, Element::kE4M3};
  args.out.scales = reinterpret_cast<const float*>(workspace + shape.scales_offset);
  args.out.groups = shape.groups;
  args.rows = shape.rows;
  args.k = shape.k;
  args.pow2 = mode == ActQuant::kE4M3Group128Pow2;
  args.fnuz = shape.fnuz;
  args.used = shape.used;
  TAMIS_RETURN_IF_ERROR(queue.submit(op, launch_quantize, args));
  return args.out;
}

// What a product's rows are made of. Launches differ by the weights' form and by kernel.
struct ProductRows {
  const char* op;
  const char* names[4];  // in the order of product_rows()
  decltype(KernelRow::accepts) accepts_packed, accepts_stored;
  decltype(KernelRow::prefers) prefers_decode;
  decltype(KernelRow::workspace) workspace;
  decltype(KernelRow::launch) launch_packed_decode, launch_packed, launch_stored_decode, launch_stored;
};

// On AMD, the names that the policy asks of linear and moe_experts: the rows on matrix instructions have them
// for more rows.
inline constexpr const char* kPackedFamilies =
    std::string_view(TAMIS_GPU_ROOM) == "hip" ? "packed aiter triton" : "packed";

// Packed FP8 weights first, and of each form the kernel for few tokens first. Only the others are
// batch-invariant: whether a kernel for few tokens runs depends on the batch, and its sums have another
// order.
constexpr std::array<KernelRow, 4> product_rows(const ProductRows& p) {
  KernelRow packed{.name = p.names[1], .op = p.op, .families = kPackedFamilies};
  packed.numerics.invariance = Invariance::kBatch;
  packed.accepts = p.accepts_packed;
  packed.weight_layout = row_scales_layout;
  packed.pack = pack_row_scales;
  packed.workspace = p.workspace;
  packed.launch = p.launch_packed;
  KernelRow stored{.name = p.names[3], .op = p.op, .families = "portable"};
  stored.numerics.invariance = Invariance::kBatch;
  stored.accepts = p.accepts_stored;
  stored.workspace = p.workspace;
  stored.launch = p.launch_stored;
  const auto decode = [&](KernelRow row, const char* name, decltype(KernelRow::launch) launch) {
    row.name = name;
    row.numerics.invariance = Invariance::kRun;
    row.prefers = p.prefers_decode;
    row.launch = launch;
    return row;
  };
  return {decode(packed, p.names[0], p.launch_packed_decode), packed,
          decode(stored, p.names[2], p.launch_stored_decode), stored};
}

}  // namespace tamis::gpu
