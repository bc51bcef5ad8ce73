#include "backends/vulkan/latent_attention.h"

namespace tamis::vulkan {
namespace {

// Whether rows of the cache can be read in words of four bytes.
std::uint32_t reads_words(const Tensor& cache, KvFormat format, std::int32_t c) {
  if (format == KvFormat::kPackedFp8) return kv_aligned(cache, c);
  const auto size = static_cast<std::int64_t>(dtype_size(cache.desc.dtype));
  return cache.desc.stride(0) * size % 4 == 0 && cache.offset % 4 == 0 ? 1 : 0;
}

}  // namespace

Reason accept_latent(const DeviceInfo& device, const LatentOperands& in) {
  const TensorDesc& q = in.q_latent.desc;
  Reason bad = accept_shared(device, kAttentionShared);
  if (bad.accepted()) bad = accept_width("T x h", q.dim(0) * q.dim(1));
  return bad.accepted() ? accept_width("C + R", q.dim(2) + in.q_rope.desc.dim(2)) : bad;
}

LatentAttention latent_attention(const LatentOperands& in, const KvCacheArguments& cache, float scale) {
  LatentAttention args;
  args.q_latent = vectors_of(in.q_latent);
  args.q_rope = vectors_of(in.q_rope);
  args.out = vectors_of(in.out);
  args.cache = cache;
  args.lse = address(in.lse);
  args.tokens = dim(in.q_latent, 0);
  args.heads = dim(in.q_latent, 1);
  args.scale = scale;
  return args;
}

void use_parts(const Scratch& scratch, const TensorDesc& q, LatentAttention& args) {
  const std::int64_t part_bytes = latent_part_bytes(q);
  const std::int64_t parts =
      part_bytes == 0 ? 1 : std::max<std::int64_t>(1, scratch.workspace_bytes / part_bytes);
  args.parts = static_cast<std::uint32_t>(parts);
  if (parts == 1) return;
  args.part_values = address(scratch.workspace, scratch.workspace_offset);
  args.part_states =
      args.part_values + static_cast<std::uint64_t>(4 * q.dim(0) * q.dim(1) * parts * q.dim(2));
}

Status merge_latent_parts(VulkanQueue& recorder, const LatentOperands& in, const LatentAttention& args) {
  const std::int64_t rows = std::int64_t{args.tokens} * args.heads;
  const MergeParts merge{args.out,
                         args.part_values,
                         args.part_states,
                         args.sink,
                         args.lse,
                         args.max_logits,
                         static_cast<std::uint32_t>(rows),
                         args.heads,
                         args.cache.c,
                         args.parts};
  recorder.barrier();
  return recorder.dispatch({"sparse_mla/merge_parts", {type_of(in.out)}}, merge, rows);
}

Status dispatch_latent(VulkanQueue& recorder, std::string_view shader, const LatentOperands& in,
                       KvFormat format, const LatentAttention& args) {
  const TensorDesc& q = in.q_latent.desc;
  const Kernel kernel{
      shader,
      {attention_rows(q.dim(1)), attention_width(q.dim(2)), type_of(in.q_latent), type_of(in.q_rope),
       kv_type(in.cache, format), reads_words(in.cache, format, static_cast<std::int32_t>(args.cache.c)),
       type_of(in.out)}};
  const std::int64_t groups = latent_groups(q) * args.parts * attention_column_blocks(q.dim(2));
  TAMIS_RETURN_IF_ERROR(recorder.dispatch(kernel, args, groups));
  return args.parts > 1 ? merge_latent_parts(recorder, in, args) : Status{};
}

}  // namespace tamis::vulkan
