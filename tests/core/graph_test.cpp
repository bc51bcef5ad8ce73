// The graph: shape inference, sticky errors that say where, versions of state.
#include "core/graph/graph.h"

#include <gtest/gtest.h>

#include "core/ops/kv_store/kv_store.h"
#include "core/ops/linear/linear.h"
#include "core/ops/rms_norm/rms_norm.h"

namespace tamis {
namespace {

TEST(Graph, InfersShapesAndKeepsViews) {
  Graph g;
  const ValueId x = g.input("x", {DType::kBF16, {5, 96}});
  const ValueId y =
      add_linear(g, x, g.weight("w", {DType::kE4M3, {48, 96}}), {ActQuant::kNone, DType::kBF16});
  ASSERT_TRUE(g.status().ok()) << g.status().message();
  EXPECT_EQ(g.desc(y).to_string(), "bf16[5, 48]");
  const ValueId heads = g.reshape(g.slice(y, 1, 16, 32), {5, 4, 8});
  ASSERT_TRUE(g.status().ok()) << g.status().message();
  EXPECT_EQ(g.desc(heads).to_string(), "bf16[5, 4, 8]");
  EXPECT_EQ(g.desc(heads).stride(0), 48);  // still rows of y
  EXPECT_EQ(g.value(heads).offset, 16 * 2);
  EXPECT_EQ(g.value(heads).storage, g.value(y).storage);
}

TEST(Graph, FirstErrorSticksAndNamesThePlace) {
  Graph g;
  g.set_label("layers.7.attention");
  const ValueId x = g.input("x", {DType::kF32, {5, 96}});
  const ValueId bad = add_linear(g, x, g.weight("w", {DType::kF32, {48, 95}}), {});
  EXPECT_EQ(bad, kNoValue);
  g.slice(bad, 1, 0, 1000);  // a later error must not replace the first
  const std::string& message = g.status().message();
  for (const char* part : {"layers.7.attention", "linear", "w", "[N, 96]", "f32[48, 95]"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

TEST(Graph, RefusesSlicesAndShapesOutOfRange) {
  for (int variant = 0; variant < 3; ++variant) {
    Graph g;
    const ValueId x = g.input("x", {DType::kF32, {4, 10}});
    if (variant == 0) g.slice(x, 1, 8, 3);
    if (variant == 1) g.reshape(x, {4, 11});
    if (variant == 2) g.reshape(g.slice(x, 1, 0, 4), {16});  // not contiguous
    EXPECT_FALSE(g.status().ok()) << variant;
  }
}

TEST(Graph, ReadingAnOverwrittenCacheIsAnError) {
  Graph g;
  const ValueId cache = g.state("kv", {DType::kF32, {64, 24}});
  const ValueId latent = g.input("latent", {DType::kF32, {3, 16}}),
                rope = g.input("rope", {DType::kF32, {3, 8}});
  const ValueId slot = g.input("slot", {DType::kI32, {3}});
  const KvStoreParams params{KvFormat::kPlain, 16, 8};
  const NodeValues stored = g.add(op::kv_store, params, {latent, rope, slot, cache});
  ASSERT_TRUE(g.status().ok()) << g.status().message();
  const ValueId next = stored[kv_store_operand::kCache];
  EXPECT_EQ(g.value(next).version, 1);
  g.add(op::kv_store, params, {latent, rope, slot, next});
  ASSERT_TRUE(g.status().ok()) << g.status().message();
  g.add(op::kv_store, params, {latent, rope, slot, cache});  // version 0 again
  EXPECT_FALSE(g.status().ok());
  EXPECT_NE(g.status().message().find("version 0"), std::string::npos) << g.status().message();
}

TEST(Graph, StateMustBeState) {
  Graph g;
  const ValueId fake = g.input("cache", {DType::kF32, {64, 24}});
  g.add(op::kv_store, KvStoreParams{KvFormat::kPlain, 16, 8},
        {g.input("latent", {DType::kF32, {3, 16}}), g.input("rope", {DType::kF32, {3, 8}}),
         g.input("slot", {DType::kI32, {3}}), fake});
  EXPECT_FALSE(g.status().ok());
}

}  // namespace
}  // namespace tamis
