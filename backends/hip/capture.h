// A captured segment: an executable graph, and the launches in it for errors that surface later.
#pragma once

#include <vector>

#include "backends/hip/error.h"
#include "core/backend/backend_api.h"

namespace tamis::hip {

class HipCapture final : public Capture {
 public:
  // Takes over `graph`.
  static Result<std::unique_ptr<HipCapture>> create(hipGraph_t graph, std::vector<LoggedLaunch> launches);
  ~HipCapture() override;

  Status launch(hipStream_t stream);
  const std::vector<LoggedLaunch>& launches() const { return launches_; }

 private:
  HipCapture(hipGraph_t graph, std::vector<LoggedLaunch> launches)
      : graph_(graph), launches_(std::move(launches)) {}

  hipGraph_t graph_;
  hipGraphExec_t executable_ = nullptr;
  std::vector<LoggedLaunch> launches_;
};

}  // namespace tamis::hip
