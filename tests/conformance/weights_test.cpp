// Weights on a device: packed once, in one layout, read by every row that takes it; or as stored, however
// large.
#include <cmath>

#include "core/checkpoint/random_checkpoint.h"
#include "core/model/weight_store.h"
#include "core/ops/linear/linear.h"
#include "tests/conformance/conformance.h"

namespace tamis::conformance {
namespace {

class Weights : public OnDevice {
 protected:
  // A checkpoint of one tensor "t" [n, k] and a weight "w" that is all of it.
  void load(DType dtype, std::int64_t n, std::int64_t k) {
    std::vector<RandomTensor> tensors;
    const auto add = [&](const std::string& name, DType type, std::vector<std::int64_t> shape,
                         RandomFill fill, float value) {
      RandomTensor tensor;
      tensor.info.name = name;
      tensor.info.dtype = type;
      tensor.info.n_bytes = shape[0] * shape[1] * static_cast<std::int64_t>(dtype_size(type));
      tensor.info.shape = std::move(shape);
      tensor.fill = fill;
      tensor.value = value;
      tensors.push_back(std::move(tensor));
    };
    add("t", dtype, {n, k}, RandomFill::kCentred, 0.05f);
    if (dtype == DType::kE4M3)
      add("t_scale_inv", DType::kF32, {(n + 127) / 128, (k + 127) / 128}, RandomFill::kNearOne, 0.5f);
    checkpoint_ = must(make_random_checkpoint("random", std::move(tensors), 7));
    must(set_.add({"w", {dtype, {n, k}}, {{"t", 0, n, 0, k}}, {}}));
    store_ = must(WeightStore::load(set_, *checkpoint_, *device_, *host_));
    desc_ = {dtype, {n, k}};
  }

  Result<std::unique_ptr<Plan>> plan(std::int64_t tokens, const std::string& row = "") const {
    Graph g;
    const ValueId x = g.input("x", {DType::kF32, {tokens, desc_.dim(1)}});
    g.mark_output(add_linear(g, x, g.weight("w", desc_), {}), "y");
    PlanOptions options;
    options.strict = true;
    if (!row.empty()) options.kernels["linear"] = row;
    PlanTarget where = target();
    where.weights = &store_->weights();
    return Plan::create(g, where, options);
  }

  // Runs x[t][i] = sin(t + i) through the plan and compares some outputs with double sums.
  void expect_right(Plan& plan, std::int64_t tokens) {
    const std::int64_t n = desc_.dim(0), k = desc_.dim(1);
    std::vector<float> x;
    for (std::int64_t i = 0; i < tokens * k; ++i) x.push_back(std::sin(static_cast<float>(i / k + i % k)));
    const auto input = buffer_of(x);
    Bindings bindings;
    bindings.arena = must(device_->alloc(plan.arena_bytes()));
    bindings.buffers["x"] = {input.get(), 0};
    store_->bind(bindings);
    must(plan.bind(bindings));
    must(plan.run(*queue_, *host_queue_));
    const std::vector<float> y = read<float>(plan, "y");
    const WeightPiece& piece = store_host_piece(bindings);
    for (const std::int64_t column : {std::int64_t{0}, n / 3, n / 2 + 1, n - 1}) {
      double sum = 0, size = 0;
      for (std::int64_t i = 0; i < k; ++i) {
        const double product = element(piece, column, i) * x[static_cast<std::size_t>((tokens - 1) * k + i)];
        sum += product;
        size += product * product;
      }
      EXPECT_NEAR(y[static_cast<std::size_t>((tokens - 1) * n + column)], sum, 2e-5 * std::sqrt(size))
          << column;
    }
  }

  static const WeightPiece& store_host_piece(const Bindings& bindings) {
    return bindings.host_weights.at("w")->pieces.front();
  }
  double element(const WeightPiece& piece, std::int64_t row, std::int64_t col) const {
    const std::byte* data = piece.buffer->host() + piece.offset;
    const std::int64_t at = row * piece.row_stride + col;
    if (desc_.dtype == DType::kF32) return reinterpret_cast<const float*>(data)[at];
    const auto* scales = reinterpret_cast<const float*>(piece.scale_buffer->host() + piece.scale_offset);
    return static_cast<double>(load_code(static_cast<std::uint8_t>(data[at]))) *
           scales[row / kWeightBlock * piece.scale_stride + col / kWeightBlock];
  }
  static float load_code(std::uint8_t code);

  const KernelRow& row_of(const Plan& plan) const { return *plan.nodes().front().choice.row; }

  std::unique_ptr<Checkpoint> checkpoint_;
  WeightSet set_;
  std::unique_ptr<WeightStore> store_;
  TensorDesc desc_;
};

float Weights::load_code(std::uint8_t code) {
  const float magnitude = (code & 0x78) == 0
                              ? std::ldexp(static_cast<float>(code & 7), -9)
                              : std::ldexp(static_cast<float>(8 | (code & 7)), ((code >> 3) & 15) - 10);
  return (code & 0x80) != 0 ? -magnitude : magnitude;
}

TEST_P(Weights, PackedOnceReadByTwoRowsRefusedByAThird) {
  load(DType::kE4M3, 768, 1024);
  auto decode = must(plan(3)), prefill = must(plan(70));
  const KernelRow first = row_of(*decode);
  if (first.weight_layout == nullptr) GTEST_SKIP() << first.name << " reads weights as stored";
  EXPECT_STRNE(first.name, row_of(*prefill).name);

  EXPECT_TRUE(must(store_->make_resident(*decode)));
  const std::int64_t owned = store_->owned_bytes();
  const double stored = weight_bytes(desc_);
  EXPECT_LE(static_cast<double>(owned), 1.05 * stored);
  EXPECT_GE(static_cast<double>(owned), stored);
  const Weight* packed = store_->weights().at("w");
  EXPECT_FALSE(packed->stored());
  EXPECT_FALSE(must(store_->make_resident(*prefill))) << "packed a second time";
  EXPECT_EQ(store_->owned_bytes(), owned);
  EXPECT_EQ(store_->weights().at("w"), packed);

  decode = must(plan(3)), prefill = must(plan(70));
  EXPECT_STREQ(row_of(*decode).name, first.name);
  expect_right(*decode, 3);
  expect_right(*prefill, 70);

  const auto refused = plan(3, "portable");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find(fmt::format("weight is packed as {}", packed->layout)),
            std::string::npos)
      << refused.status().message();
}

TEST_P(Weights, ResidentAsStoredIsRefusedByRowsThatWouldPack) {
  load(DType::kE4M3, 256, 512);
  const auto stored = must(plan(2, "portable"));
  EXPECT_TRUE(must(store_->make_resident(*stored)));
  const auto later = must(plan(2));
  EXPECT_EQ(row_of(*later).weight_layout, nullptr);
  expect_right(*later, 2);
}

TEST_P(Weights, LargerThan128MiBAsStored) {
  load(DType::kF32, 10240, 4096);  // 160 MiB: past the storage buffer range of small Vulkan drivers
  const auto one = must(plan(1));
  EXPECT_TRUE(must(store_->make_resident(*one)));
  expect_right(*must(plan(1)), 1);
}

TEST_P(Weights, PlanMadeBeforePackingIsNotBoundToAnotherLayout) {
  load(DType::kE4M3, 256, 512);
  const auto before = must(plan(2, "portable")), packing = must(plan(2));
  if (row_of(*packing).weight_layout == nullptr) GTEST_SKIP() << "no row packs";
  EXPECT_TRUE(must(store_->make_resident(*packing)));
  const auto x = must(device_->alloc(2 * 512 * 4));
  Bindings bindings;
  bindings.arena = must(device_->alloc(before->arena_bytes()));
  bindings.buffers["x"] = {x.get(), 0};
  store_->bind(bindings);
  EXPECT_EQ(before->bind(bindings).code(), StatusCode::kInvalidArgument);
}

TAMIS_ON_EVERY_DEVICE(Weights);

}  // namespace
}  // namespace tamis::conformance
