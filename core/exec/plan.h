// A plan: a graph with a kernel row chosen for every node, memory laid out, segments cut; bound to buffers it
// can run again and again without allocating.
//
// Where no row of the device takes a node there are three declared fallbacks, tried in order: another row
// (the normal walk of the table), the op's own decomposition, a CPU row with copies through host memory. The
// last two are counted, logged once per op and, under `strict`, an error.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/backend/kernel_table.h"
#include "core/exec/trace.h"
#include "core/graph/graph.h"

namespace tamis {

struct PlanOptions {
  // Kernel forced for an op ("linear" -> "portable" or "cpu.linear.portable"), strongest override first.
  std::map<std::string, std::string> kernels;
  // Family tried first for an op: what the policy or --prefill-backend asks for.
  std::map<std::string, std::string> families;
  // Placement: ops that run on the host although the device has rows for them ("moe_experts", whose weights
  // then stay in host memory). Not a fallback: neither counted nor refused under strict.
  std::set<std::string> on_host;
  Invariance invariance = Invariance::kRun;
  bool strict = false;
  bool log_fallbacks = true;  // off for a plan that will not run
};

// The devices of a plan. `host` runs fallback nodes; it is the device itself on the CPU.
struct PlanTarget {
  const Backend* backend = nullptr;
  Device* device = nullptr;
  const Backend* host_backend = nullptr;
  Device* host = nullptr;
  // Weights as they are loaded, by name, so that a row can refuse a packed layout; null before loading.
  const std::unordered_map<std::string, const Weight*>* weights = nullptr;
};

enum class Fallback : std::uint8_t { kNone, kDecomposed, kHostRow };
const char* fallback_name(Fallback fallback);

struct PlannedNode {
  const Node* node = nullptr;
  RowChoice choice;
  Fallback fallback = Fallback::kNone;
  bool on_host = false;  // a host row beside a device that is not the host
  std::int64_t workspace_bytes = 0;
  std::int64_t step_bytes = 0;
  int step_slot = -1;  // nodes that share prepare()d state share a slot
};

// A run of nodes on one device; captured as one unit if all its rows can be.
struct PlanSegment {
  std::size_t first = 0, last = 0;  // [first, last)
  bool on_host = false;
  bool capturable = true;
};

struct BufferRange {
  Buffer* buffer = nullptr;
  std::int64_t offset = 0;
};

// Bytes [begin, end) of the arena.
struct ByteRange {
  std::int64_t begin = 0, end = 0;
};

// Memory from outside the plan, by the names given to Graph::input, state and weight.
struct Bindings {
  std::unordered_map<std::string, BufferRange> buffers;         // inputs, states, rank-1 weights
  std::unordered_map<std::string, const Weight*> weights;       // rank >= 2, for the plan's device
  std::unordered_map<std::string, const Weight*> host_weights;  // the same, in host memory, for fallback rows
  std::unordered_map<std::string, BufferRange> host_vectors;    // rank-1 weights in host memory
  std::shared_ptr<Buffer> arena;                                // at least Plan::arena_bytes()
};

// An OpCall that owns its operands. Moves only: `call` points into `operands`.
struct PlanCall {
  std::vector<Tensor> operands;
  OpCall call;
};

struct PlanStats {
  int nodes = 0;
  int decomposed = 0;
  int host_rows = 0;
  std::vector<std::string> fallbacks;  // one line per op that fell back, with the reason
};

class Plan {
 public:
  // kUnsupported with every row's reason when a node has no row anywhere, or a fallback under strict.
  static Result<std::unique_ptr<Plan>> create(const Graph& graph, const PlanTarget& target,
                                              const PlanOptions& options);

  const PlanStats& stats() const { return stats_; }
  const std::vector<PlannedNode>& nodes() const { return planned_; }
  const std::vector<PlanSegment>& segments() const { return segments_; }
  const Graph& graph() const { return graph_; }
  std::int64_t arena_bytes() const { return arena_bytes_; }
  // The call of a node without its memory: for explain, layouts, FLOPs and bytes.
  PlanCall unbound_call(std::size_t index) const;

  // Resolves every operand. kNotFound names an input, state or weight that `bindings` lacks; kInvalidArgument
  // a weight in a layout that its row does not read.
  Status bind(const Bindings& bindings);

  // Runs all segments in order and waits. Captures capturable segments on the first run and replays them
  // later, unless `trace` is given (then every node runs by itself, timed).
  Status run(Queue& queue, Queue& host_queue, Trace* trace = nullptr);
  // For tests and for whoever writes a kernel: runs node by node with poisoned outputs and workspaces, and
  // fails at the first row that writes something its op does not declare as written. Barriers and memory
  // reuse follow from those declarations alone, so such a row is a race on some device. Slow: copies the
  // arena around every node.
  Status run_checked(Queue& queue, Queue& host_queue);
  void set_capture(bool capture) { capture_ = capture; }
  // Segments that the next run replays.
  int captured_segments() const {
    return static_cast<int>(
        std::count_if(captures_.begin(), captures_.end(), [](const auto& c) { return c != nullptr; }));
  }

  // Where a marked output lies; valid after bind().
  Result<Tensor> output(const std::string& name) const;

 private:
  Plan() = default;
  Status choose_rows(const Graph& source);
  Status place(const Node& node, bool decomposed);
  Status place_decomposed(const Node& node);
  Status place_on_host(const Node& node, const OpCall& call, PlannedNode& planned);
  void note_fallback(const PlannedNode& planned, const std::string& reason);
  void cut_segments();
  void lay_out_memory();
  Status resolve(const Bindings& bindings, std::size_t index, bool host);
  Status check_weights(std::size_t index) const;
  Status make_host_mirrors(std::size_t index);
  Status launch_node(std::size_t index, Queue& queue, Queue& host_queue);
  Status launch_on_host(std::size_t index, Queue& queue, Queue& host_queue);
  Status prepare_step(Queue& queue, Queue& host_queue);
  Status run_segment(std::size_t index, Queue& queue, Queue& host_queue);
  Status run_traced(Queue& queue, Queue& host_queue, Trace& trace);
  Status poison_node(std::size_t index, Queue& queue, std::vector<ByteRange>& writable);
  Status check_node(std::size_t index, Queue& queue, Queue& host_queue);
  BufferRange operand_range(std::size_t index, std::size_t operand) const;
  Status describe_failure(const Status& status, std::size_t index) const;

  struct BoundNode {
    std::vector<Tensor> operands;
    OpCall call;
    Scratch scratch;
    std::vector<std::shared_ptr<Buffer>>
        mirrors;  // host copies of the operands of a fallback row, null = not needed
    std::vector<BufferRange> device_operands;  // where the mirrors' originals lie
    std::shared_ptr<Buffer> host_scratch;
  };

  PlanTarget target_;
  PlanOptions options_;
  Graph graph_;  // lowered
  std::vector<PlannedNode> planned_;
  std::vector<PlanSegment> segments_;
  PlanStats stats_;
  std::vector<std::int64_t> storage_offsets_;    // per storage; -1 = not in the arena
  std::vector<std::int64_t> workspace_offsets_;  // per node
  std::vector<std::int64_t> step_offsets_;       // per step slot
  std::vector<std::size_t> step_owners_;         // first node of each step slot
  std::int64_t arena_bytes_ = 0;
  std::shared_ptr<Buffer> arena_;
  std::vector<BoundNode> bound_;
  std::unordered_map<std::string, Tensor> outputs_;
  std::vector<std::unique_ptr<Capture>> captures_;
  bool capture_ = true;
};

}  // namespace tamis
