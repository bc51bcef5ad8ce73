// CPU row of kv_gather: per output row one cache row decoded and stored. Bytes: `total` cache rows read, as
// many output rows written; bound by memory.
#include "core/ops/kv_gather/kv_gather.h"

#include <algorithm>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/common/kv_rows.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"

namespace tamis::cpu {
namespace {

using namespace kv_gather_operand;

constexpr std::int64_t kGrain = 64;  // rows: each is about 0.2 us of work, a parallel region a few

Reason accepts(const DeviceInfo&, const OpCall&) { return accept(); }

// One row of floats per thread.
std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  const auto& params = call.as<KvGatherParams>();
  return 4 * device.units * static_cast<std::int64_t>(params.c + params.r);
}

// Walks (sequence, position) along the output rows.
class RowCursor {
 public:
  RowCursor(const Tensor& kv_len, std::int64_t row)
      : lengths_(data<std::int32_t>(kv_len)), sequences_(kv_len.desc.dim(0)), position_(row) {
    settle();
  }
  bool valid() const { return sequence_ < sequences_; }
  std::int64_t sequence() const { return sequence_; }
  std::int64_t position() const { return position_; }
  void advance() {
    ++position_;
    settle();
  }

 private:
  // Carries a position past the end of its sequence over to the following ones.
  void settle() {
    while (sequence_ < sequences_ && position_ >= std::max(0, lengths_[sequence_])) {
      position_ -= std::max(0, lengths_[sequence_++]);
    }
  }

  const std::int32_t* lengths_;
  std::int64_t sequences_;
  std::int64_t sequence_ = 0;
  std::int64_t position_;
};

Status compute(const OpCall& call, const Scratch& scratch) {
  const auto& params = call.as<KvGatherParams>();
  const KvLayout layout{params.format, params.c, params.r};
  const Tensor& cache = call[kCache];
  const PagedKeys keys{&call[kPageTable], params.page_size, cache.desc.dim(0)};
  auto* rows = reinterpret_cast<float*>(scratch.workspace->host() + scratch.workspace_offset);
  parallel_for(params.total, kGrain, [&](std::int64_t begin, std::int64_t end, int thread) {
    float* row = rows + thread * (layout.c + layout.r);
    RowCursor cursor(call[kKvLen], begin);
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t slot = cursor.valid() ? paged_slot(keys, cursor.sequence(), cursor.position()) : -1;
      if (slot >= 0) {
        load_kv_row(cache, layout, slot, row);
      } else {
        std::fill_n(row, layout.c + layout.r, 0.0f);
      }
      store_floats(params.out, row, layout.c, row_address(call[kLatent], i));
      store_floats(params.out, row + layout.c, layout.r, row_address(call[kKRope], i));
      if (cursor.valid()) cursor.advance();
    }
  });
  return {};
}

constexpr KernelRow kRows[] = {
    {.name = "cpu.kv_gather.portable",
     .op = "kv_gather",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .workspace = workspace,
     .launch = launch<&compute>},
};

}  // namespace

std::span<const KernelRow> rows_kv_gather() { return kRows; }

}  // namespace tamis::cpu
