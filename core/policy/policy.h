// What SGLang decides before and while it runs a DeepSeek-V3, V3.2 or GLM-5 model, as pure functions of
// device facts, model facts, flags and one batch: no I/O, no globals, so a B200 can be asked about on a
// laptop.
//
// Every answer comes from a row of data (rule.h) that names its source, and the decision carries the row. Two
// modes: `mirror` is SGLang's answer with its traps; `auto` walks the same rows without those marked as
// traps, plus rows that say what runs here instead.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/policy/policy_flags.h"

namespace tamis {

namespace policy {
struct Rule;
}

enum class PolicyPlatform : std::uint8_t { kCuda, kRocm, kNpu, kXpu, kMps, kMusa, kCpu };
enum class PolicyMode : std::uint8_t { kMirror, kAuto };
enum class PolicyRules : std::uint8_t { k2026_04, k2026_08 };

struct PolicyDevice {
  std::string arch;  // as it was asked for: "sm90"
  std::string name;  // the product: "NVIDIA H100 80GB HBM3"
  PolicyPlatform platform = PolicyPlatform::kCuda;
  int number = 0;               // CUDA 90, ROCm 0x942, else 0
  std::int64_t memory_mib = 0;  // 0: unknown
  int cuda_version = 1208;      // 12.8
  bool amx = false;             // CPU only
};

struct PolicyModel {
  std::string name;
  std::string architecture;     // architectures[0]
  std::int64_t index_topk = 0;  // 0: no such field
  bool shares_indices = false;  // IndexCache: some layers reuse another layer's indices
  std::int64_t n_heads = 0;
  std::int64_t n_routed_experts = 0;
  std::int64_t n_shared_experts = 0;
  std::int64_t kv_lora_rank = 512;
  std::int64_t qk_rope_head_dim = 64;
  std::int64_t max_positions = 0;
  std::string quantization;           // quantization_config.quant_method; empty: none
  std::int64_t quant_group_size = 0;  // of an int4 recipe
};

enum class BatchKind : std::uint8_t { kExtend, kMixed, kDecode, kVerify, kDraftExtend };

struct PolicyBatch {
  struct Sequence {
    std::int64_t fresh = 0;   // new tokens
    std::int64_t prefix = 0;  // tokens in the cache
  };
  BatchKind kind = BatchKind::kExtend;
  std::vector<Sequence> sequences = {{4096, 0}};
};

struct PolicyInput {
  PolicyDevice device;
  PolicyModel model;
  PolicyFlags flags;
  PolicyBatch batch;
  PolicyRules rules = PolicyRules::k2026_04;
};

// How a field's text is printed in JSON. Empty text is null in each kind.
enum class FieldKind : std::uint8_t { kText, kNumber, kBool };

enum class Field : std::uint8_t {
#define FIELD(id, name, kind, help) id,
#include "core/policy/fields.def"
#undef FIELD
  kCount,
};
inline constexpr std::size_t kFieldCount = static_cast<std::size_t>(Field::kCount);

struct FieldInfo {
  const char* name;
  FieldKind kind;
  const char* help;
};
const FieldInfo& field_info(Field field);

// A decided field; `rule` is null where no row of the group matched.
struct Decided {
  std::string value;
  const policy::Rule* rule = nullptr;
};

struct PolicyFinding {
  std::string message;
  const policy::Rule* rule = nullptr;
};

struct PolicyDecision {
  std::array<Decided, kFieldCount> fields;
  std::vector<PolicyFinding> errors;      // what SGLang refuses
  std::vector<PolicyFinding> warnings;    // what it corrects or warns of, and what the sheet leaves open
  std::vector<const policy::Rule*> hits;  // every row that answered, those overridden by a later row too

  const std::string& value(Field field) const { return fields[static_cast<std::size_t>(field)].value; }
};

PolicyDecision decide(const PolicyInput& input, PolicyMode mode);

// The family of kernel rows for each op that this batch runs, in the form of PlanOptions::families. Left out
// are ops without one, and those for which every row of the table will do ("portable").
struct OpFamily {
  const char* op;
  std::string family;
};
std::vector<OpFamily> policy_families(const PolicyDecision& decision);

}  // namespace tamis
