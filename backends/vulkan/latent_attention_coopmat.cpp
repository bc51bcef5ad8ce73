#include "backends/vulkan/latent_attention_coopmat.h"

namespace tamis::vulkan {
namespace {

std::int64_t round_up(std::int64_t value, std::int64_t unit) { return (value + unit - 1) / unit * unit; }

// Bytes of shared memory: 32 rows of the cache, in lines of 16 bytes more than they have, or a tile of sums
// of each subgroup; scores of the heads, twice; factors of heads, bits of keys.
std::int64_t matrix_shared(std::int64_t dims) {
  const std::int64_t rows = 32 * (2 * round_up(dims, 16) + 16), staged = 8 * 16 * 80;
  return std::max(rows, staged) + 2 * 32 * 144 + 32 * 4 + 8 * 4;
}

Reason accept_bf16(const char* name, const Tensor& tensor) {
  const DType dtype = tensor.desc.dtype;
  return dtype == DType::kBF16 ? accept() : reason::dtype(name, dtype_name(dtype), "bf16");
}

Reason accept_types(const LatentOperands& in, KvFormat format) {
  Reason type = accept_bf16("q_latent", in.q_latent);
  if (type.accepted()) type = accept_bf16("q_rope", in.q_rope);
  if (type.accepted() && format == KvFormat::kPlain) type = accept_bf16("cache", in.cache);
  return type;
}

Reason accept_sizes(const DeviceInfo& device, const LatentOperands& in, KvFormat format) {
  const TensorDesc& q = in.q_latent.desc;
  const std::int64_t c = q.dim(2), r = in.q_rope.desc.dim(2), unit = format == KvFormat::kPlain ? 8 : 16;
  if (c % unit != 0 || c == 0 || c > 512)
    return reason::size("C", c, unit == 8 ? "multiples of 8 up to 512" : "multiples of 16 up to 512");
  if (r % 8 != 0 || r > 64) return reason::size("R", r, "multiples of 8 up to 64");
  if (Reason rows = accept_width("T x h", q.dim(0) * q.dim(1)); !rows.accepted()) return rows;
  return accept_shared(device, matrix_shared(c + r));
}

// Whether all rows of a tensor begin at multiples of `bytes`.
bool begins_at(const Tensor& tensor, std::int64_t bytes) {
  const auto size = static_cast<std::int64_t>(dtype_size(tensor.desc.dtype));
  bool at = tensor.offset % bytes == 0;
  for (int axis = 0; axis + 1 < tensor.desc.rank; ++axis)
    at = at && tensor.desc.stride(axis) * size % bytes == 0;
  return at;
}

// kPieces of the shader. A packed row's rotated part comes after its scales.
std::uint32_t pieces_of(const LatentOperands& in, KvFormat format, std::uint32_t c) {
  const bool rows = begins_at(in.cache, 16) && (format == KvFormat::kPlain || (c + 127) / 128 % 4 == 0);
  const bool queries = begins_at(in.q_latent, 16) && begins_at(in.q_rope, 16);
  return (rows ? 1u : 0u) | (queries ? 2u : 0u) | (begins_at(in.out, 16) ? 4u : 0u);
}

}  // namespace

std::int64_t matrix_groups(const TensorDesc& q) {
  return q.dim(0) * ((q.dim(1) + kMatrixHeads - 1) / kMatrixHeads);
}

std::int64_t matrix_parts(const TensorDesc& q, std::int64_t keys) {
  const std::int64_t wanted = kMatrixGroups / std::max<std::int64_t>(1, matrix_groups(q));
  return std::clamp<std::int64_t>(std::min(wanted, keys / kMatrixPartKeys), 1, kMostParts);
}

Reason accept_latent_matrices(const DeviceInfo& device, const LatentOperands& in, KvFormat format,
                              std::string_view shader) {
  if (!has_shader(shader)) return reject("this build's shader compiler knows no cooperative matrices");
  if (Reason types = accept_types(in, format); !types.accepted()) return types;
  if (Reason sizes = accept_sizes(device, in, format); !sizes.accepted()) return sizes;
  if (begins_at(in.cache, 4)) return accept();
  return reject("the cache has rows that do not begin at multiples of 4 bytes");
}

Status dispatch_latent_matrices(VulkanQueue& recorder, std::string_view shader, const LatentOperands& in,
                                KvFormat format, const LatentAttention& args) {
  const TensorDesc& q = in.q_latent.desc;
  const Kernel kernel{shader,
                      {format == KvFormat::kPackedFp8 ? 1u : 0u, args.cache.c, args.cache.r,
                       pieces_of(in, format, args.cache.c), type_of(in.out)},
                      32};
  TAMIS_RETURN_IF_ERROR(recorder.dispatch(kernel, args, matrix_groups(q) * args.parts));
  return args.parts > 1 ? merge_latent_parts(recorder, in, args) : Status{};
}

}  // namespace tamis::vulkan
