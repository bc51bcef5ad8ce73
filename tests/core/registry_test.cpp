// Finding, refusing and naming backends; the null plug-in, which lies beside the library, stands for all of
// them.
#include "core/backend/registry.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/base/dtype.h"
#include "core/exec/plan.h"
#include "core/graph/op_def.h"
#include "core/ops/rms_norm/rms_norm.h"

namespace tamis {
namespace {

const BackendRecord* find_record(const std::string& name) {
  for (const BackendRecord& record : Registry::instance().backends()) {
    if (record.name == name) return &record;
  }
  return nullptr;
}

// The message that device(name) fails with; empty when it succeeds.
std::string device_error(const std::string& name) {
  return Registry::instance().device(name).status().message();
}

Status load_refused(const std::string& name) {
  return Registry::instance().load(TAMIS_TEST_PLUGINS "/libtamis_" + name + ".so");
}

// The null device, whatever the environment of the test says.
std::shared_ptr<Device> null_device() {
  const BackendRecord* record = find_record("null");
  if (record == nullptr) return nullptr;
  setenv("TAMIS_NULL_DEVICE", "1", 1);
  DeviceList list = record->backend->enumerate();
  unsetenv("TAMIS_NULL_DEVICE");
  return list.devices.empty() ? nullptr : list.devices.front();
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// What the CPU backend says with TAMIS_CPU_ISA set.
DeviceList cpu_at(const char* level) {
  setenv("TAMIS_CPU_ISA", level, 1);
  DeviceList list = find_record("cpu")->backend->enumerate();
  unsetenv("TAMIS_CPU_ISA");
  return list;
}

TEST(Registry, CpuUsesNothingAboveTheLevelThatIsForced) {
  constexpr std::uint64_t kAbove2 = kAvx512 | kAvx512Vbmi | kAvx512Bf16 | kAvx512Fp16 | kFastBf16Dot;
  constexpr std::uint64_t kAbove512 = kAmxBf16 | kAmxInt8;
  const auto features = [](const char* level) {
    const DeviceList list = cpu_at(level);
    return list.devices.empty() ? ~0ull : list.devices.front()->info().features;
  };
  EXPECT_EQ(features("portable"), kOpenBlas);
  EXPECT_EQ(features("avx2") & ~std::uint64_t{kAvx2}, kOpenBlas);
  EXPECT_EQ(features("avx512") & kAbove512, 0u);
  EXPECT_EQ(features("avx512") & ~kAbove2, features("avx2"));
  EXPECT_EQ(features("amx") & ~kAbove512, features("avx512"));
  EXPECT_EQ(features("amx"), features(""));
  const DeviceList unknown = cpu_at("sse9");
  EXPECT_TRUE(unknown.devices.empty());
  EXPECT_TRUE(mentions(unknown.why_none, "portable, avx2, avx512 or amx, found sse9")) << unknown.why_none;
}

TEST(Registry, CpuIsLinkedInAndHasADevice) {
  const BackendRecord* cpu = find_record("cpu");
  ASSERT_NE(cpu, nullptr);
  EXPECT_EQ(cpu->path, "");
  EXPECT_EQ(cpu->devices.size(), 1u);
  for (const char* name : {"cpu", "cpu:0"}) {
    const auto device = Registry::instance().device(name);
    ASSERT_TRUE(device.ok()) << device.status().message();
    EXPECT_EQ(device.value()->info().backend, "cpu");
  }
}

TEST(Registry, NullPluginIsFoundWithItsReason) {
  const BackendRecord* null = find_record("null");
  ASSERT_NE(null, nullptr) << "libtamis_null.so was not found beside libtamis.so";
  EXPECT_TRUE(mentions(null->path, "libtamis_null.so"));
  EXPECT_TRUE(null->devices.empty());
  EXPECT_TRUE(mentions(null->why_not, "the null backend has no hardware")) << null->why_not;
  EXPECT_TRUE(mentions(device_error("null"), null->why_not)) << device_error("null");
  for (const OpDef* op : all_ops()) EXPECT_TRUE(null->backend->rows(op->name).empty()) << op->name;
}

TEST(Registry, PluginBuiltAgainstOtherHeadersIsRefused) {
  const Status status = load_refused("stale_headers");
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  for (const char* part :
       {"libtamis_stale_headers.so", "other headers", "0123456789abcdef", "rebuild the plug-in"}) {
    EXPECT_TRUE(mentions(status.message(), part)) << part << " not in: " << status.message();
  }
  // The refusal is what the user of that backend reads.
  EXPECT_EQ(Registry::instance().backend("stale_headers"), nullptr);
  EXPECT_TRUE(mentions(device_error("stale_headers"), "other headers")) << device_error("stale_headers");
}

TEST(Registry, PluginOfAnotherAbiIsRefused) {
  const Status status = load_refused("stale_abi");
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  const std::string wanted = fmt::format("ABI {}, this library has {}", kAbiNumber - 1, kAbiNumber);
  EXPECT_TRUE(mentions(status.message(), wanted)) << status.message();
}

TEST(Registry, WhatIsNoPluginIsRefused) {
  EXPECT_TRUE(mentions(load_refused("no_entry").message(), "exports no tamis_backend_entry"));
  const Status absent = load_refused("absent");
  EXPECT_EQ(absent.code(), StatusCode::kNotFound);
  EXPECT_TRUE(mentions(absent.message(), "cannot be loaded")) << absent.message();
}

TEST(Registry, PluginAddsARowToABackendThatIsThere) {
  const std::size_t before = Registry::instance().backend("cpu")->rows("rms_norm").size();
  const Status loaded = Registry::instance().load(TAMIS_TEST_PLUGINS "/libtamis_extra_row.so");
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  const Backend* cpu = Registry::instance().backend("cpu");
  ASSERT_EQ(cpu->rows("rms_norm").size(), before + 1);
  EXPECT_EQ(cpu->rows("linear").size(), create_cpu_backend()->rows("linear").size());
  EXPECT_EQ(find_record("extra_row"), nullptr);

  // By name it is chosen and runs; otherwise the backend's own row does.
  const auto device = Registry::instance().device("cpu").value();
  Graph g;
  const ValueId x = g.input("x", {DType::kF32, {1, 4}}), weight = g.weight("w", {DType::kF32, {4}});
  g.mark_output(add_rms_norm(g, x, weight, {0.0f, DType::kF32}), "y");
  const PlanTarget target{cpu, device.get(), cpu, device.get(), nullptr};
  EXPECT_STRNE(Plan::create(g, target, {}).value()->nodes()[0].choice.row->name, "cpu.rms_norm.double");
  PlanOptions options;
  options.kernels["rms_norm"] = "cpu.rms_norm.double";
  const auto plan = Plan::create(g, target, options).value();
  EXPECT_STREQ(plan->nodes()[0].choice.row->name, "cpu.rms_norm.double");
  const auto queue = device->create_queue().value();
  const auto memory = device->alloc(32).value();
  const std::array<float, 8> values{3, -3, 3, -3, 1, 2, 1, 1};
  ASSERT_TRUE(queue->upload(*memory, 0, std::as_bytes(std::span(values))).ok());
  Bindings bindings;
  bindings.arena = device->alloc(plan->arena_bytes()).value();
  bindings.buffers = {{"x", {memory.get(), 0}}, {"w", {memory.get(), 16}}};
  ASSERT_TRUE(plan->bind(bindings).ok());
  ASSERT_TRUE(plan->run(*queue, *queue).ok());
  const Tensor y = plan->output("y").value();
  const auto* result = reinterpret_cast<const float*>(y.buffer->host() + y.offset);
  EXPECT_EQ((std::array<float, 4>{result[0], result[1], result[2], result[3]}),
            (std::array<float, 4>{1, -2, 1, -1}));
}

TEST(Registry, UnknownBackendListsTheKnownOnes) {
  const auto device = Registry::instance().device("tpu");
  EXPECT_EQ(device.status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(mentions(device.status().message(), "device tpu: no such backend here; known: cpu, "))
      << device.status().message();
}

TEST(Registry, DeviceNumbersAreChecked) {
  EXPECT_TRUE(mentions(device_error("cpu:7"), "device cpu:7: the backend has 1 device"))
      << device_error("cpu:7");
  for (const char* name :
       {"cpu:", "cpu:x", "cpu:0x", "cpu:-1", "cpu:0:1", "cpu:99999999999999999999", "cpu: 0"}) {
    const auto device = Registry::instance().device(name);
    EXPECT_EQ(device.status().code(), StatusCode::kInvalidArgument) << name;
    EXPECT_TRUE(mentions(device.status().message(), name)) << device.status().message();
  }
  EXPECT_TRUE(mentions(device_error(""), "no such backend")) << device_error("");
}

TEST(NullBackend, MovesBytesThroughItsQueueOnly) {
  const auto device = null_device();
  ASSERT_NE(device, nullptr);
  EXPECT_FALSE(device->info().host_visible);
  auto first = device->alloc(8), second = device->alloc(8);
  auto queue = device->create_queue();
  ASSERT_TRUE(first.ok() && second.ok() && queue.ok());
  EXPECT_EQ((*first)->host(), nullptr);

  const std::array<std::byte, 3> sent{std::byte{1}, std::byte{2}, std::byte{3}};
  std::array<std::byte, 8> back{};
  ASSERT_TRUE((*queue)->fill(**first, 0, 8, 9).ok());
  ASSERT_TRUE((*queue)->upload(**first, 4, sent).ok());
  ASSERT_TRUE((*queue)->copy(**second, 0, **first, 0, 8).ok());
  ASSERT_TRUE((*queue)->download(back, **second, 0).ok());
  ASSERT_TRUE((*queue)->sync().ok());
  const std::array<std::byte, 8> expected{std::byte{9}, std::byte{9}, std::byte{9}, std::byte{9},
                                          std::byte{1}, std::byte{2}, std::byte{3}, std::byte{9}};
  EXPECT_EQ(back, expected);
}

TEST(NullBackend, ReportsWhatItCannotDo) {
  const auto device = null_device();
  ASSERT_NE(device, nullptr);
  EXPECT_EQ(device->alloc(-1).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(device->alloc(device->free_bytes() + 1).status().code(), StatusCode::kOutOfMemory);
  EXPECT_EQ(device->import_host({}).status().code(), StatusCode::kUnsupported);
  EXPECT_EQ(device->extension("anything"), nullptr);

  auto buffer = device->alloc(8);
  auto queue = device->create_queue();
  ASSERT_TRUE(buffer.ok() && queue.ok());
  std::array<std::byte, 4> bytes{};
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  for (std::int64_t offset : {std::int64_t{-1}, std::int64_t{5}, std::int64_t{9}, kHuge}) {
    EXPECT_EQ((*queue)->upload(**buffer, offset, bytes).code(), StatusCode::kInvalidArgument) << offset;
    EXPECT_EQ((*queue)->download(bytes, **buffer, offset).code(), StatusCode::kInvalidArgument) << offset;
    EXPECT_EQ((*queue)->fill(**buffer, offset, 4, 0).code(), StatusCode::kInvalidArgument) << offset;
    EXPECT_EQ((*queue)->copy(**buffer, offset, **buffer, 0, 4).code(), StatusCode::kInvalidArgument)
        << offset;
  }
}

TEST(NullBackend, CapturesNothing) {
  const auto device = null_device();
  ASSERT_NE(device, nullptr);
  auto queue = device->create_queue();
  ASSERT_TRUE(queue.ok());
  EXPECT_FALSE((*queue)->end_capture().ok());
  ASSERT_TRUE((*queue)->begin_capture().ok());
  EXPECT_FALSE((*queue)->begin_capture().ok());
  auto capture = (*queue)->end_capture();
  ASSERT_TRUE(capture.ok());
  EXPECT_TRUE((*queue)->replay(**capture).ok());

  auto begin = (*queue)->record_event(), end = (*queue)->record_event();
  ASSERT_TRUE(begin.ok() && end.ok());
  EXPECT_TRUE((*queue)->wait_event(**begin).ok());
  EXPECT_GE((*queue)->elapsed_seconds(**begin, **end).value(), 0.0);
}

}  // namespace
}  // namespace tamis
