// A small graph of the ops that every backend has: it normalises, multiplies by FP8 and f32 weights, writes a
// cache, reads it, writes it again, reads it again, selects and picks. Shared by the tests of capture,
// barriers, fallback.
#pragma once

#include "core/ops/argmax/argmax.h"
#include "core/ops/kv_store/kv_store.h"
#include "core/ops/linear/linear.h"
#include "core/ops/rms_norm/rms_norm.h"
#include "core/ops/topk_select/topk_select.h"
#include "tests/conformance/conformance.h"

namespace tamis::conformance {

// What changes from step to step.
struct ChainInputs {
  std::vector<float> x;               // [kTokens, kWidth]
  std::vector<std::int32_t> slots;    // [kTokens], -1 = padding
  std::vector<std::int32_t> slots2;   // for the second write
  std::vector<std::int32_t> visible;  // [kSlots]: columns that topk_select may see
  static ChainInputs make(int seed, std::int64_t real_tokens);
};

class Chain : public OnDevice {
 protected:
  static constexpr std::int64_t kTokens = 12, kWidth = 256, kLatent = 96, kRope = 32, kSlots = 40,
                                kColumns = 150;
  static constexpr std::int64_t kRow = kLatent + kRope;
  static constexpr int kTopK = 17;
  static constexpr float kUntouched = -77.0f;

  void SetUp() override;
  Graph graph(const OpDef& store = op::kv_store) const;
  std::unique_ptr<Plan> make_plan(const Backend& backend, const PlanOptions& options = {}) const;
  // Binds to the fixture's memory.
  void bind(Plan& plan);
  // Inputs uploaded, the cache set to kUntouched.
  void reset(const ChainInputs& inputs);
  void run(Plan& plan) { must(plan.run(*queue_, *host_queue_)); }

  // Everything that the chain leaves behind.
  struct Outcome {
    std::vector<float> scores, scores2, cache;
    std::vector<std::int32_t> idx, token;
    bool operator==(const Outcome&) const = default;
  };
  Outcome outcome(const Plan& plan);
  // The same on the CPU.
  Outcome expected(const ChainInputs& inputs);
  // Floats to 1e-5 of their size; indices against a sort of the outcome's own scores.
  static void expect_close(const Outcome& found, const Outcome& want, const ChainInputs& inputs);

  struct Weights {
    std::vector<std::shared_ptr<Buffer>> buffers;
    std::vector<WeightPiece> pieces;
    Weight fp8, f32;
    std::shared_ptr<Buffer> norm;
  };
  std::unique_ptr<Weights> upload_weights(Device& device, Queue& queue) const;

  std::unique_ptr<Weights> weights_, host_weights_;
  std::map<std::string, std::shared_ptr<Buffer>> memory_;
  std::vector<std::uint8_t> codes_;
  std::vector<float> scales_, projection_, norm_;
};

}  // namespace tamis::conformance
