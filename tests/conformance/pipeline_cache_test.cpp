// The file in which Vulkan devices keep compiled pipelines: made, read again, and never trusted. Each start
// is a device of its own, which opens the file anew.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <numeric>
#include <thread>

#include "core/base/log.h"
#include "core/ops/rms_norm/rms_norm.h"
#include "tests/conformance/conformance.h"

namespace tamis::conformance {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kWidth = 64;
// Of the file: magic, key (two UUIDs, four words, the shaders' hash), length, checksum.
constexpr std::size_t kHeaderBytes = 80;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
}

// The header's checksum, FNV-1a of the content, made right again.
std::string with_checksum(std::string file) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (std::size_t i = kHeaderBytes; i < file.size(); ++i)
    hash = (hash ^ static_cast<std::uint8_t>(file[i])) * 0x100000001b3ull;
  for (std::size_t i = 0; i < 8; ++i) file[72 + i] = static_cast<char>((hash >> (8 * i)) & 0xff);
  return file;
}

class PipelineCache : public OnDevice {
 protected:
  void SetUp() override {
    OnDevice::SetUp();
    if (std::string(backend_->name()) != "vulkan") GTEST_SKIP() << "no file of pipelines";
    std::string name = ::testing::TempDir() + "tamis-pipelines-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr) << name;
    folder_ = name;
    setenv("TAMIS_VULKAN_CACHE", (folder_ / "cache").c_str(), 1);
  }
  void TearDown() override {
    set_log_sink({}, LogLevel::kWarn);
    unsetenv("TAMIS_VULKAN_CACHE");
    if (!folder_.empty()) fs::remove_all(folder_);
  }

  // A row of ones by rms_norm on a device of its own, which is gone when this returns.
  void run_on_fresh_device() const {
    const auto& records = Registry::instance().backends();
    const auto record = std::find_if(records.begin(), records.end(),
                                     [](const BackendRecord& each) { return each.name == "vulkan"; });
    const auto index = static_cast<std::size_t>(device_->info().index);
    const std::shared_ptr<Device> device = record->backend->enumerate().devices.at(index);
    const std::unique_ptr<Queue> queue = must(device->create_queue());
    const std::vector<float> ones(kWidth, 1.0f);
    const auto x = must(device->alloc(4 * kWidth)), y = must(device->alloc(4 * kWidth));
    must(queue->upload(*x, 0, std::as_bytes(std::span(ones))));
    const TensorDesc row(DType::kF32, {1, kWidth});
    const std::vector<Tensor> operands{{row, x.get(), 0, nullptr},
                                       {{DType::kF32, {kWidth}}, x.get(), 0, nullptr},
                                       {row, y.get(), 0, nullptr}};
    const RmsNormParams params{.eps = 0.0f};
    const OpCall call{&op::rms_norm, &params, operands};
    const KernelRow& kernel = backend_->rows("rms_norm").back();
    queue->log().set_current(&kernel, &call);
    must(kernel.launch(*queue, call, {}));
    std::vector<float> found(kWidth);
    must(queue->download(std::as_writable_bytes(std::span(found)), *y, 0));
    must(queue->sync());
    for (const float value : found) ASSERT_NEAR(value, 1.0f, 1e-6f);
  }

  // What the log says of the file; `level`: from which on.
  std::string start(LogLevel level) {
    std::string said;
    set_log_sink(
        [&said](LogLevel, std::string_view text) {
          if (text.find("pipeline cache") != std::string_view::npos) said += std::string(text) + "\n";
        },
        level);
    run_on_fresh_device();
    set_log_sink({}, LogLevel::kWarn);
    return said;
  }

  // The one file of the folder.
  fs::path file() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_ / "cache")) found.push_back(entry.path());
    EXPECT_EQ(found.size(), 1u);
    return found.empty() ? fs::path() : found.front();
  }

  // A start with a damaged file says so, computes, and leaves a good file.
  void expect_ignored(const std::string& what, const std::string& why, const std::function<void()>& damage) {
    SCOPED_TRACE(what);
    damage();
    const std::string said = start(LogLevel::kWarn);
    EXPECT_NE(said.find("vulkan: pipeline cache ignored: " + folder_.string()), std::string::npos) << said;
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_EQ(start(LogLevel::kWarn), "");
  }

  fs::path folder_;
};

TEST_P(PipelineCache, IsWrittenForThisUserAloneAndReadAgain) {
  EXPECT_NE(start(LogLevel::kInfo).find(".pipelines: 0 bytes"), std::string::npos);
  const fs::path made = file();
  const std::string content = read_file(made);
  ASSERT_GE(content.size(), kHeaderBytes + 32);  // of every driver's header
  struct stat info {};
  ASSERT_EQ(::stat(made.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  ASSERT_EQ(::stat((folder_ / "cache").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0700u);
  const std::string said = start(LogLevel::kInfo);
  EXPECT_NE(said.find(fmt::format(".pipelines: {} bytes", content.size() - kHeaderBytes)), std::string::npos)
      << said;
  EXPECT_EQ(file(), made);
}

TEST_P(PipelineCache, DamagedFilesAreIgnoredAndReplaced) {
  start(LogLevel::kWarn);
  const fs::path path = file();
  const std::string good = read_file(path);
  const auto change = [&](std::size_t at) {
    return [&, at] {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 1);
      write_file(path, bad);
    };
  };
  const auto replace = [&](std::string content) {
    return [&path, content = std::move(content)] { write_file(path, content); };
  };
  expect_ignored("empty", "expected a header", replace(""));
  expect_ignored("a header cut short", "expected a header", replace(good.substr(0, kHeaderBytes - 1)));
  expect_ignored("no content", "bytes: expected", replace(good.substr(0, kHeaderBytes)));
  expect_ignored("a byte too few", "bytes: expected", replace(good.substr(0, good.size() - 1)));
  expect_ignored("a byte too many", "bytes: expected", replace(good + 'x'));
  std::string huge = good;
  for (std::size_t i = 64; i < 72; ++i) huge[i] = '\xff';
  expect_ignored("a huge length", "bytes: expected", replace(huge));
  expect_ignored("magic", "magic", change(0));
  for (const std::size_t at : {8, 24, 40, 44, 48, 56}) {  // a byte of each part of the key
    expect_ignored(fmt::format("key, byte {}", at), "key", change(at));
  }
  expect_ignored("checksum", "checksum", change(72));
  expect_ignored("first byte of the content", "checksum", change(kHeaderBytes));
  expect_ignored("last byte of the content", "checksum", change(good.size() - 1));
  for (const std::size_t at : {3, 4, 8, 12, 16}) {  // of the driver's header: size to UUID
    std::string forged = good;
    forged[kHeaderBytes + at] = static_cast<char>(forged[kHeaderBytes + at] ^ 1);
    expect_ignored(fmt::format("driver's header, byte {}", at), "driver's header",
                   replace(with_checksum(forged)));
  }
}

TEST_P(PipelineCache, FilesThatOthersCouldHaveWrittenAreIgnored) {
  start(LogLevel::kWarn);
  const fs::path path = file();
  const std::string good = read_file(path);
  expect_ignored("writable for the group", "writable for others",
                 [&] { fs::permissions(path, fs::perms::group_write, fs::perm_options::add); });
  expect_ignored("a link to a good file", "cannot be opened", [&] {
    write_file(folder_ / "elsewhere", good);
    fs::remove(path);
    fs::create_symlink(folder_ / "elsewhere", path);
  });
  expect_ignored("a pipe", "found something else", [&] {
    fs::remove(path);
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  });
  if (::geteuid() == 0) {
    expect_ignored("another owner", "owner", [&] { ASSERT_EQ(::chown(path.c_str(), 1, 1), 0); });
  }
}

TEST_P(PipelineCache, WithoutAFolderNothingIsKept) {
  setenv("TAMIS_VULKAN_CACHE", "off", 1);
  EXPECT_EQ(start(LogLevel::kInfo), "");
  write_file(folder_ / "file", "");
  setenv("TAMIS_VULKAN_CACHE", (folder_ / "file" / "below").c_str(), 1);
  EXPECT_NE(start(LogLevel::kInfo).find(".pipelines: 0 bytes"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "cache"));
}

TEST_P(PipelineCache, StartsAtTheSameTimeLeaveAGoodFile) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([this] { run_on_fresh_device(); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(start(LogLevel::kWarn), "");
  EXPECT_FALSE(file().empty());  // and nothing beside it
}

TAMIS_ON_EVERY_DEVICE(PipelineCache);

}  // namespace
}  // namespace tamis::conformance
