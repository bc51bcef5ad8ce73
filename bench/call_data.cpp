#include "bench/call_data.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <set>
#include <utility>

#include "tests/harness/host_instance.h"

namespace tamis::bench {
namespace {

using cases::CaseOperand;
using cases::HostView;
using cases::Rng;
using harness::HostBuffer;

constexpr std::int64_t kBlockElements = 1 << 20;      // 0.1 s of random numbers
constexpr std::int64_t kDistinctElements = 16 << 20;  // where equal rows matter: more than 64K index keys

std::int64_t element_size(const TensorDesc& desc) {
  return static_cast<std::int64_t>(dtype_size(desc.dtype));
}

// A weight's E x N rows as one matrix.
TensorDesc as_rows(const TensorDesc& weight) {
  return {weight.dtype, {weight.elements() / weight.dim(-1), weight.dim(-1)}};
}

// The first rows of `desc`, about that many elements. Integers are not repeated: slots and page tables
// must be what the case says.
TensorDesc block_of(const TensorDesc& desc, std::int64_t elements) {
  TensorDesc block = desc;
  if (desc.rank < 2 || desc.dtype == DType::kI32 || desc.dtype == DType::kI64) return block;
  const std::int64_t row = std::max<std::int64_t>(1, desc.elements() / desc.dim(0));
  block.dims[0] = std::clamp<std::int64_t>(elements / row, 1, desc.dim(0));
  return block;
}

// Fills `bytes` of a buffer with the block, again and again.
Status upload_repeated(Queue& queue, Buffer& dst, std::span<const std::byte> block, std::int64_t bytes) {
  for (std::int64_t at = 0; at < bytes; at += static_cast<std::int64_t>(block.size())) {
    const auto count = std::min<std::size_t>(block.size(), static_cast<std::size_t>(bytes - at));
    TAMIS_RETURN_IF_ERROR(queue.upload(dst, at, block.first(count)));
  }
  return queue.sync();
}

// The random block of an operand: whole rows with their gaps, so that repeating it keeps the strides.
std::vector<std::byte> random_block(const CaseOperand& operand, const TensorDesc& desc, Rng& rng) {
  const TensorDesc block = block_of(desc, operand.distinct_rows ? kDistinctElements : kBlockElements);
  const bool repeats = block.dims[0] < desc.dims[0];
  const std::int64_t bytes = repeats ? block.dim(0) * desc.stride(0) * element_size(desc) : desc.span_bytes();
  std::vector<std::byte> memory(static_cast<std::size_t>(std::max(bytes, block.span_bytes())));
  HostView view(block, memory.data());
  operand.fill(view, rng);
  memory.resize(static_cast<std::size_t>(bytes));
  return memory;
}

// Powers of two from 1/16 to 1, as checkpoints with power-of-two scales have them.
std::vector<float> weight_scales(const TensorDesc& rows, Rng& rng) {
  const std::int64_t stride = (rows.dim(1) + kWeightBlock - 1) / kWeightBlock;
  std::vector<float> scales(
      static_cast<std::size_t>((rows.dim(0) + kWeightBlock - 1) / kWeightBlock * stride));
  for (float& scale : scales) scale = std::ldexp(1.0f, static_cast<int>(rng.below(5)) - 4);
  return scales;
}

// Cuts the stored matrix as the case says; memory is filled in by the caller.
std::vector<WeightPiece> cut_pieces(const CaseOperand& operand, const TensorDesc& rows) {
  std::vector<std::int64_t> counts = operand.piece_rows;
  if (counts.empty()) counts.push_back(rows.dim(0));
  std::vector<WeightPiece> pieces;
  std::int64_t first = 0;
  for (std::int64_t count : counts) {
    WeightPiece piece;
    piece.offset = first * rows.dim(1) * element_size(rows);
    piece.rows = count;
    piece.row_stride = rows.dim(1);
    piece.scale_stride = (rows.dim(1) + kWeightBlock - 1) / kWeightBlock;
    piece.first_row = first;
    pieces.push_back(piece);
    first += count;
  }
  return pieces;
}

void point_to(std::vector<WeightPiece>& pieces, Buffer* data, Buffer* scales) {
  for (WeightPiece& piece : pieces) piece.buffer = data, piece.scale_buffer = scales;
}

struct WeightRequest {
  const CaseOperand& operand;
  const KernelRow& row;
  Layout layout;
};

Status make_stored(const Bench& bench, const CaseOperand& operand, Rng& rng, DeviceWeight& made) {
  const TensorDesc rows = as_rows(operand.desc);
  const std::vector<std::byte> block = random_block(operand, rows, rng);
  TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> data, bench.device.alloc(rows.span_bytes()));
  TAMIS_RETURN_IF_ERROR(upload_repeated(bench.queue, *data, block, rows.span_bytes()));
  made.bytes = rows.span_bytes();
  Buffer* scale_buffer = nullptr;
  if (rows.dtype == DType::kE4M3) {
    const std::vector<float> scales = weight_scales(rows, rng);
    const auto bytes = std::as_bytes(std::span(scales));
    TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer,
                           bench.device.alloc(static_cast<std::int64_t>(bytes.size())));
    TAMIS_RETURN_IF_ERROR(bench.queue.upload(*buffer, 0, bytes));
    TAMIS_RETURN_IF_ERROR(bench.queue.sync());
    scale_buffer = buffer.get();
    made.bytes += static_cast<std::int64_t>(bytes.size());
    made.buffers.push_back(std::move(buffer));
  }
  made.pieces = cut_pieces(operand, rows);
  point_to(made.pieces, data.get(), scale_buffer);
  made.buffers.push_back(std::move(data));
  made.weight.pieces = made.pieces;
  return {};
}

// Host memory of gigabytes: not cleared, and in large pages, which the kernel clears several times as fast.
class LargeBlock {
 public:
  static Result<LargeBlock> make(std::int64_t bytes) {
    void* memory = mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return out_of_memory("{} bytes of host memory", bytes);
    static_cast<void>(madvise(memory, static_cast<std::size_t>(bytes), MADV_HUGEPAGE));
    return LargeBlock({static_cast<std::byte*>(memory), static_cast<std::size_t>(bytes)});
  }
  LargeBlock(LargeBlock&& other) noexcept : span_(std::exchange(other.span_, {})) {}
  LargeBlock& operator=(LargeBlock&&) = delete;
  ~LargeBlock() {
    if (!span_.empty()) munmap(span_.data(), span_.size());
  }
  std::span<std::byte> span() { return span_; }

 private:
  explicit LargeBlock(std::span<std::byte> span) : span_(span) {}
  std::span<std::byte> span_;
};

// Packing reads the stored weight on the host. Of experts there is one, which all pieces point to: it stays
// in the caches, and 256 of them are not made twice.
Status make_packed(const Bench& bench, const WeightRequest& request, Rng& rng, DeviceWeight& made) {
  const TensorDesc& desc = request.operand.desc;
  const bool experts = desc.rank == 3 && request.operand.piece_rows.empty();
  const TensorDesc rows = experts ? TensorDesc{desc.dtype, {desc.dim(1), desc.dim(2)}} : as_rows(desc);
  HostBuffer data(rows.span_bytes());
  const std::vector<std::byte> block = random_block(request.operand, rows, rng);
  for (std::int64_t at = 0; at < rows.span_bytes(); at += static_cast<std::int64_t>(block.size())) {
    const auto left = static_cast<std::size_t>(rows.span_bytes() - at);
    std::memcpy(data.host() + at, block.data(), std::min(block.size(), left));
  }
  const std::vector<float> scales =
      rows.dtype == DType::kE4M3 ? weight_scales(rows, rng) : std::vector<float>{};
  HostBuffer scale_data(static_cast<std::int64_t>(scales.size() * 4));
  if (!scales.empty()) std::memcpy(scale_data.host(), scales.data(), scales.size() * 4);
  std::vector<WeightPiece> pieces = cut_pieces(request.operand, rows);
  if (experts) pieces.resize(static_cast<std::size_t>(desc.dim(0)), WeightPiece(pieces.front()));
  point_to(pieces, &data, scales.empty() ? nullptr : &scale_data);
  Weight stored = made.weight;
  stored.pieces = pieces;
  TAMIS_ASSIGN_OR_RETURN(LargeBlock packed, LargeBlock::make(request.layout.bytes));
  TAMIS_RETURN_IF_ERROR(request.row.pack(stored, request.layout, packed.span()));
  TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer, bench.device.alloc(request.layout.bytes));
  TAMIS_RETURN_IF_ERROR(bench.queue.upload(*buffer, 0, packed.span()));
  TAMIS_RETURN_IF_ERROR(bench.queue.sync());
  made.weight.layout = request.layout.name;
  made.weight.packed = buffer.get();
  made.weight.packed_bytes = request.layout.bytes;
  made.weight.resident = true;
  made.bytes = request.layout.bytes;
  made.buffers.push_back(std::move(buffer));
  return {};
}

}  // namespace

std::shared_ptr<DeviceWeight> WeightPool::find(const std::string& key) const {
  const auto found = weights_.find(key);
  return found == weights_.end() ? nullptr : found->second;
}

void WeightPool::add(const std::string& key, const std::shared_ptr<DeviceWeight>& weight) {
  if (bytes_ + weight->bytes > limit_) {
    weights_.clear();
    bytes_ = 0;
  }
  bytes_ += weight->bytes;
  weights_[key] = weight;
}

Result<double> CallData::needed_bytes(const OpDef& op, const cases::Case& test_case) {
  std::vector<TensorDesc> descs;
  for (const CaseOperand& operand : test_case.operands) descs.push_back(operand.desc);
  if (descs.size() != op.operands.size() || test_case.params.size() != op.params_size)
    return invalid_argument("case {}: wrong params or operands", test_case.name);
  TAMIS_RETURN_IF_ERROR(op.infer(test_case.params.data(), descs).with_context("case " + test_case.name));
  double bytes = 0;
  for (std::size_t i = 0; i < descs.size(); ++i) {
    if (descs[i].rank <= 0) continue;
    const bool weight = op.operands[i].role == Role::kWeight && descs[i].rank >= 2;
    bytes += weight ? weight_bytes(descs[i]) : static_cast<double>(descs[i].span_bytes());
  }
  return bytes;
}

Result<std::unique_ptr<CallData>> CallData::make(const Bench& bench, const OpDef& op,
                                                 const cases::Case& test_case) {
  std::vector<TensorDesc> descs;
  for (const CaseOperand& operand : test_case.operands) descs.push_back(operand.desc);
  TAMIS_RETURN_IF_ERROR(op.infer(test_case.params.data(), descs).with_context("case " + test_case.name));
  std::unique_ptr<CallData> data(new CallData(op, test_case));
  data->operands_.resize(descs.size());
  for (std::size_t i = 0; i < descs.size(); ++i) data->operands_[i].desc = descs[i];
  data->planned_ = data->operands_;
  data->weights_.resize(descs.size());
  for (std::size_t i = 0; i < descs.size(); ++i) {
    if (descs[i].rank > 0) TAMIS_RETURN_IF_ERROR(data->add_operand(bench, i));
  }
  TAMIS_RETURN_IF_ERROR(bench.queue.sync());  // the data may be dropped without a launch
  return data;
}

Status CallData::add_operand(const Bench& bench, std::size_t i) {
  Tensor& tensor = operands_[i];
  if (op_.operands[i].role == Role::kWeight && tensor.desc.rank >= 2) {
    return plan_weight(i);
  }
  TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer, bench.device.alloc(tensor.desc.span_bytes()));
  tensor.buffer = buffer.get();
  buffers_.push_back(buffer);
  if (op_.operands[i].role == Role::kOut) return bench.queue.fill(*buffer, 0, tensor.desc.span_bytes(), 0);
  Rng rng(bench.seed + i);
  if (!case_.operands[i].fill)
    return invalid_argument("case {}: {} has no data", case_.name, op_.operands[i].name);
  const std::vector<std::byte> block = random_block(case_.operands[i], tensor.desc, rng);
  count_experts(i, block.data());
  return upload_repeated(bench.queue, *buffer, block, tensor.desc.span_bytes());
}

Status CallData::plan_weight(std::size_t i) {
  TAMIS_RETURN_IF_ERROR(harness::rows_of_pieces(case_.operands[i]).status().with_context(case_.name));
  auto plan = std::make_unique<DeviceWeight>();
  plan->weight.desc = operands_[i].desc;
  plan->pieces = cut_pieces(case_.operands[i], as_rows(operands_[i].desc));
  plan->weight.pieces = plan->pieces;
  planned_[i].weight = &plan->weight;
  plans_.push_back(std::move(plan));
  return {};
}

Status CallData::set_weights(const Bench& bench, const KernelRow& row) {
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    if (planned_[i].weight == nullptr) continue;
    Layout layout;
    if (row.weight_layout != nullptr) layout = row.weight_layout(bench.device.info(), planned(), i);
    const bool stored = std::strcmp(layout.name, kStoredLayout) == 0;
    // Layouts of one name may differ between rows: by how they are packed.
    const std::string key =
        fmt::format("{} {} {} {} {}", op_.name, i, planned_[i].desc.to_string(), layout.name,
                    reinterpret_cast<std::uintptr_t>(stored ? nullptr : row.pack));
    weights_[i] = bench.weights.find(key);
    if (weights_[i] == nullptr) {
      auto made = std::make_shared<DeviceWeight>();
      made->weight.desc = operands_[i].desc;
      Rng rng(bench.seed + i);
      TAMIS_RETURN_IF_ERROR(stored ? make_stored(bench, case_.operands[i], rng, *made)
                                   : make_packed(bench, {case_.operands[i], row, layout}, rng, *made));
      bench.weights.add(key, made);
      weights_[i] = std::move(made);
    }
    operands_[i].weight = &weights_[i]->weight;
  }
  return {};
}

std::string CallData::shape() const {
  std::string inputs, outputs;
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    if (!operands_[i].present()) continue;
    std::string& list = op_.operands[i].role == Role::kOut ? outputs : inputs;
    if (!list.empty()) list += ' ';
    list += operands_[i].desc.to_string();
  }
  return outputs.empty() ? inputs : inputs + " -> " + outputs;
}

void CallData::count_experts(std::size_t i, const std::byte* host) {
  if (std::strcmp(op_.operands[i].name, "ids") != 0 || operands_[i].desc.dtype != DType::kI32) return;
  std::int64_t experts = 0;
  for (std::size_t w = 0; w < operands_.size(); ++w) {
    if (op_.operands[w].role == Role::kWeight && operands_[w].desc.rank == 3)
      experts = operands_[w].desc.dim(0);
  }
  if (experts == 0) return;
  const TensorDesc& desc = operands_[i].desc;
  HostView ids(desc, const_cast<std::byte*>(host));
  std::set<std::int64_t> hit;
  for (std::int64_t e = 0; e < desc.elements(); ++e) hit.insert(static_cast<std::int64_t>(ids.get(e)));
  routing_ = fmt::format("{} of {} experts hit", hit.size(), experts);
}

}  // namespace tamis::bench
