#include "core/backend/launch_log.h"

#include "core/backend/kernel_table.h"

namespace tamis {
namespace {

std::string describe(const LoggedLaunch& launch) {
  if (launch.row == nullptr || launch.call == nullptr) return "work outside a plan";
  return fmt::format("{}: {}", launch.row->name, describe_call(*launch.call));
}

}  // namespace

void LaunchLog::note(const LoggedLaunch& launch) {
  kept_[count_ == 0 ? 0 : 1] = launch;
  ++count_;
}

void LaunchLog::note_all(const std::vector<LoggedLaunch>& launches) {
  for (const LoggedLaunch& launch : launches) note(launch);
}

Status LaunchLog::explain(const Status& status) const {
  if (status.ok() || count_ == 0) return status;
  if (count_ == 1) return status.with_context(describe(kept_[0]));
  return status.with_context(
      fmt::format("one of {} launches (a trace waits for each and names it), from {} to {}", count_,
                  describe(kept_[0]), describe(kept_[1])));
}

}  // namespace tamis
