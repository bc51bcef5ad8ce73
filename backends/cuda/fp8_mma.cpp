#include "backends/cuda/fp8_mma.h"

#include <string_view>

namespace tamis::cuda {
namespace {

constexpr std::string_view kArchs = TAMIS_CUDA_FP8_ARCHS;  // "89 120-real": the CMake variable

// Whether code for an architecture as CMake names it ("89", "89-real", "90a-real", "120-virtual") runs on
// sm_`arch`: machine code on later minor versions of its major, PTX on everything later, an `a` nowhere else.
constexpr bool runs_on(std::string_view name, int arch) {
  int number = 0;
  std::size_t at = 0;
  for (; at < name.size() && name[at] >= '0' && name[at] <= '9'; ++at)
    number = number * 10 + (name[at] - '0');
  const std::string_view kind = name.substr(at);
  if (kind.substr(0, 1) == "a") return arch == number;
  const bool machine_code = kind != "-virtual", ptx = kind != "-real";
  return arch >= number && (ptx || (machine_code && arch / 10 == number / 10));
}

constexpr bool any_runs_on(std::string_view names, int arch) {
  while (!names.empty()) {
    const std::size_t end = names.find(' ');
    if (runs_on(names.substr(0, end), arch)) return true;
    names = end == std::string_view::npos ? std::string_view() : names.substr(end + 1);
  }
  return false;
}

static_assert(any_runs_on("89", 89) && any_runs_on("89", 90) && any_runs_on("89", 120));
static_assert(!any_runs_on("89", 86) && !any_runs_on("", 89));
static_assert(any_runs_on("89-real 120-real", 89) && any_runs_on("89-real 120-real", 121));
static_assert(!any_runs_on("89-real", 90) && !any_runs_on("89-real 120-real", 100));
static_assert(any_runs_on("90a-real 89-virtual", 103) && !any_runs_on("90a-real", 100));

}  // namespace

Reason accept_fp8_mma(const DeviceInfo& device) {
  if (any_runs_on(kArchs, device.arch)) return accept();
  return reject("e4m3 mma.sync was compiled for {} (TAMIS_CUDA_FP8_ARCHS), which does not run on sm_{}",
                kArchs, device.arch);
}

}  // namespace tamis::cuda
