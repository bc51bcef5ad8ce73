// The declared weights of a model made real for a device: pieces that point into the mapped checkpoint where
// the device can read host memory, uploaded copies otherwise; rank-1 weights widened to f32; packed layouts
// where the chosen kernel rows ask for one.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/exec/plan.h"
#include "core/model/weights.h"

namespace tamis {

using LoadProgress = std::function<void(std::int64_t done_bytes, std::int64_t total_bytes)>;

class WeightStore {
 public:
  // The checkpoint must outlive the store: weights point into its mapping.
  static Result<std::unique_ptr<WeightStore>> load(const WeightSet& set, Checkpoint& checkpoint,
                                                   Device& device, const LoadProgress& progress = {});

  // Packs every weight for which a planned node's row asks for a layout; the first plan that names a weight
  // decides. Other rows then accept that layout or say "weight is packed as X".
  Status pack_layouts(const std::vector<const Plan*>& plans, const DeviceInfo& device);

  // Adds the weights to a plan's bindings.
  void bind(Bindings& bindings) const;
  // By name: what the planner shows to rows, so that they can refuse a layout.
  const std::unordered_map<std::string, const Weight*>& weights() const { return by_name_; }
  // Bytes this process holds for weights beyond the mapped checkpoint.
  std::int64_t owned_bytes() const { return owned_bytes_; }

 private:
  explicit WeightStore(Device& device) : device_(device) {}
  struct Stored {
    BufferRange data;
    BufferRange scales;  // buffer null: none
    std::int64_t cols = 0;
    std::int64_t scale_stride = 0;
    DType dtype = DType::kF32;
  };
  Status add(const WeightSpec& spec, Checkpoint& checkpoint);
  Status add_vector(const WeightSpec& spec, Checkpoint& checkpoint);
  Result<Stored> stored(const std::string& name, Checkpoint& checkpoint);
  Result<BufferRange> place(std::span<const std::byte> bytes, std::size_t alignment);
  Status pack(const std::string& name, const KernelRow& row, const Layout& layout);

  Device& device_;
  std::unique_ptr<Queue> queue_;
  std::vector<std::shared_ptr<Buffer>> buffers_;
  std::unordered_map<std::string, Stored> tensors_;
  std::unordered_map<std::string, std::unique_ptr<Weight>> weights_;
  std::vector<std::unique_ptr<std::vector<WeightPiece>>> pieces_;
  std::unordered_map<std::string, const Weight*> by_name_;
  std::unordered_map<std::string, BufferRange> vectors_;
  std::int64_t owned_bytes_ = 0;
};

}  // namespace tamis
