#include "tests/parity/run.h"

#include <algorithm>
#include <optional>

#include "core/backend/registry.h"
#include "tests/harness/batch_invariance.h"
#include "tests/harness/parity.h"
#include "tests/parity/expected.h"
#include "tests/parity/outputs_file.h"
#include "tests/parity/pairs.h"

namespace tamis::parity {
namespace {

using harness::OutputBytes;
using harness::Subject;

// A device with what belongs to it.
struct Lane {
  std::string spec;
  std::shared_ptr<Device> device;
  const Backend* backend = nullptr;
  Expected expected;
};

// What one row computed for the case at hand.
struct RowOutputs {
  const Lane* lane;
  std::string row;
  OutputBytes outputs;
};

struct NumberedCase {
  const cases::Case& test_case;
  int number;
};

constexpr const char* kNoRow = "the backend has no row for the op";

bool wanted(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

std::int64_t elements_of(const cases::Case& test_case) {
  std::int64_t elements = 0;
  for (const cases::CaseOperand& operand : test_case.operands)
    elements += operand.desc.rank > 0 && operand.fill ? operand.desc.elements() : 0;
  return elements;
}

class OpParity {
 public:
  explicit OpParity(const Request& request) : request_(request) { report_.seed = request.seed; }
  Status open();
  Status run(const Progress& progress);
  Report take_report() { return std::move(report_); }

 private:
  Status add_lane(const std::string& spec);
  Status run_op(const OpDef& op);
  Status run_case(const OpDef& op, const NumberedCase& numbered, std::vector<Coverage>& coverage);
  void run_lane(Lane& lane, const Subject& subject, CaseRecord record, Coverage& coverage);
  void run_row(Lane& lane, const KernelRow& row, const Subject& subject, CaseRecord& record);
  void expect(Lane& lane, CaseRecord& record) const;
  void compare_lanes(const Subject& subject, const CaseRecord& record);
  Status compare_with_file(const Subject& subject, const CaseRecord& record);
  bool may_run(const OpDef& op) const;

  const Request& request_;
  std::vector<Lane> lanes_;
  std::optional<OutputsFile> against_;
  std::optional<OutputsWriter> writer_;
  std::vector<RowOutputs> outputs_;  // of the case at hand
  Report part_, report_;
};

Status OpParity::add_lane(const std::string& spec) {
  TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Device> device, Registry::instance().device(spec));
  const DeviceInfo& info = device->info();
  TAMIS_ASSIGN_OR_RETURN(Expected expected, Expected::load(request_.expected_folder, info.backend));
  if (!expected.known())
    report_.notes.push_back(
        fmt::format("{}: no {}.txt in {}: nothing is expected there", spec, info.backend,
                    request_.expected_folder.empty() ? "tests/expected" : request_.expected_folder));
  report_.devices.push_back({spec, info.name, info.driver});
  const Backend* backend = Registry::instance().backend(info.backend);
  lanes_.push_back({spec, std::move(device), backend, std::move(expected)});
  return {};
}

Status OpParity::open() {
  for (const std::string& op : request_.ops) {
    if (find_op(op.c_str()) == nullptr) return not_found("no op {}", op);
  }
  for (const std::string& spec : request_.devices) TAMIS_RETURN_IF_ERROR(add_lane(spec));
  if (request_.devices.empty()) {
    for (const BackendRecord& record : Registry::instance().backends()) {
      for (std::size_t i = 0; i < record.devices.size(); ++i)
        TAMIS_RETURN_IF_ERROR(add_lane(i == 0 ? record.name : fmt::format("{}:{}", record.name, i)));
    }
  }
  const bool one = request_.devices.size() == 1;
  if ((!request_.save_path.empty() || !request_.against_path.empty()) && !one)
    return invalid_argument("--save and --against: expected one --device, found {}", request_.devices.size());
  if (!request_.against_path.empty()) {
    TAMIS_ASSIGN_OR_RETURN(against_, OutputsFile::open(request_.against_path));
    if (against_->seed() != request_.seed)
      return invalid_argument("{}: made with --seed {}, found --seed {}", request_.against_path,
                              against_->seed(), request_.seed);
  }
  if (!request_.save_path.empty())
    writer_.emplace(fmt::format("{} ({})", lanes_[0].device->info().name, lanes_[0].spec), request_.seed);
  return {};
}

void OpParity::expect(Lane& lane, CaseRecord& record) const {
  const ExpectedLine* line = lane.expected.fails(record.op, record.row, record.case_name);
  if (line == nullptr) return;
  if (record.verdict == Verdict::kFailed) {
    record.verdict = Verdict::kExpectedFailure;
    record.message += fmt::format(" (expected: {})", line->reason);
  } else {
    record.verdict = Verdict::kFailed;
    record.message = fmt::format("passed, but {}: line {} expects it to fail ({}): change the line",
                                 lane.expected.path(), line->line, line->reason);
  }
}

void OpParity::run_row(Lane& lane, const KernelRow& row, const Subject& subject, CaseRecord& record) {
  Result<OutputBytes> outputs = harness::run_guarded(*lane.device, row, subject, request_.guard);
  if (!outputs.ok()) {
    record.message = outputs.status().message();
  } else {
    harness::Judgement judgement = judge(subject, *outputs);
    record.message = std::move(judgement.failure);
    record.worst = judgement.worst;
    record.normalised = judgement.normalised;
    record.allowed = judgement.allowed;
    if (record.message.empty())
      record.message = check_batch_invariance(*lane.device, row, subject, *outputs).message();
    outputs_.push_back({&lane, row.name, std::move(*outputs)});
  }
  record.verdict = record.message.empty() ? Verdict::kPassed : Verdict::kFailed;
  expect(lane, record);
}

void OpParity::run_lane(Lane& lane, const Subject& subject, CaseRecord record, Coverage& coverage) {
  std::string why = kNoRow, taken_by;
  for (const KernelRow& row : lane.backend->rows(subject.op->name)) {
    const Reason reason = harness::takes(*lane.device, row, subject.call());
    if (reason.accepted() && taken_by.empty()) taken_by = row.name;
    if (!reason.accepted()) why = fmt::format("{}: {}", row.name, reason.text());
    if (!wanted(request_.rows, row.name)) continue;
    record.row = row.name;
    record.device = lane.spec;
    record.verdict = Verdict::kSkipped;
    record.message = reason.accepted() ? "" : reason.text();
    CaseRecord mine = record;
    if (reason.accepted()) run_row(lane, row, subject, mine);
    part_.cases.push_back(std::move(mine));
  }
  if (taken_by.empty())
    coverage.untaken.emplace_back(record.case_name, why);
  else
    coverage.taken.emplace_back(record.case_name, taken_by);
}

void OpParity::compare_lanes(const Subject& subject, const CaseRecord& record) {
  if (request_.devices.size() < 2) return;
  for (const RowOutputs& a : outputs_) {
    if (a.lane != &lanes_[0]) continue;
    for (const RowOutputs& b : outputs_) {
      if (b.lane == &lanes_[0]) continue;
      PairRecord pair{.op = record.op, .case_name = record.case_name, .dtypes = record.dtypes};
      pair.number = record.number;
      pair.row_a = a.row;
      pair.device_a = a.lane->spec;
      pair.row_b = b.row;
      pair.device_b = b.lane->spec;
      compare_outputs(subject, a.outputs, b.outputs, pair);
      part_.pairs.push_back(std::move(pair));
    }
  }
}

Status OpParity::compare_with_file(const Subject& subject, const CaseRecord& record) {
  Result<std::vector<SavedOutputs>> saved = against_->find(subject);
  if (!saved.ok() && saved.status().code() != StatusCode::kInvalidArgument) return saved.status();
  if (!saved.ok()) {
    part_.problems.push_back(saved.status().message());
    return {};
  }
  if (saved->empty() && !outputs_.empty())
    part_.notes.push_back(fmt::format("{}: no row of {} took {}/{}", against_->path(), against_->device(),
                                      record.op, record.case_name));
  for (const SavedOutputs& b : *saved) {
    const harness::Judgement judgement = judge(subject, b.outputs);
    for (const RowOutputs& a : outputs_) {
      PairRecord pair{.op = record.op, .case_name = record.case_name, .dtypes = record.dtypes};
      pair.number = record.number;
      pair.row_a = a.row;
      pair.device_a = a.lane->spec;
      pair.row_b = b.row;
      pair.device_b = against_->path();
      pair.from_file = true;
      compare_outputs(subject, a.outputs, b.outputs, pair);
      if (!judgement.failure.empty())
        pair.failure = fmt::format("the file's outputs miss the oracle: {}", judgement.failure);
      part_.pairs.push_back(std::move(pair));
    }
  }
  return {};
}

// Whether any device has a row that was asked for.
bool OpParity::may_run(const OpDef& op) const {
  return std::any_of(lanes_.begin(), lanes_.end(), [&](const Lane& lane) {
    const auto rows = lane.backend->rows(op.name);
    return std::any_of(rows.begin(), rows.end(),
                       [&](const KernelRow& row) { return wanted(request_.rows, row.name); });
  });
}

Status OpParity::run_case(const OpDef& op, const NumberedCase& numbered, std::vector<Coverage>& coverage) {
  const cases::Case& test_case = numbered.test_case;
  if (!may_run(op)) {  // then the oracle's answer is not needed
    for (Coverage& c : coverage) c.untaken.emplace_back(test_case.name, kNoRow);
    return {};
  }
  Result<Subject> subject = harness::make_subject(op, test_case, request_.seed);
  if (!subject.ok()) {
    part_.problems.push_back(fmt::format("{}: {}", op.name, subject.status().message()));
    return {};
  }
  CaseRecord record{.op = op.name, .case_name = test_case.name};
  record.number = numbered.number;
  record.dtypes = subject->dtypes();
  outputs_.clear();
  for (std::size_t i = 0; i < lanes_.size(); ++i) run_lane(lanes_[i], *subject, record, coverage[i]);
  compare_lanes(*subject, record);
  if (against_) TAMIS_RETURN_IF_ERROR(compare_with_file(*subject, record));
  if (writer_) {
    for (RowOutputs& o : outputs_) writer_->add(*subject, o.row, std::move(o.outputs));
  }
  return {};
}

Status OpParity::run_op(const OpDef& op) {
  std::vector<Coverage> coverage;
  for (const Lane& lane : lanes_) coverage.push_back({lane.device->info().backend, op.name, {}, {}});
  const cases::CaseList list = cases::find_cases(op.name);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const bool asked = wanted(request_.cases, list[i].name) || wanted(request_.cases, std::to_string(i));
    const bool small = request_.max_elements == 0 || elements_of(list[i]) <= request_.max_elements;
    if (list[i].perf || !asked || !small) continue;
    TAMIS_RETURN_IF_ERROR(run_case(op, {list[i], static_cast<int>(i)}, coverage));
  }
  for (std::size_t i = 0; request_.rows.empty() && i < lanes_.size(); ++i) {
    for (std::string& problem : check_coverage(coverage[i], lanes_[i].expected))
      part_.problems.push_back(std::move(problem));
  }
  return {};
}

Status OpParity::run(const Progress& progress) {
  const auto finish = [&] {
    part_.seed = request_.seed;
    if (progress) progress(part_);
    report_.append(std::move(part_));
    part_ = {};
  };
  for (const OpDef* op : all_ops()) {
    if (!wanted(request_.ops, op->name)) continue;
    TAMIS_RETURN_IF_ERROR(run_op(*op));
    finish();
  }
  if (request_.ops.empty() && request_.cases.empty() && request_.rows.empty() && request_.max_elements == 0) {
    for (const Lane& lane : lanes_) {
      for (std::string& problem : stale_lines(lane.expected)) part_.problems.push_back(std::move(problem));
    }
  }
  finish();
  const bool ran = std::any_of(report_.cases.begin(), report_.cases.end(),
                               [](const CaseRecord& r) { return r.verdict != Verdict::kSkipped; });
  if (report_.cases.empty() && report_.problems.empty())
    return not_found("nothing to compare: no case and row of these names");
  if (!writer_) return {};
  return ran ? writer_->write(request_.save_path) : not_found("nothing to save: no row took a case");
}

}  // namespace

Result<Report> run_ops(const Request& request, const Progress& progress) {
  OpParity parity(request);
  TAMIS_RETURN_IF_ERROR(parity.open());
  TAMIS_RETURN_IF_ERROR(parity.run(progress));
  return parity.take_report();
}

}  // namespace tamis::parity
