#include "backends/hip/capture.h"

namespace tamis::hip {

Result<std::unique_ptr<HipCapture>> HipCapture::create(hipGraph_t graph, std::vector<LoggedLaunch> launches) {
  std::unique_ptr<HipCapture> capture(new HipCapture(graph, std::move(launches)));
  const hipError_t error = hipGraphInstantiate(&capture->executable_, graph, nullptr, nullptr, 0);
  TAMIS_RETURN_IF_ERROR(to_status(error, "hipGraphInstantiate"));
  return capture;
}

HipCapture::~HipCapture() {
  if (executable_ != nullptr) (void)hipGraphExecDestroy(executable_);
  (void)hipGraphDestroy(graph_);
}

Status HipCapture::launch(hipStream_t stream) {
  return to_status(hipGraphLaunch(executable_, stream), "hipGraphLaunch");
}

}  // namespace tamis::hip
