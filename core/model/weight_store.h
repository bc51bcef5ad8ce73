// The declared weights of a model made real. In host memory: pieces that point into the mapped checkpoint,
// for CPU rows and for packing; rank-1 weights widened to f32. On a device with memory of its own: each
// weight that a plan's rows use there, uploaded as stored or in the layout that its first row asks for.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/exec/plan.h"
#include "core/model/weights.h"

namespace tamis {

using LoadProgress = std::function<void(std::int64_t done_bytes, std::int64_t total_bytes)>;

// A weight of rank >= 2 that a row of the plan reads on the device, and its bytes as stored; a packed layout
// takes up to 1.05 times as much.
struct PlannedWeight {
  std::string name;
  std::size_t node = 0;     // the first that reads it
  std::size_t operand = 0;  // of that node
  std::int64_t bytes = 0;   // as that node's row wants it
  bool packed = false;      // in a layout of the row's own
};
// Each once, in the plan's order.
std::vector<PlannedWeight> device_weights(const Plan& plan, const DeviceInfo& device);

class WeightStore {
 public:
  // Set and checkpoint must outlive the store: weights point into the mapping. `host` is the CPU device; it
  // may be `device` itself. Nothing of rank >= 2 goes to the device yet.
  static Result<std::unique_ptr<WeightStore>> load(const WeightSet& set, Checkpoint& checkpoint,
                                                   Device& device, Device& host,
                                                   const LoadProgress& progress = {});

  // Makes resident what the plan's rows read on the device. The first row that reads a weight decides its
  // layout; the planner shows the weight as it is to later rows, which take it or say "weight is packed as
  // X". True if something became resident: plan again then, since rows of this very plan may have wished for
  // different layouts of one weight.
  Result<bool> make_resident(const Plan& plan, const LoadProgress& progress = {});

  // Adds the weights to a plan's bindings.
  void bind(Bindings& bindings) const;
  // By name, as they are on the device, or as stored where they are not there (yet).
  const std::unordered_map<std::string, const Weight*>& weights() const { return by_name_; }
  // Bytes that this store allocated, on the device and in host memory, beyond the mapped checkpoint.
  std::int64_t owned_bytes() const { return owned_bytes_; }

 private:
  WeightStore(Device& device, Device& host) : device_(device), host_(host) {}
  // A checkpoint tensor in one memory.
  struct Stored {
    BufferRange data;
    BufferRange scales;  // buffer null: none
    std::int64_t cols = 0;
    std::int64_t scale_stride = 0;
    std::int64_t data_bytes = 0;
    std::int64_t scale_bytes = 0;
  };
  using Tensors = std::unordered_map<std::string, Stored>;
  Status add(const WeightSpec& spec, Checkpoint& checkpoint);
  Status add_vector(const WeightSpec& spec, Checkpoint& checkpoint);
  Result<Stored> host_tensor(const std::string& name, Checkpoint& checkpoint);
  Result<Stored> device_tensor(const std::string& name);
  Result<BufferRange> map(std::span<const std::byte> bytes, std::size_t alignment);
  Result<BufferRange> upload(std::span<const std::byte> bytes);
  Status make_weight_resident(const std::string& name, const KernelRow& row, const OpCall& call,
                              std::size_t operand);
  Status place_stored(const std::string& name);
  Status pack(const std::string& name, const KernelRow& row, const Layout& layout);
  static WeightPiece make_piece(const WeightPart& part, DType dtype, const Stored& source);
  Weight& keep(const TensorDesc& desc, std::vector<WeightPiece> pieces);

  Device& device_;
  Device& host_;
  std::unique_ptr<Queue> queue_;
  std::vector<std::shared_ptr<Buffer>> buffers_;
  std::unordered_map<std::string, const WeightSpec*> specs_;  // of rank >= 2
  Tensors host_tensors_, device_tensors_;
  std::vector<std::unique_ptr<std::vector<WeightPiece>>> pieces_;
  std::vector<std::unique_ptr<Weight>> weights_;
  std::unordered_map<std::string, const Weight*> by_name_, host_by_name_;
  std::unordered_map<std::string, BufferRange> vectors_, host_vectors_;
  std::int64_t owned_bytes_ = 0;
};

}  // namespace tamis
