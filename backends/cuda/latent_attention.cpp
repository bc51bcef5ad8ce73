#include "backends/cuda/latent_attention.h"

#include <algorithm>

#include "core/base/ceil_div.h"

namespace tamis::cuda {
namespace {

// Launches of fixed parts, and of slots to be listed, take as many tokens as fit these: 134 MB of partial
// sums are 64 tokens of 128 heads and 2048 keys, 134 MB of slots 8192 tokens of 4096 keys.
constexpr std::int64_t kFixedTokens = 64;
constexpr std::int64_t kFixedBytes = kFixedTokens * 8 * 128 * (kSparseMlaC + 2) * 4;
constexpr std::int64_t kSlotBytes = std::int64_t{1} << 27;
constexpr std::int64_t kMaxSplits = 64;
// Parts are numbered in 16 bits, positions of a token in 32.
constexpr std::int64_t kMaxKeys = std::int64_t{1} << 24;

// What one launch covers.
struct Size {
  std::int64_t tokens, heads, keys;
};

std::int64_t tiles_of(const Size& size, const SparseMlaTile& tile) {
  return std::max<std::int64_t>(ceil_div(size.keys, tile.keys), 1);
}

// The number of parts that finishes first, if a block takes a tile's time to start and end, and a merge that
// of two tiles, a third from 64 parts on.
std::int64_t fill_splits(const DeviceInfo& device, const Size& size, const SparseMlaTile& tile) {
  const std::int64_t blocks = size.tokens * ceil_div(size.heads, tile.heads);
  const std::int64_t fit = std::max<std::int64_t>(device.local_memory_bytes / tile.shared_bytes, 1);
  const std::int64_t at_once = device.units * std::min<std::int64_t>(tile.blocks_per_unit, fit);
  const std::int64_t tiles = tiles_of(size, tile);
  std::int64_t best = 1, best_cost = 0;
  for (std::int64_t wanted = 1; wanted <= std::min<std::int64_t>(tiles, kMaxSplits); ++wanted) {
    const std::int64_t each = ceil_div(tiles, wanted), splits = ceil_div(tiles, each);
    const std::int64_t cost =
        ceil_div(blocks * splits, at_once) * (each + 1) + (splits > 1 ? 2 + splits / 64 : 0);
    if (wanted > 1 && cost >= best_cost) continue;
    best = splits;
    best_cost = cost;
  }
  return best;
}

std::int64_t fixed_splits(const Size& size, std::int64_t keys) {
  return std::max<std::int64_t>(ceil_div(size.keys, keys), 1);
}

// A launch's size: all tokens, but for the limits above.
Size launch_size(const LatentRow& row, const LatentCall& call) {
  Size size{call.tokens(), call.heads(), call.keys};
  const auto limit = [&](std::int64_t tokens) {
    size.tokens = std::min(size.tokens, std::max<std::int64_t>(tokens, 1));
  };
  if (row.op.make_slots != nullptr) limit(kSlotBytes / (4 * (size.keys + 1)));
  if (row.splits == Splits::kFixed) {
    const std::int64_t splits = fixed_splits(size, row.op.fixed_keys);
    const std::int64_t token = sparse_mla_partial_bytes(1, size.heads, splits);
    if (token > 0) limit(std::min(kFixedTokens, kFixedBytes / token));
  }
  return size;
}

// Slots, then lengths; what follows is aligned for the partial sums.
std::int64_t slot_bytes(const LatentOp& op, const Size& size) {
  return op.make_slots == nullptr ? 0 : ceil_div(size.tokens * (size.keys + 1) * 4, 256) * 256;
}

struct SplitPlan {
  std::int64_t splits;
  std::int64_t keys;
};

// At the launch the device is not known, but the workspace, which is planned for the number of parts.
SplitPlan split_plan(const LatentRow& row, const Size& size, std::int64_t partial_bytes) {
  if (row.splits == Splits::kFixed) return {fixed_splits(size, row.op.fixed_keys), row.op.fixed_keys};
  const std::int64_t one = size.tokens * size.heads * (kSparseMlaC + 2) * 4;
  const std::int64_t splits = std::max<std::int64_t>(one > 0 ? partial_bytes / one : 1, 1);
  return {splits, ceil_div(tiles_of(size, row.kernel.tile), splits) * row.kernel.tile.keys};
}

const char* format_name(KvFormat format) { return format == KvFormat::kPackedFp8 ? "packed FP8" : "plain"; }

Reason takes_16_bytes(const char* operand, const TensorDesc& desc) {
  const auto size = static_cast<std::int64_t>(dtype_size(desc.dtype));
  for (int i = 0; i + 1 < desc.rank; ++i) {
    if (desc.stride(i) * size % 16 != 0) {
      return reject("{} has rows {} bytes apart, the row takes multiples of 16", operand,
                    desc.stride(i) * size);
    }
  }
  return accept();
}

// Whether every row of a query begins at a multiple of 16 bytes; it may be columns of a wider tensor.
bool aligned(const std::byte* first, const TensorDesc& desc) {
  const auto size = static_cast<std::int64_t>(dtype_size(desc.dtype));
  return reinterpret_cast<std::uintptr_t>(first) % 16 == 0 && desc.stride(0) * size % 16 == 0 &&
         desc.stride(1) * size % 16 == 0;
}

SparseMlaArgs args_of(const LatentCall& call, std::int64_t first, std::int64_t tokens) {
  // Token `first` of an operand, or null.
  const auto at = [&](const Tensor& t) -> std::byte* {
    if (!t.present()) return nullptr;
    return address(t) + first * t.desc.stride(0) * static_cast<std::int64_t>(dtype_size(t.desc.dtype));
  };
  const auto stride = [](const Tensor& t, int dim) { return t.present() ? t.desc.stride(dim) : 0; };
  const TensorDesc& cache = call.cache.desc;
  return {.q_latent = at(call.q_latent),
          .q_latent_token = stride(call.q_latent, 0),
          .q_latent_head = stride(call.q_latent, 1),
          .q_rope = at(call.q_rope),
          .q_rope_token = stride(call.q_rope, 0),
          .q_rope_head = stride(call.q_rope, 1),
          .q_aligned =
              aligned(at(call.q_latent), call.q_latent.desc) && aligned(at(call.q_rope), call.q_rope.desc),
          .cache = address(call.cache),
          .cache_row_bytes = cache.stride(0) * static_cast<std::int64_t>(dtype_size(cache.dtype)),
          .cache_rows = cache.dim(0),
          .slots = reinterpret_cast<const std::int32_t*>(at(call.slots)),
          .slots_token = stride(call.slots, 0),
          .length = reinterpret_cast<const std::int32_t*>(at(call.length)),
          .length_token = stride(call.length, 0),
          .sink = pointer<const float>(call.sink),
          .out = at(call.out),
          .out_token = stride(call.out, 0),
          .out_head = stride(call.out, 1),
          .lse = reinterpret_cast<float*>(at(call.lse)),
          .lse_token = stride(call.lse, 0),
          .max_logits = reinterpret_cast<float*>(at(call.max_logits)),
          .max_token = stride(call.max_logits, 0),
          .partial = nullptr,
          .splits = 1,
          .keys_per_split = 0,
          .tokens = tokens,
          .heads = static_cast<int>(call.heads()),
          .k = static_cast<int>(call.keys),
          .scale = call.scale};
}

}  // namespace

Reason accepts_latent(const DeviceInfo& device, const LatentCall& call, KvFormat format,
                      const SparseMlaTile& tile) {
  if (device.local_memory_bytes < tile.shared_bytes) {
    return reject("a block has {} bytes of shared memory, the row takes {}", device.local_memory_bytes,
                  tile.shared_bytes);
  }
  if (call.format != format) {
    return reject("the cache is {}, the row takes {}", format_name(call.format), format_name(format));
  }
  if (call.c != kSparseMlaC) return reason::size("C", call.c, "512");
  if (call.r != kSparseMlaR) return reason::size("R", call.r, "64");
  if (call.keys > kMaxKeys) return reason::size("keys of a token", call.keys, "at most 16777216");
  const DType q = call.q_latent.desc.dtype, rope = call.q_rope.desc.dtype, out = call.out.desc.dtype;
  if (q != DType::kBF16) return reason::dtype("q_latent", dtype_name(q), "bf16");
  if (rope != DType::kBF16) return reason::dtype("q_rope", dtype_name(rope), "bf16");
  if (out != DType::kBF16) return reason::dtype("out", dtype_name(out), "bf16");
  const TensorDesc& cache = call.cache.desc;
  if (format == KvFormat::kPlain && cache.dtype != DType::kBF16) {
    return reason::dtype("cache", dtype_name(cache.dtype), "bf16");
  }
  if (Reason rows = takes_16_bytes("cache", cache); !rows.accepted()) return rows;
  return takes_16_bytes("out", call.out.desc);
}

// A block of 64 heads takes about the time of one and a half of 16, so it pays from 17 heads on, where there
// is room for it: Ada and consumer Blackwell have 99 KB a block.
Reason prefers_narrow(const DeviceInfo& device, const LatentCall& call, const SparseMlaTile& wide) {
  if (call.heads() <= 16 || device.local_memory_bytes < wide.shared_bytes) return accept();
  return reason::slower("more than 16 heads");
}

std::int64_t latent_workspace(const LatentRow& row, const DeviceInfo& device, const OpCall& call) {
  const Size size = launch_size(row, row.op.call(call));
  const std::int64_t splits = row.splits == Splits::kFixed ? fixed_splits(size, row.op.fixed_keys)
                                                           : fill_splits(device, size, row.kernel.tile);
  return slot_bytes(row.op, size) + sparse_mla_partial_bytes(size.tokens, size.heads, splits);
}

Status launch_latent(const LatentRow& row, Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const LatentCall operands = row.op.call(call);
  const Size size = launch_size(row, operands);
  const std::int64_t before = slot_bytes(row.op, size), tokens = operands.tokens();
  const SplitPlan plan = split_plan(row, size, scratch.workspace_bytes - before);
  auto* slots = reinterpret_cast<std::int32_t*>(address(scratch.workspace, scratch.workspace_offset));
  for (std::int64_t first = 0; first < tokens; first += size.tokens) {
    SparseMlaArgs args = args_of(operands, first, std::min(size.tokens, tokens - first));
    if (row.op.make_slots != nullptr) {
      const SlotRoom room{first, args.tokens, slots, slots + size.tokens * size.keys};
      TAMIS_RETURN_IF_ERROR(cuda_queue.launched(row.op.make_slots(call, room, cuda_queue.stream())));
      args.slots = room.slots;
      args.slots_token = size.keys;
      args.length = room.length;
      args.length_token = 1;
    }
    args.partial = reinterpret_cast<float*>(address(scratch.workspace, scratch.workspace_offset + before));
    args.splits = static_cast<int>(plan.splits);
    args.keys_per_split = static_cast<int>(plan.keys);
    TAMIS_RETURN_IF_ERROR(cuda_queue.launched(row.kernel.launch(args, cuda_queue.stream())));
    if (plan.splits == 1) continue;
    TAMIS_RETURN_IF_ERROR(cuda_queue.launched(sparse_mla_merge(args, cuda_queue.stream())));
  }
  return {};
}

}  // namespace tamis::cuda
