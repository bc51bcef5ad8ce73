// `tamis parity op`: it names every fault that is planted in a row and passes the rows without one; what it
// expects, saves and compares.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <utility>

#include <gtest/gtest.h>

#include "core/backend/registry.h"
#include "core/checkpoint/safetensors_writer.h"
#include "core/numeric/float16.h"
#include "core/ops/linear/linear.h"
#include "core/ops/sparse_mla/sparse_mla.h"
#include "tests/harness/host_instance.h"
#include "tests/harness/must.h"
#include "tests/parity/expected.h"
#include "tests/parity/formats.h"
#include "tests/parity/outputs_file.h"
#include "tests/parity/pairs.h"
#include "tests/parity/run.h"

namespace tamis::parity {
namespace {

// Opens the plug-in "planted" once.
void load_planted() {
  static const Status loaded = Registry::instance().load(TAMIS_TEST_PLUGINS "/libtamis_planted.so");
  must(loaded);
}

Request request_for(std::vector<std::string> ops, std::vector<std::string> devices) {
  Request request;
  request.ops = std::move(ops);
  request.devices = std::move(devices);
  return request;
}

const CaseRecord* first_failure(const Report& report, const std::string& row) {
  for (const CaseRecord& record : report.cases) {
    if (record.row == row && record.verdict == Verdict::kFailed) return &record;
  }
  return nullptr;
}

TEST(ParityCases, NamesAreUniqueAndTellNumbersApart) {
  for (const OpDef* op : all_ops()) {
    std::set<std::string> names;
    for (const cases::Case& c : cases::find_cases(op->name)) {
      if (c.perf) continue;
      EXPECT_TRUE(names.insert(c.name).second) << op->name << " " << c.name;
      EXPECT_EQ(c.name.find_first_of("/ ,"), std::string::npos) << op->name << " " << c.name;
      EXPECT_NE(c.name.find_first_not_of("0123456789"), std::string::npos) << op->name << " " << c.name;
    }
  }
}

// More rows than the weight has would be written past its end.
TEST(ParityCases, PiecesAreTheWholeWeight) {
  const cases::CaseList list = cases::find_cases("linear");
  const auto found = std::find_if(list.begin(), list.end(),
                                  [](const cases::Case& c) { return !c.operands[1].piece_rows.empty(); });
  ASSERT_NE(found, list.end());
  cases::Case pieces = *found;
  must(harness::make_instance(op::linear, pieces, 1));
  const std::int64_t rows = pieces.operands[1].desc.dim(0);
  for (const std::vector<std::int64_t>& wrong :
       {std::vector<std::int64_t>{rows, 1}, std::vector<std::int64_t>{rows - 1},
        std::vector<std::int64_t>{rows + 1, -1}}) {
    pieces.operands[1].piece_rows = wrong;
    const Status status = harness::make_instance(op::linear, pieces, 1).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status.message();
    const std::string where = fmt::format("case {}: w", pieces.name);
    EXPECT_NE(status.message().find(where), std::string::npos) << status.message();
  }
}

struct Plant {
  const char* op;
  const char* row;
  const char* case_name;  // the first that shows it
  const char* message;
};

constexpr Plant kPlants[] = {
    {"indexer_prepare", "planted.indexer_prepare.interleaved_rope", "fp8_half_split_f32_pow2_false", "q_out"},
    {"indexer_scores", "planted.indexer_scores.missing_relu", "exact_keys1", "scores"},
    {"moe_route", "planted.moe_route.bias_in_weights", "v3_t1", "weights["},
    {"indexer_topk", "planted.indexer_topk.one_key_too_many", "exact_k1_keys5", "idx"},
    {"topk_select", "planted.topk_select.ties_to_the_last", "cliffs_k1_from9", "idx[7]: expected 0, found 5"},
    {"topk_select", "planted.topk_select.masked_keys_fill_up", "cliffs_k1_from0", "idx[0]: expected -1"},
    {"index_to_slot", "planted.index_to_slot.slots_in_32_bits", "paged_garbage_sequences_pages_and_positions",
     "slots"},
    {"moe_route", "planted.moe_route.past_the_workspace", "v3_t1", "workspace: byte 0 behind the buffer"},
    {"rms_norm", "planted.rms_norm.old_input_in_capture", "t5_h131_f32_f32", "y: the replay of a capture"},
    {"rms_norm", "planted.rms_norm.another_sum_alone", "t5_h131_f32_f32",
     "not batch-invariant: y: token 4 has other bits alone"},
    {"rms_norm", "planted.rms_norm.another_sum_in_later_tiles", "t5_h131_f32_f32",
     "has other bits twice in one batch"},
};

TEST(PlantedFaults, EveryOneIsNamedAndItsTwinPasses) {
  load_planted();
  std::set<std::string> ops, faulty;
  for (const Plant& plant : kPlants) ops.insert(plant.op), faulty.insert(plant.row);
  const Report report = must(run_ops(request_for({ops.begin(), ops.end()}, {"planted"})));
  for (const RowSummary& row : summarise_rows(report)) {
    EXPECT_EQ(row.totals.failed > 0, faulty.count(row.row) == 1) << row.row;
    EXPECT_TRUE(row.totals.passed > 10 || !row.row.ends_with(".twin")) << row.row;
  }
  const std::string text = op_text(report, true);
  for (const Plant& plant : kPlants) {
    const CaseRecord* failure = first_failure(report, plant.row);
    ASSERT_NE(failure, nullptr) << plant.row;
    EXPECT_EQ(failure->op, plant.op);
    EXPECT_EQ(failure->case_name, plant.case_name) << plant.row;
    EXPECT_NE(failure->message.find(plant.message), std::string::npos)
        << plant.row << ": " << failure->message;
    EXPECT_NE(text.find(fmt::format(
                  "  repro: tamis parity op --op {} --row {} --case {} --seed 1 --device planted\n", plant.op,
                  plant.row, failure->number)),
              std::string::npos);
  }
}

// Two runs begin with the same bytes in the workspace, a third with others.
TEST(PlantedFaults, ShowInRepeats) {
  load_planted();
  Request request = request_for({"moe_route"}, {"planted"});
  request.rows = {"planted.moe_route.twin", "planted.moe_route.left_in_the_workspace"};
  for (const int runs : {2, 3, 20}) {
    request.guard.runs = runs;
    const Report report = must(run_ops(request));
    for (const RowSummary& row : summarise_rows(report)) {
      const bool shows = runs > 2 && !row.row.ends_with(".twin");
      EXPECT_EQ((shows ? row.totals.passed : row.totals.failed), 0) << row.row << ", " << runs << " runs";
    }
    if (runs == 2) continue;
    const CaseRecord* failure = first_failure(report, request.rows[1]);
    ASSERT_NE(failure, nullptr);
    EXPECT_NE(failure->message.find("weights: run 3 of one call differs from the first"), std::string::npos)
        << failure->message;
  }
}

TEST(PlantedFaults, ShowBetweenDevicesToo) {
  load_planted();
  const Report report = must(run_ops(request_for({"topk_select", "indexer_scores"}, {"cpu", "planted"})));
  for (const PairSummary& pair : summarise_pairs(report)) {
    EXPECT_EQ(pair.failed == 0, pair.row_b.ends_with(".twin")) << pair.row_a << " " << pair.row_b;
    const bool same_code = pair.row_a.ends_with(".portable") && pair.row_b.ends_with(".twin");
    EXPECT_TRUE(pair.same_bits == pair.cases || !same_code) << pair.row_a << " " << pair.row_b;
  }
  EXPECT_NE(op_text(report, false).find("--device cpu --device planted\n"), std::string::npos);
}

TEST(ParityErrors, AreRelativeAndNeverHideWhatIsNotFinite) {
  const double inf = std::numeric_limits<double>::infinity();
  const auto error = [](std::vector<double> expected, std::vector<float> found) {
    return harness::float_error(DType::kF32, expected, std::as_bytes(std::span(found)));
  };
  const harness::FloatError near = error({3, 4}, {3, 4.5});
  EXPECT_EQ(near.at, 1);
  EXPECT_DOUBLE_EQ(near.worst, 0.5 / (4 + std::sqrt(12.5)));
  EXPECT_DOUBLE_EQ(near.normalised, 0.1);
  EXPECT_EQ(error({NAN, inf, 1}, {NAN, INFINITY, 1}).worst, 0);
  EXPECT_EQ(error({1, 2}, {1, NAN}).worst, inf);
  EXPECT_EQ(error({1, inf}, {1, 3e38f}).worst, inf);
  EXPECT_EQ(error({NAN, 1}, {0, 1}).at, 0);
  EXPECT_EQ(error({1e39, 1}, {INFINITY, 1}).worst, 0);  // rounds to infinity
}

// Attention may round its weights to bf16: single elements move more than their own rounding, all of them
// together hardly.
TEST(Parity, AttentionIsJudgedByElementAndByNorm) {
  const auto judge = [](const OpDef& op, float off, float all_off) {
    cases::OperandResult result{.desc = {DType::kBF16, {1, 1024}}};
    for (int i = 0; i < 1024; ++i) {
      result.expected.push_back(1);
      const std::uint16_t code = numeric::float_to_bf16(1 + (i == 7 ? off : all_off));
      const auto bytes = std::as_bytes(std::span(&code, 1));
      result.actual.insert(result.actual.end(), bytes.begin(), bytes.end());
    }
    double worst = 0;
    return harness::compare_operand(op, 0, result, &worst);
  };
  EXPECT_EQ(judge(op::sparse_mla, 0x1p-6f, 0), "");
  EXPECT_NE(judge(op::linear, 0x1p-6f, 0), "");
  EXPECT_NE(judge(op::sparse_mla, 0x1p-4f, 0), "");
  EXPECT_EQ(judge(op::linear, 0, 0x1p-7f), "");
  EXPECT_NE(judge(op::sparse_mla, 0, 0x1p-7f).find("error of all elements"), std::string::npos);
}

TEST(ParitySelections, DifferOnlyWithinABandAroundTheThreshold) {
  const std::vector<double> scores{5, 3, 3.001, 1, 9, 8, 7, 6};  // two tokens, four keys
  const std::vector<double> a{0, 1, 0, 1}, b{0, 2, 1, 0};
  const SelectionDifference close = compare_selections(scores, a, b, 2);
  EXPECT_EQ(close.keys, 1);
  EXPECT_EQ(close.tokens, 1);
  EXPECT_NEAR(close.band, 0.001 / 5, 1e-12);
  const std::vector<double> worse{3, -1, 0, 1};
  EXPECT_NEAR(compare_selections(scores, worse, a, 2).band, 4.0 / 5, 1e-12);  // key 0 was left for key 3
  EXPECT_EQ(compare_selections(scores, a, a, 2).tokens, 0);
}

TEST(ParityExpectations, AreCheckedBothWays) {
  Expected expected =
      must(Expected::parse("# none\nrope unsupported no row yet\nlinear/*_e4m3_* unsupported no FP8  # "
                           "soon\ncpu.rms_norm.portable/w?dth* "
                           "fails known\n",
                           "x.txt"));
  EXPECT_EQ(expected.unsupported("rope", "any")->reason, "no row yet");
  EXPECT_EQ(expected.unsupported("linear", "t1_e4m3_f32")->line, 3);
  EXPECT_EQ(expected.unsupported("linear", "t1_f32"), nullptr);
  EXPECT_NE(expected.fails("rms_norm", "cpu.rms_norm.portable", "width_7"), nullptr);
  EXPECT_EQ(expected.fails("rms_norm", "cpu.rms_norm.other", "width_7"), nullptr);
  EXPECT_TRUE(stale_lines(expected).empty());
  EXPECT_TRUE(check_coverage({"x", "rope", {}, {{"a", "no row"}, {"b", "no row"}}}, expected).empty());
  const auto missing = check_coverage({"x", "cast", {}, {{"a", "no row"}, {"b", "no row"}}}, expected);
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_NE(missing[0].find("add to x.txt: cast unsupported REASON"), std::string::npos) << missing[0];
  const auto partly = check_coverage({"x", "cast", {{"a", "r"}}, {{"b", "too wide"}}}, expected);
  EXPECT_NE(partly.at(0).find("no row takes cast/b: too wide"), std::string::npos) << partly[0];
  const auto works = check_coverage({"x", "rope", {{"a", "x.rope.new"}, {"b", "x.rope.new"}}, {}}, expected);
  ASSERT_EQ(works.size(), 1u);
  EXPECT_NE(works[0].find("line 2: rope is unsupported (no row yet), but x.rope.new takes a (and 1 more)"),
            std::string::npos)
      << works[0];
}

TEST(ParityExpectations, LinesThatMatchNothingAreTold) {
  Expected expected = must(Expected::parse("rope unsupported a\nno_such_op unsupported b\n", "x.txt"));
  ASSERT_NE(expected.unsupported("rope", "any"), nullptr);
  EXPECT_EQ(stale_lines(expected), std::vector<std::string>{"x.txt: line 2: no_such_op matches nothing"});
}

TEST(ParityExpectations, BrokenLinesAreRefused) {
  const auto message = [](const char* text) { return Expected::parse(text, "x.txt").status().message(); };
  EXPECT_EQ(message("\nrope broken because\n"),
            "x.txt: line 2: expected \"unsupported\" or \"fails\" behind rope, found \"broken\"");
  EXPECT_EQ(message("rope unsupported"),
            "x.txt: line 1: expected a reason behind rope unsupported, found none");
}

class ParityFolder : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string file(const char* name) const { return folder_ + "/" + name; }
  std::string folder_ = ::testing::TempDir() + "tamis_parity";
};

TEST_F(ParityFolder, UnexpectedPassesFail) {
  load_planted();
  std::ofstream(file("planted.txt")) << "rms_norm/zeros fails the capture\n*.twin/width_8 fails never did\n";
  Request request = request_for({"rms_norm"}, {"planted"});
  request.rows = {"planted.rms_norm.old_input_in_capture", "planted.rms_norm.twin"};
  request.expected_folder = folder_;
  const Report report = must(run_ops(request));
  for (const CaseRecord& r : report.cases) {
    const bool twin = r.row.ends_with("twin");
    const Verdict verdict = twin && r.case_name != "zeros" && r.case_name != "width_8" ? Verdict::kPassed
                            : !twin && r.case_name == "zeros" ? Verdict::kExpectedFailure
                                                              : Verdict::kFailed;
    EXPECT_EQ(r.verdict, verdict) << r.row << " " << r.case_name;
    const bool told = r.message.find("line 2 expects it to fail (never did)") != std::string::npos;
    EXPECT_EQ(told, twin && r.case_name == "width_8") << r.message;
  }
}

TEST_F(ParityFolder, FilesOfAnotherMachineAreHeldToTheOracleToo) {
  Request request = request_for({"topk_select", "rms_norm"}, {"cpu"});
  request.rows = {"cpu.topk_select.portable", "cpu.rms_norm.portable"};
  request.save_path = file("here.safetensors");
  must(run_ops(request));
  request.against_path = std::exchange(request.save_path, "");
  const Report same = must(run_ops(request));
  EXPECT_EQ(count(same).failed, 0);
  EXPECT_EQ(same.pairs.size(), same.cases.size());
  for (const PairRecord& pair : same.pairs) EXPECT_TRUE(pair.same_bits) << pair.case_name;

  // One output of it altered, one case computed from other inputs.
  const SafetensorsFile file_read = must(SafetensorsFile::open(request.against_path));
  std::vector<std::vector<std::byte>> memory;
  std::vector<TensorToWrite> tensors;
  for (const CheckpointTensor& t : file_read.tensors()) {
    memory.emplace_back(t.bytes.begin(), t.bytes.end());
    if (t.name == "topk_select/all_equal/cpu.topk_select.portable/idx" || t.name == "rms_norm/zeros")
      memory.back()[0] ^= std::byte{1};
  }
  for (std::size_t i = 0; i < memory.size(); ++i) {
    const CheckpointTensor& t = file_read.tensors()[i];
    tensors.push_back({t.name, *t.dtype, t.shape, memory[i]});
  }
  request.against_path = file("altered.safetensors");
  must(write_safetensors(request.against_path, tensors));
  const Report altered = must(run_ops(request));
  EXPECT_EQ(count(altered).failed, 2);
  ASSERT_EQ(altered.problems.size(), 1u);
  EXPECT_NE(altered.problems[0].find("rms_norm/zeros: computed from other inputs"), std::string::npos);
  for (const PairRecord& pair : altered.pairs) EXPECT_EQ(pair.failure.empty(), pair.case_name != "all_equal");

  request.seed = 2;
  EXPECT_EQ(run_ops(request).status().code(), StatusCode::kInvalidArgument);
  std::filesystem::resize_file(request.against_path, 1000);
  EXPECT_EQ(run_ops(request).status().code(), StatusCode::kCorruptData);
}

TEST(ParityReports, HtmlStandsAloneAndJsonHoldsEverything) {
  load_planted();
  Report report = must(run_ops(request_for({"topk_select", "rms_norm"}, {"cpu", "planted"})));
  report.notes.emplace_back("<script>alert('x')</script>");
  const std::string html = report_html(report);
  EXPECT_TRUE(html.ends_with("</html>\n"));
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("http"), std::string::npos);
  EXPECT_NE(html.find("<td>rms_norm</td><td>bf16</td>"), std::string::npos);
  EXPECT_NE(html.find("planted.topk_select.ties_to_the_last on planted"), std::string::npos);
  const auto json = nlohmann::json::parse(report_json(report).dump());
  EXPECT_EQ(json["cases"].size(), report.cases.size());
  EXPECT_EQ(json["pairs"].size(), report.pairs.size());
  EXPECT_EQ(json["failed"], count(report).failed);
  EXPECT_EQ(json["cases"][0]["device"], "cpu");
}

TEST(ParityRequests, ThatFindNothingAreErrors) {
  EXPECT_EQ(run_ops(request_for({"no_such_op"}, {"cpu"})).status().message(), "no op no_such_op");
  EXPECT_FALSE(run_ops(request_for({"rope"}, {"no_such_device"})).ok());
  Request request = request_for({"rope"}, {"cpu"});
  request.cases = {"no_such_case"};
  EXPECT_EQ(run_ops(request).status().code(), StatusCode::kNotFound);
  request.cases = {"0"};
  EXPECT_EQ(must(run_ops(request)).cases.size(), 1u);
  request.devices = {"cpu", "cpu"};
  request.save_path = "x";
  EXPECT_EQ(run_ops(request).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tamis::parity
