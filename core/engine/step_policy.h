// What core/policy says of the steps of a run: for each batch whether its prefill is dense and which family
// of attention rows is tried first, and once for all steps the families of the other ops. Mode `auto`; the
// planner takes the whole table, in order, where no row carries the family.
#pragma once

#include <map>
#include <string>

#include "core/backend/kernel_table.h"
#include "core/exec/step.h"
#include "core/model/config.h"
#include "core/model/graph_builder.h"
#include "core/policy/policy.h"

namespace tamis {

// The op that computes attention in a step of this variant.
const char* attention_op(StepVariant variant);

class StepPolicy {
 public:
  // Flags as SGLang's; prefill_backend and decode_backend also take the family of any attention row of
  // `backend`, and for a model without an indexer SGLang's attention backends. kInvalidArgument says which
  // names there are. flags.kv_cache_dtype is overwritten with what the caches of this run hold.
  static Result<StepPolicy> create(const DeviceInfo& device, const ModelConfig& config,
                                   const Precision& precision, const PolicyFlags& flags,
                                   const Backend& backend);

  // What `tamis policy` would be asked for this batch.
  PolicyInput input(const PolicyBatch& batch) const;

  struct Attention {
    bool dense_prefill = false;  // of a model with an indexer
    std::map<std::string, std::string> families;
    // Family of the rows of `op`; empty: none is asked for.
    std::string family(const char* op) const;
  };
  // `keep_sparse`: as if dense prefill were switched off.
  Attention attention(const PolicyBatch& batch, bool keep_sparse) const;

  // By op, without the attention ops.
  const std::map<std::string, std::string>& families() const { return families_; }

 private:
  PolicyInput input_;
  std::map<std::string, std::string> families_;
};

// Latent cache that "auto" stands for on this device: packed FP8 where the policy says fp8_e4m3, else bf16.
KvFormat auto_kv_format(const DeviceInfo& device, const ModelConfig& config);

// Dtype between ops that "auto" stands for on this device: bf16, as these models were trained, where the
// device multiplies it on matrix units; f32 elsewhere.
DType auto_activations(const DeviceInfo& device);

// The batch that the engine runs for sequences of these sizes: decode if each adds one token to what it has,
// mixed if some do.
PolicyBatch make_batch(std::vector<PolicyBatch::Sequence> sequences);

}  // namespace tamis
