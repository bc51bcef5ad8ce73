// The generated documents: what they say of rows, runs and contracts, and what they refuse.
#include "core/docs/docs.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "core/backend/registry.h"
#include "core/graph/op_def.h"

namespace tamis {
namespace {

// A backend with one op, of three rows.
class Small final : public Backend {
 public:
  const char* name() const override { return "hip"; }
  DeviceList enumerate() override { return {}; }
  std::span<const KernelRow> rows(const char* op) const override {
    return std::string_view(op) == "linear" ? std::span<const KernelRow>(kRows)
                                            : std::span<const KernelRow>();
  }

 private:
  static constexpr KernelRow kRows[] = {
      {.name = "hip.linear.fast",
       .op = "linear",
       .families = "aiter triton",
       .needs = {.all_of = kWave64 | kMfmaBf16, .arch_min = 0x942, .arch_max = 0x1000},
       .prefers = [](const DeviceInfo&, const OpCall&) { return accept(); },
       .capturable = false},
      {.name = "hip.linear.other", .op = "linear", .families = "aiter triton"},
      {.name = "hip.linear.portable",
       .op = "linear",
       .families = "portable",
       .numerics = {.accuracy = "f32", .invariance = Invariance::kBatch}}};
};

std::vector<RunRecord> runs(const std::string& rows) {
  return parse_runs(R"([{"backend":"hip","device":"card","how":"hardware","date":"2026-11-22","rows":[)" +
                        rows +
                        R"(]},{"backend":"hip","device":"emu","how":"emulation","date":"2026-11-21",)"
                        R"("rows":["hip.linear.p*"]}])",
                    "runs")
      .value();
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Whether an indented line begins with the operand, alone or in a list: "  a, b  [T, h, D] …".
bool has_line_of(const std::string& text, const std::string& operand) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("  ")) continue;
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      const bool more = word.ends_with(',');
      if (more) word.pop_back();
      if (word == operand) return true;
      if (!more) break;
    }
  }
  return false;
}

TEST(Docs, SupportMarksWhatNeverRan) {
  const Small hip;
  const std::string text = support_document({&hip}, runs(R"("hip.linear.fast","hip.linear.gone")"));
  EXPECT_TRUE(
      contains(text, "| linear | 3 rows: aiter triton, aiter triton (not run), portable (emulated) |"))
      << text;
  EXPECT_TRUE(contains(text, "| embed | no file |"));
  EXPECT_TRUE(contains(text, "| hip | 1 | 3 | card | hardware | 2026-11-22 |"));
  EXPECT_TRUE(contains(text, "| hip | 1 | 3 | none: compiled, not run |"));
  EXPECT_TRUE(contains(text, "- `hip.linear.gone` ran on card"));
  EXPECT_FALSE(contains(support_document({&hip}, runs(R"("hip.*")")), "none: compiled, not run |"));
}

TEST(Docs, ArchitecturesSayWhereNothingRan) {
  const Small hip;
  std::vector<RunRecord> records = runs(R"("hip.linear.fast")");
  EXPECT_TRUE(contains(support_document({&hip}, records), "| hip | gfx90a | AMD Instinct MI250"));
  EXPECT_FALSE(contains(support_document({&hip}, records), " of them on "));
  records[0].device = "AMD Instinct MI300X";
  const std::string text = support_document({&hip}, records);
  EXPECT_TRUE(contains(text, "AMD Instinct MI325X | 3 | 1 of them on AMD Instinct MI300X |")) << text;
  EXPECT_TRUE(contains(text, "AMD Radeon RX 7900 XTX | 2 | compiled, not run |")) << text;
}

TEST(Docs, TablesKeepOrderAndSayWhatARowNeeds) {
  const Small hip;
  const std::string text = tables_document({&hip}, runs(R"("hip.linear.fast")"));
  EXPECT_TRUE(
      contains(text,
               "| 1 | hip.linear.fast | aiter triton | wave64 mfma_bf16, from gfx942, below gfx1000 | "
               "f32 | run | not for every shape, not captured | card |"))
      << text;
  EXPECT_TRUE(contains(text, "| 3 | hip.linear.portable | portable |  | f32 | batch |  | emu (emulation) |"));
  EXPECT_LT(text.find("hip.linear.fast"), text.find("hip.linear.other"));
  EXPECT_TRUE(contains(text, "No file: embed,"));
}

TEST(Docs, EveryOpHasAContractAtTheHeadOfItsHeader) {
  std::vector<Contract> contracts;
  for (const OpDef* op : all_ops()) {
    const std::string path = fmt::format("{}/core/ops/{}/{}.h", TAMIS_SOURCE_DIR, op->name, op->name);
    std::ifstream in(path);
    const std::string header((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const Result<std::string> text = contract_text(path, header);
    ASSERT_TRUE(text.ok()) << text.status().message();
    const std::string composite = std::string(op->name) + " (composite): ";
    EXPECT_TRUE(text->starts_with(std::string(op->name) + ": ") || text->starts_with(composite))
        << path << ": " << text->substr(0, 60);
    for (const OperandDef& operand : op->operands)
      EXPECT_TRUE(has_line_of(*text, operand.name)) << path << ": no line begins with " << operand.name;
    contracts.push_back({op->name, *text});
  }
  const std::string document = contracts_document(contracts);
  EXPECT_TRUE(contains(document, "`length` in (optional)"));
  EXPECT_TRUE(contains(document, "Composite"));
  EXPECT_EQ(contract_text("x.h", "#pragma once\n").status().code(), StatusCode::kCorruptData);
  EXPECT_EQ(contract_text("x.h", "// a\n//\n//   b\n#pragma once\n// c\n").value(), "a\n\n  b\n");
}

TEST(Docs, BrokenRunsSayWhatIsWrong) {
  const auto message = [](const std::string& text) {
    const Status status = parse_runs(text, "runs.json").status();
    EXPECT_EQ(status.code(), StatusCode::kCorruptData) << text;
    return status.message();
  };
  const std::string head = R"([{"backend":"hip","device":"d","rows":["a"],)";
  EXPECT_TRUE(contains(message("{}"), "expected an array of records, found"));
  EXPECT_TRUE(contains(message(head + R"("how":"hardware"}])"), "runs.json: [0]: date: missing"));
  EXPECT_TRUE(contains(message(head + R"("how":"guess","date":"2026-11-22"}])"), "found guess"));
  EXPECT_TRUE(contains(message(head + R"("how":"hardware","date":"22.11.2026"}])"), "expected YYYY-MM-DD"));
  EXPECT_TRUE(
      contains(message(R"([{"backend":"hip","device":"d","how":"hardware","date":"2026-11-22"}])"), "rows"));
}

// What ran on another vendor's GPU, or on the CPU, says nothing of AMD's.
TEST(Docs, RowsOfHipRanOnHardwareOnlyWhereThatIsAmds) {
  std::ifstream in(std::string(TAMIS_SOURCE_DIR) + "/docs/runs.json");
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const Result<std::vector<RunRecord>> runs = parse_runs(text, "runs.json");
  ASSERT_TRUE(runs.ok()) << runs.status().message();
  int records = 0;
  for (const RunRecord& run : *runs) {
    if (run.backend != "hip") continue;
    ++records;
    EXPECT_TRUE(run.how == "emulation" || (run.how == "hardware" && run.device.starts_with("AMD ")))
        << run.device << ": " << run.how;
  }
  EXPECT_GT(records, 0);
}

TEST(Docs, DifferencesAreNamedByLine) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "docs_test";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "a.md") << "one\ntwo\n";
  const auto compare = [&](const std::string& text) {
    return compare_documents(folder.string(), {{"a.md", text}});
  };
  EXPECT_TRUE(compare("one\ntwo\n").ok());
  EXPECT_TRUE(contains(compare("one\nthree\n").message(), "a.md:2: expected \"three\", found \"two\""));
  EXPECT_TRUE(contains(compare("one\n").message(), "a.md:2: expected \"\", found \"two\""));
  EXPECT_TRUE(contains(compare("one\ntwo\n\nx\n").message(), "a.md:4: expected \"x\", found the end"))
      << compare("one\ntwo\n\nx\n").message();
  EXPECT_FALSE(compare_documents(folder.string(), {{"b.md", ""}}).ok());
  std::filesystem::remove_all(folder);
}

// In a build without one of the backends: which, and why.
TEST(Docs, AMissingBackendIsNamed) {
  const Result<std::vector<Document>> documents = make_documents(TAMIS_SOURCE_DIR);
  for (const char* name : kDocumentedBackends) {
    if (Registry::instance().backend(name) != nullptr) continue;
    ASSERT_FALSE(documents.ok());
    EXPECT_TRUE(contains(documents.status().message(), std::string(name) + " (no libtamis_" + name + ".so"))
        << documents.status().message();
  }
  EXPECT_TRUE(!documents.ok() || documents->size() == 4);
}

}  // namespace
}  // namespace tamis
