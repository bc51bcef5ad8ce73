// Buffers and queues: bytes arrive where they should, ranges are checked, events measure, memory runs out
// politely.
#include <numeric>

#include "core/ops/rms_norm/rms_norm.h"
#include "tests/conformance/conformance.h"

namespace tamis::conformance {
namespace {

class Memory : public OnDevice {};

std::vector<std::uint8_t> counting(std::size_t n) {
  std::vector<std::uint8_t> values(n);
  std::iota(values.begin(), values.end(), std::uint8_t{1});
  return values;
}

TEST_P(Memory, BytesArriveAtOddOffsets) {
  const std::vector<std::uint8_t> sent = counting(1000);
  const auto a = must(device_->alloc(1003)), b = must(device_->alloc(1003));
  must(queue_->fill(*a, 0, 1003, 0xee));
  must(queue_->fill(*b, 0, 1003, 0xdd));
  must(queue_->upload(*a, 3, std::as_bytes(std::span(sent))));
  must(queue_->copy(*b, 1, *a, 2, 900));
  must(queue_->fill(*b, 10, 7, 0));
  const auto back_a = read<std::uint8_t>(*a, 0, 1003), back_b = read<std::uint8_t>(*b, 0, 1003);
  for (std::size_t i = 0; i < 1003; ++i) {
    ASSERT_EQ(back_a[i], i < 3 ? 0xee : sent[i - 3]) << i;
    const bool zeroed = i >= 10 && i < 17, copied = i >= 1 && i < 901;
    ASSERT_EQ(back_b[i], zeroed ? 0 : copied ? back_a[i + 1] : 0xdd) << i;
  }
}

TEST_P(Memory, SourceOfAnUploadMayChangeAtOnce) {
  std::vector<std::uint8_t> sent = counting(1 << 20);
  const auto buffer = must(device_->alloc(1 << 20));
  must(queue_->upload(*buffer, 0, std::as_bytes(std::span(sent))));
  std::fill(sent.begin(), sent.end(), std::uint8_t{0});
  EXPECT_EQ(read<std::uint8_t>(*buffer, 0, 1 << 20), counting(1 << 20));
}

TEST_P(Memory, RangesAreChecked) {
  const auto buffer = must(device_->alloc(16));
  std::vector<std::byte> bytes(8);
  for (const Status& status : {queue_->upload(*buffer, 9, bytes), queue_->download(bytes, *buffer, -1),
                               queue_->copy(*buffer, 0, *buffer, 12, 8), queue_->fill(*buffer, 17, 0, 0),
                               queue_->fill(*buffer, 0, -4, 0)}) {
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status.message();
  }
  must(queue_->upload(*buffer, 8, bytes));
  must(queue_->fill(*buffer, 16, 0, 0));
  must(queue_->sync());
}

TEST_P(Memory, OutOfMemorySaysWhatIsNeededAndTheDeviceGoesOn) {
  const auto refused = device_->alloc(std::int64_t{1} << 46);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kOutOfMemory) << refused.status().message();
  EXPECT_NE(refused.status().message().find(std::to_string(std::int64_t{1} << 46)), std::string::npos)
      << refused.status().message();
  EXPECT_FALSE(device_->alloc(-1).ok());
  const auto buffer = buffer_of(counting(64));
  EXPECT_EQ(read<std::uint8_t>(*buffer, 0, 64), counting(64));
}

// Experts of a large model are one weight of 7.5 GB.
TEST_P(Memory, BuffersBeyondFourGiB) {
  constexpr std::int64_t kGiB = 1ll << 30, kBytes = 4 * kGiB + 4096, kHigh = 4 * kGiB + 1024, kWidth = 64;
  if (is_host() || device_->free_bytes() < 16 * kGiB) GTEST_SKIP() << "not enough device memory";
  const auto large = must(device_->alloc(kBytes));
  must(queue_->fill(*large, 0, 4096, 1));
  must(queue_->fill(*large, 4 * kGiB, 4096, 2));
  const std::vector<float> ones(kWidth, 1.0f);
  must(queue_->upload(*large, kHigh, std::as_bytes(std::span(ones))));
  const TensorDesc row(DType::kF32, {1, kWidth});
  const std::vector<Tensor> operands{{row, large.get(), kHigh, nullptr},
                                     {{DType::kF32, {kWidth}}, large.get(), kHigh, nullptr},
                                     {row, large.get(), kHigh + 1024, nullptr}};
  const RmsNormParams params{.eps = 0.0f};
  const OpCall call{&op::rms_norm, &params, operands};
  must(backend_->rows("rms_norm").back().launch(*queue_, call, Scratch{}));
  must(queue_->copy(*large, 2048, *large, kHigh + 1024, 4 * kWidth));
  EXPECT_EQ(read<float>(*large, 2048, kWidth), ones);
  EXPECT_EQ(read<float>(*large, kHigh + 1024, kWidth), ones);
  EXPECT_EQ(read<std::uint8_t>(*large, 0, 2048), std::vector<std::uint8_t>(2048, 1));
  EXPECT_EQ(read<std::uint8_t>(*large, 4 * kGiB, 1024), std::vector<std::uint8_t>(1024, 2));
}

TEST_P(Memory, EmptyBuffersAndTransfers) {
  const auto empty = must(device_->alloc(0));
  EXPECT_EQ(empty->bytes(), 0);
  must(queue_->upload(*empty, 0, {}));
  must(queue_->fill(*empty, 0, 0, 1));
  must(queue_->sync());
}

TEST_P(Memory, EventsMeasureTimeInOrder) {
  const auto buffer = must(device_->alloc(1 << 22));
  auto begin = must(queue_->record_event());
  for (int i = 0; i < 8; ++i) must(queue_->fill(*buffer, 0, 1 << 22, static_cast<std::uint8_t>(i)));
  auto end = must(queue_->record_event());
  must(queue_->wait_event(*end));
  must(queue_->sync());
  const double seconds = must(queue_->elapsed_seconds(*begin, *end));
  EXPECT_GE(seconds, 0.0);
  EXPECT_LT(seconds, 60.0);
}

TEST_P(Memory, FactsAreFilledIn) {
  const DeviceInfo& info = device_->info();
  EXPECT_FALSE(info.name.empty());
  EXPECT_FALSE(info.backend.empty());
  EXPECT_GT(info.units, 0);
  EXPECT_GT(info.memory_bytes, 0);
  EXPECT_GT(device_->free_bytes(), 0);
  EXPECT_EQ(device_->extension("no such extension"), nullptr);
}

TAMIS_ON_EVERY_DEVICE(Memory);

}  // namespace
}  // namespace tamis::conformance
