// The five AMD architectures that the HIP kernels are written for: each has a capability file, and of every
// op a row takes every case there.
#include <gtest/gtest.h>

#include "core/backend/arch_list.h"
#include "core/backend/registry.h"
#include "core/policy/capability.h"
#include "tests/harness/host_instance.h"

namespace tamis {
namespace {

struct HipTarget {
  const char* name;
  int arch;
  std::uint64_t features;
  std::int64_t local_memory_kib;
};
constexpr HipTarget kTargets[] = {
    {"gfx90a", 0x90a, kWave64 | kMfmaBf16, 64},   {"gfx942", 0x942, kWave64 | kMfmaBf16, 64},
    {"gfx950", 0x950, kWave64 | kMfmaBf16, 160},  {"gfx1100", 0x1100, kWave32 | kWmmaBf16, 64},
    {"gfx1201", 0x1201, kWave32 | kWmmaBf16, 64},
};

TEST(HipTargets, HaveCapabilityFiles) {
  for (const HipTarget& target : kTargets) {
    const Result<DeviceInfo> info = find_capability(target.name);
    ASSERT_TRUE(info.ok()) << info.status().message();
    EXPECT_EQ(info->backend, "hip") << target.name;
    EXPECT_EQ(info->arch, target.arch) << target.name;
    EXPECT_EQ(info->features, target.features) << target.name;
    EXPECT_EQ(info->local_memory_bytes, target.local_memory_kib << 10) << target.name;
    EXPECT_TRUE(ceilings_of(*info).known()) << target.name;
  }
}

TEST(HipTargets, AListOfArchitecturesCoversADevice) {
  EXPECT_TRUE(covers_arch("gfx90a gfx942 gfx1100", "gfx942:sramecc+:xnack-"));
  EXPECT_TRUE(covers_arch("gfx90a gfx942 gfx1100", "gfx1100"));
  EXPECT_FALSE(covers_arch("gfx90a gfx942 gfx1100", "gfx1101"));
  EXPECT_FALSE(covers_arch("gfx90a gfx942 gfx1100", "gfx110"));
  EXPECT_FALSE(covers_arch("", "gfx942"));
  EXPECT_TRUE(covers_arch("gfx942:xnack-", "gfx942:sramecc+:xnack-"));
  EXPECT_FALSE(covers_arch("gfx942:sramecc+:xnack+", "gfx942:sramecc+:xnack-"));
  EXPECT_TRUE(covers_arch("gfx942:xnack+ gfx942:xnack-", "gfx942:sramecc+:xnack-"));
  EXPECT_TRUE(covers_arch("gfx11-generic", "gfx1101"));
}

// The rows of the HIP backend, or of its emulation, which has the same.
const Backend* hip_rows() {
  const Backend* backend = Registry::instance().backend("hip");
  return backend != nullptr ? backend : Registry::instance().backend("hip-emu");
}

TEST(HipTargets, EveryOpHasARowForEveryCase) {
  const Backend* backend = hip_rows();
  if (backend == nullptr) GTEST_SKIP() << "this build has neither the HIP backend nor its emulation";
  std::vector<DeviceInfo> devices;
  for (const HipTarget& target : kTargets) devices.push_back(find_capability(target.name).value());
  for (const OpDef* op : all_ops()) {
    const std::span<const KernelRow> rows = backend->rows(op->name);
    int taken = 0;
    for (const cases::Case& test_case : cases::find_cases(op->name)) {
      if (test_case.perf) continue;  // gigabytes; their dtypes and roles are those of the others
      const auto instance = harness::make_instance(*op, test_case, 1);
      ASSERT_TRUE(instance.ok()) << op->name << " " << test_case.name << ": " << instance.status().message();
      const OpCall call = instance->call(*op, test_case);
      for (const DeviceInfo& device : devices) {
        const RowChoice choice = choose_row(rows, device, call);
        EXPECT_NE(choice.row, nullptr) << device.name << ": " << describe_rejections(call, choice);
        taken += choice.row != nullptr ? 1 : 0;
      }
    }
    EXPECT_GT(taken, 0) << op->name << ": no case";
  }
}

}  // namespace
}  // namespace tamis
