// A checkpoint of made-up tensors, so that a model of full width runs, and is timed, without its weights.
// Bytes are a function of (seed, tensor name, position) alone: the same on every machine and in every order
// of use.
#pragma once

#include "core/checkpoint/checkpoint.h"

namespace tamis {

enum class RandomFill : std::uint8_t {
  // Random sign and magnitude, mean 0. BF16 and F32: root mean square within a factor of 1.42 of `value` (a
  // power of
  // two apart). F8_E4M3: always kRandomE4M3Rms, to be adjusted by its scales; `value` is not used.
  kCentred,
  kNearOne,   // BF16, F32: uniform in 1 +- `value`, `value` < 1
  kConstant,  // F32: `value`
};

// Codes span four binades, 0.25 to 3.75.
inline constexpr double kRandomE4M3Rms = 1.689;

struct RandomTensor {
  TensorInfo info;
  RandomFill fill = RandomFill::kCentred;
  float value = 1.0f;
};

// `name` stands for the folder in messages. Address space for all tensors is reserved at once; a tensor takes
// memory from its first find() until release(). kOutOfMemory if the reservation fails, kInvalidArgument for a
// tensor whose type its fill does not make or a name given twice.
Result<std::unique_ptr<Checkpoint>> make_random_checkpoint(std::string name,
                                                           std::vector<RandomTensor> tensors,
                                                           std::uint64_t seed);

}  // namespace tamis
