// indexer_topk and indexer_prepare against their decompositions, bit for bit, on all their parity cases: the
// planner may swap one for the other and nothing changes.
#include "core/ops/indexer_prepare/indexer_prepare.h"
#include "core/ops/indexer_topk/indexer_topk.h"
#include "tests/core/decomposed.h"

namespace tamis::test {
namespace {

TEST(IndexerDecomposition, TopkEqualsScoresSelectSlots) {
  for (const cases::Case& test_case : cases::find_cases("indexer_topk")) {
    for (const char* family : {"portable", "openblas"})
      expect_equals_decomposition(op::indexer_topk, test_case, family);
  }
}

TEST(IndexerDecomposition, PrepareEqualsItsSteps) {
  for (const cases::Case& test_case : cases::find_cases("indexer_prepare")) {
    expect_equals_decomposition(op::indexer_prepare, test_case, "portable");
  }
}

}  // namespace
}  // namespace tamis::test
