// A plug-in outside the tree's backends that adds one kernel row to the CPU's. It comes after the backend's
// own rows, so it runs when it is asked for by name.
#include <cmath>
#include <string_view>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/queue.h"
#include "core/ops/rms_norm/rms_norm.h"
#include "tamis_abi_hash.h"

namespace tamis {
namespace {

using namespace rms_norm_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  const DType x = call[kX].desc.dtype, y = call[kY].desc.dtype;
  return x == DType::kF32 && y == DType::kF32 ? accept() : reason::dtype("x", dtype_name(x), "f32, f32 out");
}

Status compute(const OpCall& call, const Scratch&) {
  const std::int64_t width = call[kX].desc.dim(1);
  for (std::int64_t t = 0; t < call[kX].desc.dim(0); ++t) {
    const auto* x = reinterpret_cast<const float*>(cpu::row_address(call[kX], t));
    auto* y = reinterpret_cast<float*>(cpu::row_address(call[kY], t));
    double squares = 0;
    for (std::int64_t i = 0; i < width; ++i) squares += static_cast<double>(x[i]) * x[i];
    const double scale = 1 / std::sqrt(squares / static_cast<double>(width) + call.as<RmsNormParams>().eps);
    for (std::int64_t i = 0; i < width; ++i)
      y[i] = static_cast<float>(x[i] * scale * cpu::data<float>(call[kWeight])[i]);
  }
  return {};
}

constexpr KernelRow kRows[] = {{.name = "cpu.rms_norm.double",
                                .op = "rms_norm",
                                .families = "double",
                                .accepts = accepts,
                                .launch = cpu::launch<&compute>}};

class ExtraRow final : public Backend {
 public:
  const char* name() const override { return "extra_row"; }
  DeviceList enumerate() override { return {{}, "adds rows to the CPU backend"}; }
  std::span<const KernelRow> rows(const char* op) const override {
    if (std::string_view(op) == "rms_norm") return kRows;
    return {};
  }
};

Backend* create() {
  static ExtraRow backend;
  return &backend;
}

constexpr BackendEntry kEntry = {kAbiNumber, TAMIS_ABI_HASH, &create, "cpu"};

}  // namespace
}  // namespace tamis

extern "C" const tamis::BackendEntry* tamis_backend_entry() { return &tamis::kEntry; }
