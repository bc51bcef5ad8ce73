// The planner: walk of the table, overrides, the three steps of fallback, capture, and the launch of each.
#include "core/exec/plan.h"

#include <array>
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "core/backend/registry.h"
#include "core/ops/add_rms_norm/add_rms_norm.h"
#include "core/ops/linear/linear.h"
#include "core/ops/rms_norm/rms_norm.h"
#include "tests/harness/changed_backend.h"

namespace tamis {
namespace {

constexpr std::int64_t kTokens = 5, kWidth = 64;

// The CPU's rows without those of the ops named: a backend that is not finished.
ChangedBackend cpu_without(std::vector<std::string> missing) {
  return {*create_cpu_backend(), std::move(missing)};
}

// y = linear(add_rms_norm(x, x, norm)), run on a backend that lacks `missing`.
class PlanTest : public ::testing::Test {
 protected:
  void SetUp() override {
    host_ = create_cpu_backend()->enumerate().devices[0];
    device_ = create_cpu_backend()->enumerate().devices[0];  // another object: not the host
    queue_ = device_->create_queue().value();
    host_queue_ = host_->create_queue().value();
    for (std::size_t i = 0; i < x_.size(); ++i) x_[i] = std::sin(static_cast<float>(i));
    for (std::size_t i = 0; i < w_.size(); ++i) w_[i] = std::cos(static_cast<float>(i) * 0.37f);
    norm_.fill(1.5f);
    piece_.rows = kWidth;
    piece_.row_stride = kWidth;
    weight_.desc = {DType::kF32, {kWidth, kWidth}};
    add("x", std::as_bytes(std::span(x_)));
    add("norm", std::as_bytes(std::span(norm_)));
    add("w", std::as_bytes(std::span(w_)));
    piece_.buffer = buffers_.at("w").get();
    weight_.pieces = std::span(&piece_, 1);
  }

  void add(const std::string& name, std::span<const std::byte> bytes) {
    buffers_[name] = device_->alloc(static_cast<std::int64_t>(bytes.size())).value();
    ASSERT_TRUE(queue_->upload(*buffers_[name], 0, bytes).ok());
  }

  Graph graph() {
    Graph g;
    const ValueId x = g.input("x", {DType::kF32, {kTokens, kWidth}});
    const ValueId norm = g.weight("norm", {DType::kF32, {kWidth}});
    g.set_label("layer");
    const NodeValues normed = add_add_rms_norm(g, x, x, norm, {1e-6f, DType::kF32});
    const ValueId y = add_linear(g, normed[add_rms_norm_operand::kY], g.weight("w", weight_.desc), {});
    g.mark_output(normed[add_rms_norm_operand::kSum], "sum");
    g.mark_output(y, "y");
    return g;
  }

  Result<std::unique_ptr<Plan>> plan(const Backend& backend, const PlanOptions& options = {}) {
    return Plan::create(graph(), {&backend, device_.get(), create_cpu_backend(), host_.get(), nullptr},
                        options);
  }

  std::vector<float> run(Plan& plan, const std::string& output = "y", Trace* trace = nullptr) {
    Bindings bindings;
    bindings.arena = device_->alloc(plan.arena_bytes()).value();
    for (const auto& [name, buffer] : buffers_)
      bindings.buffers[name] = bindings.host_vectors[name] = {buffer.get(), 0};
    bindings.weights["w"] = bindings.host_weights["w"] = &weight_;
    const Status bound = plan.bind(bindings);
    EXPECT_TRUE(bound.ok()) << bound.message();
    const Status ran = plan.run(*queue_, *host_queue_, trace);
    EXPECT_TRUE(ran.ok()) << ran.message();
    return read(plan, output);
  }

  std::vector<float> read(Plan& plan, const std::string& output) {
    const Tensor tensor = plan.output(output).value();
    std::vector<float> values(static_cast<std::size_t>(tensor.desc.elements()));
    EXPECT_TRUE(
        queue_->download(std::as_writable_bytes(std::span(values)), *tensor.buffer, tensor.offset).ok());
    return values;
  }

  std::shared_ptr<Device> host_, device_;
  std::unique_ptr<Queue> queue_, host_queue_;
  std::map<std::string, std::shared_ptr<Buffer>> buffers_;
  std::array<float, kTokens * kWidth> x_{};
  std::array<float, kWidth * kWidth> w_{};
  std::array<float, kWidth> norm_{};
  WeightPiece piece_;
  Weight weight_;
};

TEST_F(PlanTest, AllThreeStepsOfFallbackGiveTheSameResult) {
  const ChangedBackend full = cpu_without({}), no_composite = cpu_without({"add_rms_norm"}),
                       no_linear = cpu_without({"linear", "add_rms_norm"});
  auto direct = plan(full).value(), decomposed = plan(no_composite).value(),
       on_host = plan(no_linear).value();
  EXPECT_EQ(direct->stats().decomposed + direct->stats().host_rows, 0);
  EXPECT_EQ(direct->segments().size(), 1u);
  EXPECT_EQ(decomposed->stats().decomposed, 1);
  EXPECT_EQ(decomposed->nodes().size(), 3u);  // residual_add, rms_norm, linear
  EXPECT_EQ(on_host->stats().host_rows, 1);
  EXPECT_EQ(on_host->segments().size(), 2u);  // the host row cuts the segment
  EXPECT_FALSE(on_host->segments()[1].capturable);
  for (const char* output : {"y", "sum"}) {
    const std::vector<float> expected = run(*direct, output);
    EXPECT_EQ(run(*decomposed, output), expected);
    EXPECT_EQ(run(*on_host, output), expected);
  }
  EXPECT_NE(on_host->stats().fallbacks[1].find("linear"), std::string::npos) << on_host->stats().fallbacks[1];
}

TEST_F(PlanTest, StrictRefusesFallbacksAndSaysWhy) {
  const ChangedBackend no_composite = cpu_without({"add_rms_norm"}), no_linear = cpu_without({"linear"});
  PlanOptions strict;
  strict.strict = true;
  for (const ChangedBackend* backend : {&no_composite, &no_linear}) {
    const auto refused = plan(*backend, strict);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.status().message().find("no rows for this op"), std::string::npos)
        << refused.status().message();
  }
}

TEST_F(PlanTest, OverridesChooseARowByNameAndExplainTheRest) {
  const ChangedBackend full = cpu_without({});
  PlanOptions options;
  options.kernels["linear"] = "portable";
  auto forced = plan(full, options).value();
  const PlannedNode& linear = forced->nodes().back();
  EXPECT_STREQ(linear.choice.row->name, "cpu.linear.portable");
  for (const RowVerdict& verdict : linear.choice.walk) {
    if (verdict.row == linear.choice.row) continue;
    EXPECT_NE(verdict.hard.text().find("asked for"), std::string::npos);
  }
  options.kernels["linear"] = "no_such_row";
  options.strict = true;
  EXPECT_FALSE(plan(full, options).ok());
}

TEST_F(PlanTest, FamilyIsTriedFirstAndInvarianceFilters) {
  const ChangedBackend full = cpu_without({});
  PlanOptions options;
  const auto chosen = [&] {
    return std::string(plan(full, options).value()->nodes().back().choice.row->name);
  };
  const std::string preferred = chosen();
  EXPECT_NE(preferred, "cpu.linear.portable");
  options.families["linear"] = "portable";
  EXPECT_EQ(chosen(), "cpu.linear.portable");
  options.families["linear"] = "a family that no row carries";
  EXPECT_EQ(chosen(), preferred);
  options = {};
  options.invariance = Invariance::kBatch;
  const auto invariant = plan(full, options).value();
  for (const PlannedNode& node : invariant->nodes()) {
    EXPECT_EQ(node.choice.row->numerics.invariance, Invariance::kBatch) << node.choice.row->name;
  }
}

TEST_F(PlanTest, ReplayReadsNewInputsAndUncapturedAgrees) {
  const ChangedBackend full = cpu_without({});
  auto captured = plan(full).value(), uncaptured = plan(full).value();
  uncaptured->set_capture(false);
  run(*captured);
  for (float& value : x_) value = -value * 0.25f;
  ASSERT_TRUE(queue_->upload(*buffers_.at("x"), 0, std::as_bytes(std::span(x_))).ok());
  ASSERT_TRUE(captured->run(*queue_, *host_queue_).ok());
  EXPECT_EQ(read(*captured, "y"), run(*uncaptured));
}

TEST_F(PlanTest, TraceTimesEveryNode) {
  const ChangedBackend full = cpu_without({});
  auto traced = plan(full).value();
  Trace trace;
  run(*traced, "y", &trace);
  ASSERT_EQ(trace.events().size(), 2u);
  EXPECT_EQ(trace.events()[1].name, traced->nodes()[1].choice.row->name);
  EXPECT_EQ(trace.events()[1].flops, 2.0 * kTokens * kWidth * kWidth);
  EXPECT_NE(trace.to_chrome_json().find("\"ph\":\"X\""), std::string::npos);
}

TEST_F(PlanTest, BindNamesWhatIsMissing) {
  const ChangedBackend full = cpu_without({});
  auto unbound = plan(full).value();
  Bindings bindings;
  EXPECT_EQ(unbound->bind(bindings).code(), StatusCode::kOutOfMemory);
  bindings.arena = device_->alloc(unbound->arena_bytes()).value();
  EXPECT_NE(unbound->bind(bindings).message().find("x is not bound"), std::string::npos);
}

}  // namespace
}  // namespace tamis
