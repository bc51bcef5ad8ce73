// Capability files: all of them parse, broken ones say what is wrong, and a stand-in plans without memory.
#include "core/policy/capability.h"

#include <gtest/gtest.h>

namespace tamis {
namespace {

TEST(Capability, EveryFileParsesAndNamesAKnownBackend) {
  EXPECT_GE(capability_names().size(), 20u);
  for (const std::string& name : capability_names()) {
    const Result<DeviceInfo> info = find_capability(name);
    ASSERT_TRUE(info.ok()) << info.status().message();
    const Ceilings ceilings = ceilings_of(*info);
    EXPECT_GT(ceilings.memory_gbs, 200) << name;
    EXPECT_GT(ceilings.bf16_tflops, ceilings.f32_tflops) << name;
    EXPECT_TRUE(ceilings.fp8_tflops == 0 || ceilings.fp8_tflops > ceilings.bf16_tflops) << name;
    EXPECT_FALSE(ceilings.source.empty()) << name;
    EXPECT_TRUE(info->backend == "cuda" || info->backend == "hip") << name;
    EXPECT_TRUE(info->has(kWave32) != info->has(kWave64)) << name;
    EXPECT_GT(info->memory_bytes, std::int64_t{8} << 30) << name;
  }
  EXPECT_EQ(find_capability("sm90").value().arch, 90);
  EXPECT_EQ(find_capability("gfx942").value().arch, 0x942);
  EXPECT_TRUE(find_capability("gfx942").value().has(kWave64 | kMfmaBf16));
  const Status unknown = find_capability("sm1").status();
  EXPECT_EQ(unknown.code(), StatusCode::kNotFound);
  EXPECT_NE(unknown.message().find("gfx90a"), std::string::npos) << unknown.message();
}

TEST(Capability, BrokenFilesSayWhatIsWrong) {
  const auto message = [](const std::string& arch, const std::string& rest) {
    const Status status =
        parse_capability(
            "file", R"({"backend":"cuda","name":"x","memory_gib":8,"local_memory_kib":64,"f32_tflops":1,)"
                    R"("bf16_tflops":1,"source":"x",)" +
                        rest + R"("arch":")" + arch + "\"}")
            .status();
    EXPECT_EQ(status.code(), StatusCode::kCorruptData);
    return status.message();
  };
  const std::string units = R"("units":4,"features":[],"memory_gbs":1,)";
  EXPECT_NE(message("90", units).find("arch: expected sm_<decimal> or gfx<hex>, found 90"),
            std::string::npos);
  EXPECT_NE(message("sm_9x", units).find("sm_9x"), std::string::npos);
  EXPECT_NE(message("sm_90", R"("units":0,)").find("units"), std::string::npos);
  EXPECT_NE(message("sm_90", R"("units":4,"memory_gbs":1,"features":["tensor cores"],)").find("tensor cores"),
            std::string::npos);
  EXPECT_NE(message("sm_90", R"("units":4,"features":[],)").find("memory_gbs: missing"), std::string::npos);
  EXPECT_NE(message("sm_90", R"("units":4,"features":[],"memory_gbs":-3,)").find("memory_gbs"),
            std::string::npos);
  EXPECT_EQ(parse_capability("file", "{").status().code(), StatusCode::kCorruptData);
}

TEST(Capability, CeilingsAreFoundByTheProduct) {
  DeviceInfo info;
  info.name = "NVIDIA A100-SXM4-80GB";  // as the driver says it
  EXPECT_EQ(ceilings_of(info).memory_gbs, 2039);
  info.backend = "vulkan";
  info.name = "NVIDIA H100 80GB HBM3";
  EXPECT_EQ(ceilings_of(info).fp8_tflops, 1979);
  info.name = "NVIDIA H100";
  EXPECT_FALSE(ceilings_of(info).known());
}

TEST(Capability, StandInHasFactsAndNoMemory) {
  const auto device = make_stand_in(find_capability("sm100").value());
  EXPECT_EQ(device->info().arch, 100);
  for (const Status& status :
       {device->alloc(1).status(), device->create_queue().status(), device->import_host({}).status()}) {
    EXPECT_EQ(status.code(), StatusCode::kUnsupported);
    EXPECT_NE(status.message().find("can be explained, not run"), std::string::npos) << status.message();
  }
}

}  // namespace
}  // namespace tamis
