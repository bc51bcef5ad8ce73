#include "tests/conformance/chain.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/numeric/fp8.h"

namespace tamis::conformance {
namespace {

// Deterministic numbers in [-1, 1) without a pattern that a wrong stride would keep.
float noise(std::uint32_t i) {
  i = (i ^ 61u) ^ (i >> 16);
  i *= 9u;
  i ^= i >> 4;
  i *= 0x27d4eb2du;
  i ^= i >> 15;
  return static_cast<float>(i >> 8) * 0x1p-23f - 1.0f;
}

}  // namespace

ChainInputs ChainInputs::make(int seed, std::int64_t real_tokens) {
  constexpr std::int64_t kTokens = 12, kWidth = 256, kSlots = 40;
  ChainInputs in;
  const auto base = static_cast<std::uint32_t>(seed) * 100003u;
  for (std::int64_t i = 0; i < kTokens * kWidth; ++i)
    in.x.push_back(noise(base + static_cast<std::uint32_t>(i)));
  for (std::int64_t t = 0; t < kTokens; ++t) {
    const bool real = t < real_tokens;
    in.slots.push_back(real ? static_cast<std::int32_t>((t * 3 + seed) % kSlots) : -1);
    in.slots2.push_back(real ? static_cast<std::int32_t>((t * 3 + seed + 1) % kSlots) : -1);
  }
  for (std::int64_t s = 0; s < kSlots; ++s)
    in.visible.push_back(static_cast<std::int32_t>((s * 7 + seed) % 151));
  return in;
}

void Chain::SetUp() {
  OnDevice::SetUp();
  for (std::int64_t i = 0; i < kRow * kWidth; ++i) {
    const auto code = static_cast<std::uint8_t>(std::abs(noise(static_cast<std::uint32_t>(i) + 7u)) * 255.0f);
    codes_.push_back((code & 0x7f) == 0x7f ? 0x30 : code);
  }
  for (int i = 0; i < 2; ++i) scales_.push_back(0.001f * static_cast<float>(i + 1));
  for (std::int64_t i = 0; i < kColumns * kRow; ++i)
    projection_.push_back(noise(static_cast<std::uint32_t>(i) + 911u));
  for (std::int64_t i = 0; i < kWidth; ++i)
    norm_.push_back(1.0f + 0.25f * noise(static_cast<std::uint32_t>(i)));
  weights_ = upload_weights(*device_, *queue_);
  host_weights_ = upload_weights(*host_, *host_queue_);
  const ChainInputs inputs = ChainInputs::make(0, kTokens);
  memory_["x"] = buffer_of(inputs.x);
  memory_["slots"] = buffer_of(inputs.slots);
  memory_["slots2"] = buffer_of(inputs.slots2);
  memory_["visible"] = buffer_of(inputs.visible);
  memory_["cache"] = must(device_->alloc(kSlots * kRow * 4));
  memory_["norm"] = weights_->norm;
}

std::unique_ptr<Chain::Weights> Chain::upload_weights(Device& device, Queue& queue) const {
  auto weights = std::make_unique<Weights>();
  const auto put = [&](std::span<const std::byte> bytes) {
    weights->buffers.push_back(must(device.alloc(static_cast<std::int64_t>(bytes.size()))));
    must(queue.upload(*weights->buffers.back(), 0, bytes));
    return weights->buffers.back().get();
  };
  WeightPiece fp8{.buffer = put(std::as_bytes(std::span(codes_))), .rows = kRow, .row_stride = kWidth};
  fp8.scale_buffer = put(std::as_bytes(std::span(scales_)));
  fp8.scale_stride = 2;
  WeightPiece f32{.buffer = put(std::as_bytes(std::span(projection_))), .rows = kColumns, .row_stride = kRow};
  put(std::as_bytes(std::span(norm_)));
  weights->norm = weights->buffers.back();
  must(queue.sync());
  weights->pieces = {fp8, f32};
  weights->fp8.desc = {DType::kE4M3, {kRow, kWidth}};
  weights->fp8.pieces = std::span(weights->pieces).first(1);
  weights->f32.desc = {DType::kF32, {kColumns, kRow}};
  weights->f32.pieces = std::span(weights->pieces).last(1);
  weights->fp8.resident = weights->f32.resident = true;
  return weights;
}

Graph Chain::graph(const OpDef& store) const {
  Graph g;
  const ValueId x = g.input("x", {DType::kF32, {kTokens, kWidth}});
  const ValueId slots = g.input("slots", {DType::kI32, {kTokens}}),
                slots2 = g.input("slots2", {DType::kI32, {kTokens}});
  const ValueId visible = g.input("visible", {DType::kI32, {kSlots}});
  const ValueId norm = g.weight("norm", {DType::kF32, {kWidth}});
  const ValueId fp8 = g.weight("fp8", {DType::kE4M3, {kRow, kWidth}});
  const ValueId f32 = g.weight("f32", {DType::kF32, {kColumns, kRow}});
  ValueId cache = g.state("cache", {DType::kF32, {kSlots, kRow}});
  const KvStoreParams kv{KvFormat::kPlain, static_cast<std::int32_t>(kLatent),
                         static_cast<std::int32_t>(kRope)};
  const auto store_rows = [&](ValueId rows, ValueId where) {
    const NodeValues stored =
        g.add(store, kv, {g.slice(rows, 1, 0, kLatent), g.slice(rows, 1, kLatent, kRope), where, cache});
    if (store.operands[kv_store_operand::kCache].role == Role::kState)
      cache = stored[kv_store_operand::kCache];
  };
  const ValueId rows = add_linear(g, add_rms_norm(g, x, norm, {1e-6f, DType::kF32}), fp8, {});
  g.set_label("first write");
  store_rows(rows, slots);
  const ValueId scores = add_linear(g, cache, f32, {});
  g.set_label("second write");
  store_rows(add_linear(g, x, fp8, {}), slots2);
  const ValueId scores2 = add_linear(g, cache, f32, {});
  const NodeValues top = add_topk_select(g, scores2, kNoValue, visible, {kTopK});
  g.mark_output(scores, "scores");
  g.mark_output(scores2, "scores2");
  g.mark_output(top[topk_select_operand::kIdx], "idx");
  g.mark_output(add_argmax(g, scores2), "token");
  return g;
}

std::unique_ptr<Plan> Chain::make_plan(const Backend& backend, const PlanOptions& options) const {
  PlanTarget where = target();
  where.backend = &backend;
  const std::unordered_map<std::string, const Weight*> weights{{"fp8", &weights_->fp8},
                                                               {"f32", &weights_->f32}};
  where.weights = &weights;
  auto plan = must(Plan::create(graph(), where, options));
  return plan;
}

void Chain::bind(Plan& plan) {
  Bindings bindings;
  bindings.arena = must(device_->alloc(plan.arena_bytes()));
  for (const auto& [name, buffer] : memory_) bindings.buffers[name] = {buffer.get(), 0};
  bindings.weights = {{"fp8", &weights_->fp8}, {"f32", &weights_->f32}};
  bindings.host_weights = {{"fp8", &host_weights_->fp8}, {"f32", &host_weights_->f32}};
  bindings.host_vectors["norm"] = {host_weights_->norm.get(), 0};
  must(plan.bind(bindings));
}

void Chain::reset(const ChainInputs& inputs) {
  upload(*memory_["x"], inputs.x);
  upload(*memory_["slots"], inputs.slots);
  upload(*memory_["slots2"], inputs.slots2);
  upload(*memory_["visible"], inputs.visible);
  upload(*memory_["cache"], std::vector<float>(static_cast<std::size_t>(kSlots * kRow), kUntouched));
}

Chain::Outcome Chain::outcome(const Plan& plan) {
  return {read<float>(plan, "scores"), read<float>(plan, "scores2"),
          read<float>(*memory_["cache"], 0, kSlots * kRow), read<std::int32_t>(plan, "idx"),
          read<std::int32_t>(plan, "token")};
}

Chain::Outcome Chain::expected(const ChainInputs& inputs) {
  Outcome want;
  std::vector<float> cache(static_cast<std::size_t>(kSlots * kRow), kUntouched);
  const auto weight = [&](std::int64_t n, std::int64_t k) {
    return static_cast<double>(numeric::e4m3_to_float(codes_[static_cast<std::size_t>(n * kWidth + k)])) *
           scales_[static_cast<std::size_t>(k / kWeightBlock)];
  };
  const auto write = [&](bool normed, const std::vector<std::int32_t>& slots) {
    for (std::int64_t t = 0; t < kTokens; ++t) {
      const std::int64_t slot = slots[static_cast<std::size_t>(t)];
      if (slot < 0) continue;
      const float* x = inputs.x.data() + t * kWidth;
      double squares = 0;
      for (std::int64_t k = 0; k < kWidth; ++k) squares += static_cast<double>(x[k]) * x[k];
      const double scale = 1 / std::sqrt(squares / kWidth + 1e-6);
      for (std::int64_t n = 0; n < kRow; ++n) {
        double sum = 0;
        for (std::int64_t k = 0; k < kWidth; ++k)
          sum += weight(n, k) * x[k] * (normed ? scale * norm_[static_cast<std::size_t>(k)] : 1.0);
        cache[static_cast<std::size_t>(slot * kRow + n)] = static_cast<float>(sum);
      }
    }
  };
  const auto project = [&] {
    std::vector<float> scores;
    for (std::int64_t s = 0; s < kSlots; ++s) {
      for (std::int64_t c = 0; c < kColumns; ++c) {
        double sum = 0;
        for (std::int64_t i = 0; i < kRow; ++i)
          sum += static_cast<double>(cache[static_cast<std::size_t>(s * kRow + i)]) *
                 projection_[static_cast<std::size_t>(c * kRow + i)];
        scores.push_back(static_cast<float>(sum));
      }
    }
    return scores;
  };
  write(true, inputs.slots);
  want.scores = project();
  write(false, inputs.slots2);
  want.scores2 = project();
  want.cache = cache;
  return want;
}

namespace {

void expect_floats(const std::vector<float>& found, const std::vector<float>& want, const char* what) {
  ASSERT_EQ(found.size(), want.size());
  double squares = 0;
  for (float value : want) squares += static_cast<double>(value) * value;
  const double rms = std::sqrt(squares / static_cast<double>(want.size()));
  for (std::size_t i = 0; i < want.size(); ++i) {
    ASSERT_LE(std::abs(found[i] - want[i]), 1e-5 * (std::abs(want[i]) + rms))
        << what << "[" << i << "]: found " << found[i] << ", expected " << want[i];
  }
}

}  // namespace

void Chain::expect_close(const Outcome& found, const Outcome& want, const ChainInputs& inputs) {
  expect_floats(found.scores, want.scores, "scores");
  expect_floats(found.scores2, want.scores2, "scores2");
  expect_floats(found.cache, want.cache, "cache");
  for (std::int64_t s = 0; s < kSlots; ++s) {
    const float* scores = found.scores2.data() + s * kColumns;
    std::vector<std::int32_t> order(static_cast<std::size_t>(
        std::min<std::int64_t>(inputs.visible[static_cast<std::size_t>(s)], kColumns)));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return scores[a] > scores[b]; });
    order.resize(std::min<std::size_t>(order.size(), kTopK));
    std::sort(order.begin(), order.end());
    order.resize(kTopK, -1);
    const auto row = found.idx.begin() + s * kTopK;
    ASSERT_EQ(order, std::vector<std::int32_t>(row, row + kTopK)) << "indices of row " << s;
    ASSERT_EQ(found.token[static_cast<std::size_t>(s)], std::max_element(scores, scores + kColumns) - scores);
  }
}

}  // namespace tamis::conformance
