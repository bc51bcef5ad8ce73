// The weights that a model's graph uses, declared by name as ranges of checkpoint tensors: stacked
// projections, stacked experts, the two halves of kv_b. Nothing is copied or converted by declaring;
// WeightStore makes them real.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/tensor.h"
#include "core/checkpoint/checkpoint.h"
#include "core/model/config.h"

namespace tamis {

// Rows [first_row, first_row + rows) and columns [first_col, first_col + cols) of a checkpoint tensor.
struct WeightPart {
  std::string tensor;
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
  std::int64_t first_col = 0;
  std::int64_t cols = 0;
};

struct WeightSpec {
  std::string name;
  TensorDesc desc;                // rank >= 2: the stored dtype; rank 1: f32
  std::vector<WeightPart> parts;  // tile the rows in order; rank 1: one part
  std::vector<float> constant;    // rank 1 made by the builder (inverse frequencies) instead of read
};

class WeightSet {
 public:
  Status add(WeightSpec spec);
  // Another shape of the same elements; the weight must be there.
  void reshape(const std::string& name, std::initializer_list<std::int64_t> shape);
  const WeightSpec* find(const std::string& name) const;
  const std::map<std::string, WeightSpec>& all() const { return specs_; }
  bool has_mtp = false;  // the checkpoint ships the MTP layer

 private:
  std::map<std::string, WeightSpec> specs_;
};

// Declares everything that the graphs of `config` use, checking that each tensor exists with the right shape
// and a dtype that can be read, and that the checkpoint holds nothing that the model would not use (a bias or
// an extra projection means another model). Messages: "<where>: tensor <name>: expected …, found …".
Result<WeightSet> declare_weights(const ModelConfig& config, Checkpoint& checkpoint);

}  // namespace tamis
