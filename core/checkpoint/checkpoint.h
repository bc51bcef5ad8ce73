// A checkpoint: named tensors, from a folder of safetensors files or made up (random_checkpoint.h). The model
// loader sees only this interface. Tensors are used where they lie; nothing is copied or converted here.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/checkpoint/checkpoint_tensor.h"

namespace tamis {

// A file mapped as a whole, which a backend may import instead of copying tensor by tensor.
struct MappedRegion {
  std::string path;
  std::span<const std::byte> bytes;
};

// Rows and columns of a weight that share one scale.
struct BlockSize {
  std::int64_t rows = 128;
  std::int64_t cols = 128;
};

// All calls are safe from several threads. Pointers and spans stay valid as long as the checkpoint, except
// after release() of that tensor.
class Checkpoint {
 public:
  // `dir` holds model.safetensors, or model.safetensors.index.json and its shards. Shards are opened and
  // checked on the first use of one of their tensors. kNotFound without either file; kCorruptData for a
  // broken index.
  static Result<std::unique_ptr<Checkpoint>> open(const std::string& dir);

  virtual ~Checkpoint() = default;

  // The folder or the name of a made-up checkpoint: the first part of every message.
  virtual const std::string& where() const = 0;

  // Sorted by name. Needs no shard.
  virtual std::vector<std::string> names() const = 0;
  virtual bool has(std::string_view name) const = 0;

  // Shape and type without the bytes; opens the tensor's shard. kNotFound if there is no such tensor.
  virtual Result<TensorInfo> info(std::string_view name) = 0;
  // The tensor, or nullptr if there is none. An error if its shard is broken, or if its dtype is one that
  // this engine does not read (kUnsupported).
  virtual Result<const CheckpointTensor*> find(std::string_view name) = 0;

  // The bytes of `name` will not be read soon: a made-up tensor gives its memory back, a mapped one its
  // pages.
  virtual void release(std::string_view name) = 0;

  // Opens and checks every shard.
  virtual Status open_all() = 0;
  // The files mapped so far, in no particular order; none for a made-up checkpoint.
  virtual std::vector<MappedRegion> files() const = 0;

  // The tensor, which must exist (kNotFound), have one of `dtypes` (kUnsupported) and `shape` (kCorruptData).
  Result<const CheckpointTensor*> require(std::string_view name, std::initializer_list<DType> dtypes,
                                          std::initializer_list<std::int64_t> shape);

  // The F32 scales [ceil(rows / block.rows), ceil(cols / block.cols)] of an e4m3 weight [rows, cols], by the
  // name
  // "<weight>_scale_inv" (they multiply, despite the name). nullptr if the weight is not e4m3. An e4m3 weight
  // without scales is kUnsupported, misshapen scales are kCorruptData. Values are not read: see
  // validate_scales().
  Result<const CheckpointTensor*> find_scales(const TensorInfo& weight, BlockSize block = {});
};

// kCorruptData unless every F32 scale is positive and finite. Reads the whole tensor.
Status validate_scales(const CheckpointTensor& scales);

}  // namespace tamis
