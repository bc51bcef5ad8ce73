#include "core/engine/step_policy.h"

#include <algorithm>
#include <set>

#include <fmt/ranges.h>

#include "core/policy/policy_facts.h"

namespace tamis {
namespace {

constexpr const char* kAttentionOps[] = {"sparse_mla", "dense_mla", "mha_prefill"};

bool is_attention(const char* op) {
  return std::any_of(std::begin(kAttentionOps), std::end(kAttentionOps),
                     [&](const char* name) { return std::string_view(op) == name; });
}

std::set<std::string> families_of_rows(const Backend& backend) {
  std::set<std::string> families;
  for (const char* op : kAttentionOps) {
    for (const KernelRow& row : backend.rows(op)) {
      std::string_view rest = row.families != nullptr ? row.families : "";
      while (!rest.empty()) {
        const std::size_t space = rest.find(' ');
        families.emplace(rest.substr(0, space));
        rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
      }
    }
  }
  return families;
}

// SGLang's flag of that name checks SGLang's words; what it refuses must be the family of a row.
Status set_backend(const char* flag, const std::string& value, const std::set<std::string>& families,
                   std::string& where) {
  where = value;
  if (value.empty() || families.count(value) != 0) return {};
  PolicyFlags unused;
  const Status status = set_policy_flag(unused, flag, value);
  if (status.ok()) return {};
  return invalid_argument("{}; families of the device's rows: {}", status.message(),
                          fmt::join(families, ", "));
}

// SGLang has no f32 cache: for its rules it is a plain one, like bfloat16.
const char* kv_dtype_name(const Precision& precision) {
  return precision.kv_format == KvFormat::kPackedFp8 ? "fp8_e4m3" : "bfloat16";
}

}  // namespace

const char* attention_op(StepVariant variant) {
  switch (variant) {
    case StepVariant::kSparse: return "sparse_mla";
    case StepVariant::kDenseAbsorbed: return "dense_mla";
    case StepVariant::kDenseExpanded: return "mha_prefill";
  }
  return "";
}

Result<StepPolicy> StepPolicy::create(const DeviceInfo& device, const ModelConfig& config,
                                      const Precision& precision, const PolicyFlags& flags,
                                      const Backend& backend) {
  StepPolicy policy;
  policy.input_.device = policy_device_of(device);
  policy.input_.model = policy_model_of(config);
  PolicyFlags& own = policy.input_.flags;
  own = flags;
  own.kv_cache_dtype = kv_dtype_name(precision);
  const std::set<std::string> families = families_of_rows(backend);
  const bool dsa = config.is_dsa();
  TAMIS_RETURN_IF_ERROR(set_backend(dsa ? "--prefill-backend" : "--prefill-attention-backend",
                                    flags.prefill_backend, families,
                                    dsa ? own.prefill_backend : own.prefill_attention_backend));
  TAMIS_RETURN_IF_ERROR(set_backend(dsa ? "--decode-backend" : "--decode-attention-backend",
                                    flags.decode_backend, families,
                                    dsa ? own.decode_backend : own.decode_attention_backend));
  PolicyInput sparse = policy.input_;
  sparse.flags.dense_threshold = 0;  // a dense step asks for no family of the indexer's ops
  for (const OpFamily& entry : policy_families(decide(sparse, PolicyMode::kAuto))) {
    if (!is_attention(entry.op)) policy.families_[entry.op] = entry.family;
  }
  return policy;
}

PolicyInput StepPolicy::input(const PolicyBatch& batch) const {
  PolicyInput input = input_;
  input.batch = batch;
  return input;
}

std::string StepPolicy::Attention::family(const char* op) const {
  const auto it = families.find(op);
  return it == families.end() ? "" : it->second;
}

StepPolicy::Attention StepPolicy::attention(const PolicyBatch& batch, bool keep_sparse) const {
  PolicyInput asked = input(batch);
  if (keep_sparse) asked.flags.dense_threshold = 0;
  const PolicyDecision decision = decide(asked, PolicyMode::kAuto);
  Attention out;
  out.dense_prefill = decision.value(Field::kUseMha) == "true";
  for (const OpFamily& entry : policy_families(decision)) {
    if (is_attention(entry.op)) out.families[entry.op] = entry.family;
  }
  // Where SGLang has no answer, the user may have one: dense attention of a model with an indexer, for
  // comparison, and "portable", which the policy says for any row.
  const bool decode = batch.kind != BatchKind::kExtend && batch.kind != BatchKind::kMixed;
  const PolicyFlags& flags = asked.flags;
  const bool dsa = decision.value(Field::kIsDsa) == "true";
  const std::string& wanted =
      dsa ? (decode ? flags.decode_backend : flags.prefill_backend)
          : (decode ? flags.decode_attention_backend : flags.prefill_attention_backend);
  if (!wanted.empty() && wanted != "flashmla_auto") {
    for (const char* op : kAttentionOps) out.families.insert({op, wanted});
  }
  return out;
}

KvFormat auto_kv_format(const DeviceInfo& device, const ModelConfig& config) {
  PolicyInput input;
  input.device = policy_device_of(device);
  input.model = policy_model_of(config);
  const bool fp8 = decide(input, PolicyMode::kAuto).value(Field::kKvDtype) == "fp8_e4m3";
  return fp8 ? KvFormat::kPackedFp8 : KvFormat::kPlain;
}

DType auto_activations(const DeviceInfo& device) {
  const bool nvidia = device.backend == "cuda" && device.arch >= 80;
  const bool amd = device.backend == "hip" && (device.has(kMfmaBf16) || device.has(kWmmaBf16));
  return nvidia || amd ? DType::kBF16 : DType::kF32;
}

PolicyBatch make_batch(std::vector<PolicyBatch::Sequence> sequences) {
  PolicyBatch batch;
  const auto grows_by_one = [](const PolicyBatch::Sequence& s) { return s.fresh == 1 && s.prefix > 0; };
  const auto n = std::count_if(sequences.begin(), sequences.end(), grows_by_one);
  if (n > 0)
    batch.kind = n == static_cast<std::ptrdiff_t>(sequences.size()) ? BatchKind::kDecode : BatchKind::kMixed;
  batch.sequences = std::move(sequences);
  return batch;
}

}  // namespace tamis
