// The backend "planted": the CPU's portable rows, each once as it is (the twin) and once with a mistake that
// kernels have had. Parity must name every one of them, and pass the twins.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <numeric>
#include <string>
#include <string_view>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/queue.h"
#include "core/backend/registry.h"
#include "core/numeric/sortable_key.h"
#include "core/ops/index_to_slot/index_to_slot.h"
#include "core/ops/indexer_prepare/indexer_prepare.h"
#include "core/ops/indexer_scores/indexer_scores.h"
#include "core/ops/indexer_topk/indexer_topk.h"
#include "core/ops/moe_route/moe_route.h"
#include "core/ops/rms_norm/rms_norm.h"
#include "core/ops/topk_select/topk_select.h"
#include "tamis_abi_hash.h"
#include "tests/plugins/renamed_device.h"

namespace tamis::planted {
namespace {

using cpu::data;
using cpu::row_address;

std::shared_ptr<Device> cpu_device() {
  static const std::shared_ptr<Device> device = create_cpu_backend()->enumerate().devices[0];
  return device;
}

const KernelRow* portable_row(const char* op) {
  for (const KernelRow& row : create_cpu_backend()->rows(op)) {
    if (std::string_view(row.name).ends_with(".portable")) return &row;
  }
  return nullptr;
}

Status twin(const OpCall& call, const Scratch& scratch) {
  cpu::CpuQueue queue;
  return portable_row(call.op->name)->launch(queue, call, scratch);
}

// A copy of an operand's memory, which takes its place.
Result<std::shared_ptr<Buffer>> copy_operand(Tensor& tensor) {
  TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> copy, cpu_device()->alloc(tensor.desc.span_bytes()));
  std::memcpy(copy->host(), tensor.buffer->host() + tensor.offset,
              static_cast<std::size_t>(tensor.desc.span_bytes()));
  tensor.buffer = copy.get();
  tensor.offset = 0;
  return copy;
}

std::vector<Tensor> operands_of(const OpCall& call) { return {call.operands.begin(), call.operands.end()}; }

Status interleaved_rope(const OpCall& call, const Scratch& scratch) {
  auto params = call.as<IndexerPrepareParams>();
  params.pairing = RopePairing::kInterleaved;
  return twin({call.op, &params, call.operands}, scratch);
}

// relu(d) - relu(-d) = d: the scores of -q taken from those of q.
Status missing_relu(const OpCall& call, const Scratch& scratch) {
  using namespace indexer_scores_operand;
  TAMIS_RETURN_IF_ERROR(twin(call, scratch));
  std::vector<Tensor> operands = operands_of(call);
  TAMIS_ASSIGN_OR_RETURN(const std::shared_ptr<Buffer> q, copy_operand(operands[kQ]));
  TAMIS_ASSIGN_OR_RETURN(const std::shared_ptr<Buffer> scores, copy_operand(operands[kScores]));
  const auto size = static_cast<std::int64_t>(dtype_size(call[kQ].desc.dtype));
  for (std::int64_t i = size - 1; i < q->bytes(); i += size) q->host()[i] ^= std::byte{0x80};  // the sign
  TAMIS_RETURN_IF_ERROR(twin({call.op, call.params, operands}, scratch));
  for (std::int64_t t = 0; t < call[kScores].desc.dim(0); ++t) {
    auto* row = reinterpret_cast<float*>(row_address(call[kScores], t));
    const auto* other = reinterpret_cast<const float*>(row_address(operands[kScores], t));
    for (std::int64_t s = 0; s < call[kScores].desc.dim(1); ++s) {
      if (std::isfinite(row[s])) row[s] -= other[s];
    }
  }
  return {};
}

Status bias_in_weights(const OpCall& call, const Scratch& scratch) {
  using namespace moe_route_operand;
  TAMIS_RETURN_IF_ERROR(twin(call, scratch));
  if (!call[kBias].present()) return {};
  const auto& params = call.as<MoeRouteParams>();
  for (std::int64_t t = 0; t < call[kIds].desc.dim(0); ++t) {
    const auto* ids = reinterpret_cast<const std::int32_t*>(row_address(call[kIds], t));
    const auto* logits = reinterpret_cast<const float*>(row_address(call[kLogits], t));
    auto* weights = reinterpret_cast<float*>(row_address(call[kWeights], t));
    float sum = 1e-20f;
    for (std::int64_t j = 0; j < params.topk && ids[j] >= 0; ++j) {
      weights[j] = 1 / (1 + std::exp(-logits[ids[j]])) + data<float>(call[kBias])[ids[j]];
      sum += weights[j];
    }
    for (std::int64_t j = 0; j < params.topk && ids[j] >= 0; ++j)
      weights[j] *= params.norm_topk ? params.scale / sum : params.scale;
  }
  return {};
}

Status one_key_too_many(const OpCall& call, const Scratch& scratch) {
  std::vector<Tensor> operands = operands_of(call);
  Tensor& ke = operands[indexer_topk_operand::kKe];
  TAMIS_ASSIGN_OR_RETURN(const std::shared_ptr<Buffer> copy, copy_operand(ke));
  for (std::int64_t t = 0; t < ke.desc.dim(0); ++t) {
    auto& last = reinterpret_cast<std::int32_t*>(copy->host())[t];
    if (last > 0 && last < 0x7fffffff) ++last;
  }
  return twin({call.op, call.params, operands}, scratch);
}

// Rows of topk_select as they are seen: [first, last), cut to the row.
struct Visible {
  std::int64_t first, last;

  Visible(const OpCall& call, std::int64_t t) {
    using namespace topk_select_operand;
    const std::int64_t width = call[kScores].desc.dim(1);
    const std::int64_t begin = call[kKs].present() ? data<std::int32_t>(call[kKs])[t] : 0;
    first = std::clamp<std::int64_t>(begin, 0, width);
    last = std::clamp<std::int64_t>(data<std::int32_t>(call[kKe])[t], first, width);
  }
};

Status ties_to_the_last(const OpCall& call, const Scratch&) {
  using namespace topk_select_operand;
  const std::int64_t k = call.as<TopkSelectParams>().k;
  for (std::int64_t t = 0; t < call[kScores].desc.dim(0); ++t) {
    const Visible row(call, t);
    const auto* scores = reinterpret_cast<const float*>(row_address(call[kScores], t)) + row.first;
    std::vector<std::int32_t> order(static_cast<std::size_t>(row.last - row.first));
    std::iota(order.rbegin(), order.rend(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return numeric::sortable_key(scores[a]) > numeric::sortable_key(scores[b]);
    });
    const std::int64_t count = std::min(k, row.last - row.first);
    auto* idx = reinterpret_cast<std::int32_t*>(row_address(call[kIdx], t));
    std::copy_n(order.begin(), count, idx);
    std::sort(idx, idx + count);
    std::fill(idx + count, idx + k, -1);
    data<std::int32_t>(call[kCount])[t] = static_cast<std::int32_t>(count);
  }
  return {};
}

// Where fewer than k are visible, the columns behind them, whose scores a mask has set to -inf, fill up.
Status masked_keys_fill_up(const OpCall& call, const Scratch& scratch) {
  using namespace topk_select_operand;
  TAMIS_RETURN_IF_ERROR(twin(call, scratch));
  const std::int64_t k = call.as<TopkSelectParams>().k;
  for (std::int64_t t = 0; t < call[kScores].desc.dim(0); ++t) {
    auto* idx = reinterpret_cast<std::int32_t*>(row_address(call[kIdx], t));
    std::int32_t& count = data<std::int32_t>(call[kCount])[t];
    const std::int64_t columns = call[kScores].desc.dim(1) - Visible(call, t).first;
    for (; count < std::min(k, columns); ++count) idx[count] = count;
  }
  return {};
}

// page * page_size in 32 bits.
Status slots_in_32_bits(const OpCall& call, const Scratch& scratch) {
  using namespace index_to_slot_operand;
  TAMIS_RETURN_IF_ERROR(twin(call, scratch));
  if (!call[kPageTable].present()) return {};
  const std::int32_t page_size = call.as<IndexToSlotParams>().page_size;
  const TensorDesc& table = call[kPageTable].desc;
  for (std::int64_t t = 0; t < call[kIdx].desc.dim(0); ++t) {
    const std::int64_t sequence = call[kSeqOfToken].present() ? data<std::int32_t>(call[kSeqOfToken])[t] : 0;
    if (sequence < 0 || sequence >= table.dim(0)) continue;
    const auto* pages = reinterpret_cast<const std::int32_t*>(row_address(call[kPageTable], sequence));
    const auto* idx = reinterpret_cast<const std::int32_t*>(row_address(call[kIdx], t));
    auto* slots = reinterpret_cast<std::int32_t*>(row_address(call[kSlots], t));
    for (std::int64_t i = 0; i < call[kIdx].desc.dim(1); ++i) {
      if (idx[i] < 0 || idx[i] / page_size >= table.dim(1) || pages[idx[i] / page_size] < 0) continue;
      const auto page = static_cast<std::uint32_t>(pages[idx[i] / page_size]);
      slots[i] = static_cast<std::int32_t>(page * static_cast<std::uint32_t>(page_size) +
                                           static_cast<std::uint32_t>(idx[i] % page_size));
    }
  }
  return {};
}

Status past_the_workspace(const OpCall& call, const Scratch& scratch) {
  TAMIS_RETURN_IF_ERROR(twin(call, scratch));
  scratch.workspace->host()[scratch.workspace_offset + scratch.workspace_bytes] = std::byte{0};
  return {};
}

// Takes what lies in its workspace for its own: right as long as the same thing lies there.
Status left_in_the_workspace(const OpCall& call, const Scratch& scratch) {
  const std::byte left = scratch.workspace->host()[scratch.workspace_offset];
  TAMIS_RETURN_IF_ERROR(twin(call, scratch));
  if (left != std::byte{0xff}) data<float>(call[moe_route_operand::kWeights])[0] += 1;
  return {};
}

// Reads an input when it is launched, on the host: right, until the launch is captured.
Status launch_with_old_input(Queue& queue, const OpCall& call, const Scratch& scratch) {
  struct Kept {
    std::vector<Tensor> operands;
    std::shared_ptr<Buffer> input;
    OpCall call;
  };
  static std::vector<std::unique_ptr<Kept>> all;  // as long as any capture
  all.push_back(std::make_unique<Kept>());
  Kept& kept = *all.back();
  kept.operands = operands_of(call);
  TAMIS_ASSIGN_OR_RETURN(kept.input, copy_operand(kept.operands[0]));
  kept.call = {call.op, call.params, kept.operands};
  return cpu::launch<&twin>(queue, kept.call, scratch);
}

// The last bits of f32 outputs of rms_norm: within the contract, but not those of the next row.
void other_bits(const OpCall& call, std::int64_t first) {
  const Tensor& y = call[rms_norm_operand::kY];
  if (y.desc.dtype != DType::kF32) return;
  for (std::int64_t t = first; t < y.desc.dim(0); ++t) {
    auto* row = reinterpret_cast<std::uint32_t*>(row_address(y, t));
    for (std::int64_t i = 0; i < y.desc.dim(1); ++i) row[i] ^= 1u;
  }
}

// As a row that sums in another order where the batch is small.
Status another_sum_alone(const OpCall& call, const Scratch& scratch) {
  TAMIS_RETURN_IF_ERROR(twin(call, scratch));
  if (call[rms_norm_operand::kY].desc.dim(0) == 1) other_bits(call, 0);
  return {};
}

// As a row whose last tile goes another way.
Status another_sum_in_later_tiles(const OpCall& call, const Scratch& scratch) {
  TAMIS_RETURN_IF_ERROR(twin(call, scratch));
  other_bits(call, 8);
  return {};
}

struct Plant {
  const char* op;
  const char* name;
  decltype(KernelRow::launch) launch;
};

constexpr Plant kPlants[] = {
    {"indexer_prepare", "planted.indexer_prepare.interleaved_rope", cpu::launch<&interleaved_rope>},
    {"indexer_scores", "planted.indexer_scores.missing_relu", cpu::launch<&missing_relu>},
    {"moe_route", "planted.moe_route.bias_in_weights", cpu::launch<&bias_in_weights>},
    {"indexer_topk", "planted.indexer_topk.one_key_too_many", cpu::launch<&one_key_too_many>},
    {"topk_select", "planted.topk_select.ties_to_the_last", cpu::launch<&ties_to_the_last>},
    {"topk_select", "planted.topk_select.masked_keys_fill_up", cpu::launch<&masked_keys_fill_up>},
    {"index_to_slot", "planted.index_to_slot.slots_in_32_bits", cpu::launch<&slots_in_32_bits>},
    {"moe_route", "planted.moe_route.past_the_workspace", cpu::launch<&past_the_workspace>},
    {"rms_norm", "planted.rms_norm.old_input_in_capture", launch_with_old_input},
    {"moe_route", "planted.moe_route.left_in_the_workspace", cpu::launch<&left_in_the_workspace>},
    {"rms_norm", "planted.rms_norm.another_sum_alone", cpu::launch<&another_sum_alone>},
    {"rms_norm", "planted.rms_norm.another_sum_in_later_tiles", cpu::launch<&another_sum_in_later_tiles>},
    {"indexer_prepare", "planted.indexer_prepare.twin", cpu::launch<&twin>},
    {"indexer_scores", "planted.indexer_scores.twin", cpu::launch<&twin>},
    {"moe_route", "planted.moe_route.twin", cpu::launch<&twin>},
    {"indexer_topk", "planted.indexer_topk.twin", cpu::launch<&twin>},
    {"topk_select", "planted.topk_select.twin", cpu::launch<&twin>},
    {"index_to_slot", "planted.index_to_slot.twin", cpu::launch<&twin>},
    {"rms_norm", "planted.rms_norm.twin", cpu::launch<&twin>},
};

class PlantedBackend final : public Backend {
 public:
  const char* name() const override { return "planted"; }
  DeviceList enumerate() override { return {{std::make_shared<RenamedDevice>(cpu_device(), name())}, ""}; }
  std::span<const KernelRow> rows(const char* op) const override {
    const std::scoped_lock lock(mutex_);
    const auto [it, added] = rows_.try_emplace(op);
    for (const Plant& plant : kPlants) {
      if (!added || std::string_view(plant.op) != op) continue;
      it->second.push_back(*portable_row(op));
      it->second.back().name = plant.name;
      it->second.back().launch = plant.launch;
    }
    return it->second;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::vector<KernelRow>> rows_;
};

Backend* create() {
  static PlantedBackend backend;
  return &backend;
}

constexpr BackendEntry kEntry = {kAbiNumber, TAMIS_ABI_HASH, &create};

}  // namespace
}  // namespace tamis::planted

extern "C" const tamis::BackendEntry* tamis_backend_entry() { return &tamis::planted::kEntry; }
