// The policy drives the plans of a runner: families by phase, dense prefill of short prompts, and where
// neither may happen.
#include "core/backend/registry.h"
#include "core/policy/capability.h"
#include "tests/model/model_fixture.h"

namespace tamis::model_tests {
namespace {

std::unique_ptr<Runner> open(const PolicyFlags& flags, const RunnerOptions& base = {}) {
  ModelSetup setup{tiny_v32_path(), base, {}};
  setup.options.policy = flags;
  setup.options.cache_tokens = 1024;
  setup.options.max_sequences = 2;
  return open_runner_on(setup.options.device, setup);
}

std::vector<std::int32_t> prompt(std::int64_t n) {
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < n; ++i) ids.push_back(static_cast<std::int32_t>((i * 733 + 5) % 3000));
  return ids;
}

// What these tests expect are the CPU's rows and the answers for it.
class StepPolicy : public ::testing::Test {
  void SetUp() override {
    if (tested_device() != "cpu") GTEST_SKIP() << "about the CPU";
  }
};

// Row of the first node that runs `op` in a step of these shapes; empty: none does.
std::string row_of(Runner& runner, const std::string& op, const std::vector<StepShape>& shapes) {
  const Plan* plan = must(runner.plan(runner.key_for_shapes(shapes)));
  for (const PlannedNode& node : plan->nodes()) {
    if (op == node.node->op->name) return node.choice.row->name;
  }
  return "";
}

TEST_F(StepPolicy, AFamilyIsAskedForByPhase) {
  PolicyFlags flags;
  flags.prefill_backend = "portable";
  const std::unique_ptr<Runner> runner = open(flags);
  const std::vector<StepShape> extend = {{20, 320}}, decode = {{1, 300}, {1, 40}},
                               mixed = {{1, 300}, {20, 20}};
  const std::unique_ptr<Runner> plain = open({});
  const std::string first = row_of(*plain, "sparse_mla", decode);  // of the table; which, the CPU decides
  EXPECT_NE(first, "cpu.sparse_mla.portable");
  EXPECT_EQ(row_of(*runner, "sparse_mla", extend), "cpu.sparse_mla.portable");
  EXPECT_EQ(row_of(*runner, "sparse_mla", mixed), "cpu.sparse_mla.portable");  // a mixed batch is an extend
  EXPECT_EQ(row_of(*runner, "sparse_mla", decode), first);
  // A family that no row here carries: the table as it is.
  flags.prefill_backend = "flashmla_kv";
  const std::unique_ptr<Runner> other = open(flags);
  EXPECT_EQ(other->key_for_shapes(extend).attention, "flashmla_kv");
  EXPECT_EQ(row_of(*other, "sparse_mla", extend), row_of(*plain, "sparse_mla", extend));
  EXPECT_EQ(row_of(*other, "sparse_mla", decode), first);
}

TEST_F(StepPolicy, FamiliesOfThePlanOptionsWin) {
  PolicyFlags flags;
  flags.decode_backend = "openblas";
  RunnerOptions base;
  base.plan.families["sparse_mla"] = "portable";
  const std::unique_ptr<Runner> runner = open(flags, base);
  EXPECT_EQ(row_of(*runner, "sparse_mla", {{1, 300}}), "cpu.sparse_mla.portable");
}

TEST_F(StepPolicy, UnknownNamesAreRefusedWithTheKnownOnes) {
  RunnerOptions options;
  options.policy.decode_backend = "no_such";
  ModelConfig config = must(load_config(tiny_v32_path()));
  const Status status =
      Runner::create(std::move(config), must(Checkpoint::open(tiny_v32_path())), options).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  for (const char* part : {"--decode-backend", "flashmla_kv", "found \"no_such\"", "openblas, portable"})
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
}

TEST_F(StepPolicy, ShortPromptsArePrefilledDenselyWhereAskedFor) {
  PolicyFlags flags;
  flags.dense_threshold = 128;  // this model's index_topk: up to it both forms read the same keys
  const std::unique_ptr<Runner> dense = open(flags), sparse = open({});
  const std::vector<StepShape> at = {{128, 128}}, chunk = {{28, 128}}, above = {{129, 129}},
                               decode = {{1, 100}};
  for (const auto& shapes : {at, chunk}) {
    EXPECT_EQ(dense->key_for_shapes(shapes).variant, StepVariant::kDenseExpanded);
    EXPECT_EQ(sparse->key_for_shapes(shapes).variant, StepVariant::kSparse);
    EXPECT_EQ(row_of(*dense, "indexer_topk", shapes), "");
    EXPECT_NE(row_of(*dense, "indexer_prepare", shapes), "");  // later sparse steps read the keys
  }
  for (const auto& shapes : {above, decode})
    EXPECT_EQ(dense->key_for_shapes(shapes).variant, StepVariant::kSparse);

  // 100 tokens densely, then sparse steps across the threshold: as a runner that is sparse throughout.
  const SequenceId a = must(dense->new_sequence()), b = must(sparse->new_sequence());
  double worst = 0;
  const std::vector<std::int32_t> ids = prompt(170);
  for (std::size_t begin = 0; begin < ids.size();) {
    const std::size_t n = begin == 0 ? 100 : begin == 100 ? 50 : 1;
    const std::vector<std::int32_t> chunk_ids(ids.begin() + static_cast<std::ptrdiff_t>(begin),
                                              ids.begin() + static_cast<std::ptrdiff_t>(begin + n));
    worst = std::max(
        worst, max_difference(advance(*dense, a, chunk_ids).logits, advance(*sparse, b, chunk_ids).logits));
    begin += n;
  }
  measured("largest difference of logits, dense prefill against sparse", worst);
  EXPECT_GT(count_nodes(*dense, "mha_prefill"), 0);
  EXPECT_LT(worst, 1e-4);
}

TEST_F(StepPolicy, NoDensePrefillWhereIndicesOrInvarianceAreWanted) {
  PolicyFlags flags;
  flags.dense_threshold = 128;
  RunnerOptions base;
  base.plan.invariance = Invariance::kBatch;
  EXPECT_EQ(open(flags, base)->key_for_shapes({{20, 20}}).variant, StepVariant::kSparse);
  base = {};
  base.attention = AttentionMode::kSparse;
  EXPECT_EQ(open(flags, base)->key_for_shapes({{20, 20}}).variant, StepVariant::kSparse);
  const std::unique_ptr<Runner> runner = open(flags);
  const SequenceId id = must(runner->new_sequence());
  StepOptions traced;
  traced.all_hidden = true;
  const StepResult result = advance(*runner, id, prompt(20), traced);
  EXPECT_FALSE(result.indices.empty());
  EXPECT_EQ(count_nodes(*runner, "mha_prefill"), 0);
}

// SGLang's choices on Hopper, planned without one: a family by phase, and dense prefill up to index_topk.
TEST_F(StepPolicy, CapabilitiesArePlannedAsSglangWould) {
  if (Registry::instance().backend("cuda") == nullptr) GTEST_SKIP() << "this build has no CUDA backend";
  RunnerOptions base;
  base.device = "sm90";
  base.plan_only = true;
  base.precision.kv_dtype = DType::kBF16;
  const std::unique_ptr<Runner> runner = open({}, base);
  EXPECT_EQ(runner->key_for_shapes({{20, 300}}).attention, "flashmla_sparse");
  EXPECT_EQ(runner->key_for_shapes({{1, 300}}).attention, "fa3");
  EXPECT_EQ(runner->key_for_shapes({{20, 20}}).variant, StepVariant::kDenseExpanded);
  EXPECT_EQ(runner->key_for_shapes({{20, 20}}).attention, "flash_attn_varlen");
  EXPECT_EQ(runner->policy().families().at("linear"), "deep_gemm");
  PolicyFlags flags;
  flags.dense_threshold = 0;
  EXPECT_EQ(open(flags, base)->key_for_shapes({{20, 20}}).variant, StepVariant::kSparse);
  base.precision.kv_format = KvFormat::kPackedFp8;
  EXPECT_EQ(open({}, base)->key_for_shapes({{20, 300}}).attention, "flashmla_kv");
  const ModelConfig config = must(load_config(tiny_v32_path()));
  EXPECT_EQ(auto_kv_format(must(find_capability("sm90")), config), KvFormat::kPlain);
  EXPECT_EQ(auto_kv_format(must(find_capability("sm100")), config), KvFormat::kPackedFp8);
}

}  // namespace
}  // namespace tamis::model_tests
