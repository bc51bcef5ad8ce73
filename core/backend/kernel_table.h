// Kernel selection tables. A backend lists, per op, its kernel rows in order of preference. The same rows
// drive dispatch, parity tests, benchmarks and the generated docs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/backend/backend_api.h"
#include "core/base/reason.h"
#include "core/graph/op_def.h"

namespace tamis {

enum class Invariance : std::uint8_t {
  kRun,    // same call, same bits
  kBatch,  // also: the bits of a token's result do not depend on its neighbours in the batch
};

struct Numerics {
  const char* accuracy = "f32";  // class that bench and compare print: "f32", "bf16", "e4m3_act"
  Invariance invariance = Invariance::kRun;
};

// How a row wants a weight in memory: the same bits in another order, or an exact re-encoding.
struct Layout {
  const char* name = kStoredLayout;
  std::int64_t bytes = 0;  // of the packed form; unused for "stored"
};

// Whether a packed weight of `bytes` keeps the promise on resident memory: at most 1.05 times the stored
// bytes, plus a page for small weights, whose padding weighs more.
bool layout_fits(std::int64_t bytes, const TensorDesc& weight);

// Memory that the plan set aside for one launch.
struct Scratch {
  Buffer* workspace = nullptr;  // `workspace_bytes` of undefined content from workspace_offset
  std::int64_t workspace_offset = 0;
  std::int64_t workspace_bytes = 0;
  Buffer* step = nullptr;  // written by prepare(), once per step
  std::int64_t step_offset = 0;
  std::int64_t step_bytes = 0;
};

struct KernelRow {
  const char* name;      // backend.op.variant: "cuda.sparse_mla.decode_wgmma_sm90_fp8"
  const char* op;        // by name: ids of a plug-in and of the library may differ
  const char* families;  // space-separated names users know it by: "flashmla_kv trtllm"
  Features needs = {};
  Numerics numerics = {};
  Reason (*accepts)(const DeviceInfo&, const OpCall&) = nullptr;  // hard: it could not run, or would be wrong
  Reason (*prefers)(const DeviceInfo&, const OpCall&) = nullptr;  // soft; null = always preferred
  // Of weight operand `operand`; null = all as stored.
  Layout (*weight_layout)(const DeviceInfo&, const OpCall&, std::size_t operand) = nullptr;
  Status (*pack)(const Weight& stored, Layout layout, std::span<std::byte> out) = nullptr;
  std::int64_t (*workspace)(const DeviceInfo&, const OpCall&) = nullptr;   // bytes; null = none
  std::int64_t (*step_bytes)(const DeviceInfo&, const OpCall&) = nullptr;  // bytes; null = none
  Status (*prepare)(Queue&, const OpCall&, const Scratch&) = nullptr;
  Status (*launch)(Queue&, const OpCall&, const Scratch&) = nullptr;
  bool capturable = true;
};

// What the planner thought of one row.
struct RowVerdict {
  const KernelRow* row;
  Reason hard;  // of needs, accepts, overrides or invariance
  Reason soft;  // of prefers; only if hard accepted
};

struct RowChoice {
  const KernelRow* row = nullptr;  // null: no row takes the call
  std::vector<RowVerdict> walk;    // all rows, in table order
};

struct RowPreferences {
  std::string forced_row;  // full name, or its variant part; empty = none
  std::string family;      // rows that carry it are tried first
  Invariance invariance = Invariance::kRun;
};

// First row that accepts and prefers, else the first that accepts.
RowChoice choose_row(std::span<const KernelRow> rows, const DeviceInfo& device, const OpCall& call,
                     const RowPreferences& preferences = {});

// "sparse_mla: no row of cpu takes q bf16[4, 8, 512] …: cpu.sparse_mla.portable: reason; …".
std::string describe_rejections(const OpCall& call, const RowChoice& choice);
std::string describe_call(const OpCall& call);

bool has_family(const KernelRow& row, std::string_view family);

}  // namespace tamis
