// What the rows of products with weights share: a weight's pieces as shaders/common/weight_rows.glsl reads
// them, and activations rounded to e4m3.
#pragma once

#include <array>
#include <vector>

#include "backends/vulkan/sheet.h"
#include "core/backend/row_scales_layout.h"
#include "core/ops/ops.h"

namespace tamis::vulkan {

// As in weight_rows.glsl.
struct ShaderWeightPiece {
  std::uint64_t data = 0, scales = 0, row_bytes = 0;
  std::uint32_t first = 0, scale_stride = 0, first_row = 0, first_col = 0;
};
struct ShaderWeight {
  ShaderWeightPiece only;
  std::uint64_t pieces = 0;  // 0: `only`
};

// A weight with what else its shaders need to know of it.
struct WeightOperand {
  ShaderWeight weight;
  std::uint32_t piece_count = 1;
  std::uint32_t type = 0;
  std::uint32_t packed = 0;
};

inline Reason accept_stored(const char* name, const Tensor& weight) {
  if (weight.weight != nullptr && !weight.weight->stored())
    return reason::weight_layout(weight.weight->layout);
  return accept_sheet(name, weight);
}

inline Reason accept_packed(const char* name, const Tensor& weight) {
  Reason bad = accept_row_scales(weight);
  return bad.accepted() ? accept_sheet(name, weight) : bad;
}

// Of a weight as stored or in the layout row_scales. A list of pieces goes to memory that the recorded work
// owns; call it after begin_launch.
Result<WeightOperand> weight_operand(VulkanQueue& recorder, const Tensor& tensor);

// Activations as stored, or codes and scales in the form row_scales.
struct Activations {
  std::uint64_t data = 0, scales = 0, stride = 0;  // bytes from row to row
  std::uint32_t groups = 0;                        // scales from row to row
  std::uint32_t type = 0;
};

// Rows of `width` elements, `heads` to a token.
struct ActivationRows {
  std::uint64_t data = 0, stride = 0, head_stride = 0;  // bytes
  std::int64_t tokens = 0, heads = 1, width = 0;
  std::uint32_t type = 0;
};

// How rounded activations stand in memory: as codes, or as f16 (shaders/common/rounded_group.glsl).
enum class Rounded : std::uint8_t { kCodes, kHalves };

// Of codes and scales; 0 without act_quant.
std::int64_t quantized_bytes(ActQuant mode, std::int64_t rows, std::int64_t width, Rounded form);

struct Rounding {
  ActQuant mode = ActQuant::kNone;
  Rounded form = Rounded::kCodes;
};
// Constants of shaders/common/rounded_group.glsl behind the type.
inline std::array<std::uint32_t, kMaxConstants> rounding_constants(const Rounding& rounding,
                                                                   std::uint32_t type) {
  return {type, rounding.mode == ActQuant::kE4M3Group128Pow2 ? 1u : 0u,
          rounding.form == Rounded::kHalves ? 1u : 0u};
}

// Codes and scales of `rows` rows in `memory`, to be written.
Activations rounded_rows(Rounded form, std::int64_t rows, std::int64_t width, std::uint64_t memory);
// Rounds the rows of x into `memory`. A barrier() must follow before they are read.
Result<Activations> quantize(VulkanQueue& recorder, const Rounding& rounding, const ActivationRows& x,
                             std::uint64_t memory);

// shaders/common/packed_rows.glsl: tokens at once, and threads that share a row. Rows of few columns are
// shared by few, so that each has several loads to do.
inline constexpr std::int64_t kDecodeTokens = 8;
inline std::uint32_t decode_lanes(std::int64_t width) { return width >= 4096 ? 64 : width >= 2048 ? 32 : 16; }
// Rows of the weight of a work group.
inline std::int64_t decode_outputs(std::int64_t width) { return 4 * (64 / decode_lanes(width)); }
// It computes with f16.
inline constexpr Features kNeedsDecode = {.all_of = kBufferAddress | kShaderF16};

// Tokens of a tile of shaders/common/product_tile.glsl and its outputs. On lavapipe a prompt of 837 tokens
// of tiny-v32 takes 12.6 s of CPU time with tiles of 64, and 15.3 s if they stop at 32.
inline constexpr std::int64_t kTileOutputs = 32;
inline std::int64_t tile_tokens(std::int64_t tokens) { return tokens <= 8 ? 8 : tokens <= 32 ? 32 : 64; }

inline std::int64_t tiles_of(std::int64_t count, std::int64_t tile) { return (count + tile - 1) / tile; }

// What a product's rows are made of. Launches differ by the weights' form and by kernel.
struct ProductRows {
  const char* op;
  const char* names[3];  // in the order of product_rows()
  decltype(KernelRow::accepts) accepts_packed_decode, accepts_packed, accepts_stored;
  decltype(KernelRow::prefers) prefers_decode;
  decltype(KernelRow::workspace) workspace_decode, workspace;
  decltype(KernelRow::launch) launch_packed_decode, launch_packed, launch_stored;
};

// Packed FP8 weights first, and of them the kernel for few tokens first. Only that one is not
// batch-invariant: whether it runs depends on the batch, and its sums have another order.
constexpr std::array<KernelRow, 3> product_rows(const ProductRows& p) {
  KernelRow stored{.name = p.names[2], .op = p.op, .families = "portable", .needs = kNeeds};
  stored.numerics.invariance = Invariance::kBatch;
  stored.accepts = p.accepts_stored;
  stored.workspace = p.workspace;
  stored.launch = p.launch_stored;
  KernelRow packed = stored;
  packed.name = p.names[1];
  packed.families = "packed";
  packed.accepts = p.accepts_packed;
  packed.weight_layout = row_scales_layout;
  packed.pack = pack_row_scales;
  packed.launch = p.launch_packed;
  KernelRow decode = packed;
  decode.name = p.names[0];
  decode.needs = kNeedsDecode;
  decode.numerics.invariance = Invariance::kRun;
  decode.accepts = p.accepts_packed_decode;
  decode.prefers = p.prefers_decode;
  decode.workspace = p.workspace_decode;
  decode.launch = p.launch_packed_decode;
  return {decode, packed, stored};
}

}  // namespace tamis::vulkan
