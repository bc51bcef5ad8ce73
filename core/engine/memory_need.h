// What a model takes on a device, known before anything is allocated there.
#pragma once

#include "core/base/status.h"
#include "core/exec/plan.h"

namespace tamis {

struct MemoryNeed {
  std::int64_t weights = 0;  // as rows want them; the CPU reads those as stored from the mapped checkpoint
  std::int64_t cache = 0;    // of all sequences
  std::int64_t activations = 0;  // the largest arena of the plans seen

  std::int64_t total() const { return weights + cache + activations; }
  // Counts what `plan` needs beside the plans counted before: weights that it alone reads.
  void add(const Plan& plan, const Device& device);

 private:
  std::set<std::string> counted_;
};

// kOutOfMemory when the device has less free, with the parts: "needs 12.4 GB (weights 11.6, cache of 65536
// tokens 0.6, activations 0.2), cuda:0 (NVIDIA A10) has 11.0 GB free".
Status check_memory(const MemoryNeed& need, std::int64_t cache_tokens, const Device& device);

}  // namespace tamis
