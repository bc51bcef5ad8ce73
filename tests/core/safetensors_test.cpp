// safetensors: what is accepted, and that every way to break a file gives the right code and says file,
// tensor, expected and found.
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>

#include "core/checkpoint/safetensors.h"
#include "core/checkpoint/safetensors_writer.h"

namespace tamis {
namespace {

std::string with_header(const std::string& header, std::size_t data_bytes) {
  std::string out(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(out.data(), &length, 8);
  return out + header + std::string(data_bytes, '\1');
}

Result<SafetensorsFile> parse(const std::string& file) {
  return SafetensorsFile::parse(std::as_bytes(std::span(file)), "x.safetensors");
}

void expect_corrupt(const std::string& file, const std::vector<std::string>& words) {
  const Result<SafetensorsFile> result = parse(file);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), StatusCode::kCorruptData);
  const std::string message = result.status().message();
  EXPECT_NE(message.find("x.safetensors"), std::string::npos) << message;
  for (const std::string& word : words)
    EXPECT_NE(message.find(word), std::string::npos) << message << "\nlacks " << word;
}

void expect_corrupt_header(const std::string& header, std::size_t data_bytes,
                           const std::vector<std::string>& words) {
  SCOPED_TRACE(header);
  expect_corrupt(with_header(header, data_bytes), words);
}

TEST(Safetensors, ReadsTensors) {
  const std::string file = with_header(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("a":{"dtype":"BF16","shape":[],"data_offsets":[24,26]},"e":{"dtype":"F8_E4M3","shape":[0,7],"data_offsets":[26,26]}}  )",
      26);
  const Result<SafetensorsFile> result = parse(file);
  ASSERT_TRUE(result.ok()) << result.status().message();
  ASSERT_EQ(result->tensors().size(), 3u);
  EXPECT_EQ(result->tensors()[0].name, "a");
  const CheckpointTensor* b = result->find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->dtype, DType::kF32);
  EXPECT_EQ(b->shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(b->bytes.size(), 24u);
  EXPECT_EQ(b->to_string(), "F32[2, 3]");
  EXPECT_EQ(result->find("a")->elements(), 1);
  EXPECT_EQ(result->find("e")->elements(), 0);
  EXPECT_EQ(result->find("c"), nullptr);
}

TEST(Safetensors, EmptyHeaderIsAFileWithoutTensors) {
  const std::string file = with_header("{}", 0);
  ASSERT_TRUE(parse(file).ok());
}

TEST(Safetensors, UnknownDtypeIsKeptRaw) {
  const std::string file = with_header(R"({"x":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}})", 2);
  const Result<SafetensorsFile> result = parse(file);
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_FALSE(result->find("x")->dtype.has_value());
  EXPECT_EQ(result->find("x")->dtype_text, "F4");
}

TEST(SafetensorsErrors, HeaderLength) {
  expect_corrupt("", {"header length", "found a file of 0"});
  expect_corrupt("1234567", {"found a file of 7"});
  std::string file = with_header("{}", 0);
  file[0] = 3;
  expect_corrupt(file, {"at most the 2 bytes", "found 3"});
  std::memset(file.data(), 0xff, 8);
  expect_corrupt(file, {"at most 100000000", "18446744073709551615"});
}

TEST(SafetensorsErrors, BrokenJson) {
  expect_corrupt_header("", 0, {"header", "not valid JSON"});
  expect_corrupt_header("{\"a\":", 0, {"not valid JSON", "byte"});
  expect_corrupt_header("[]", 0, {"expected a JSON object", "a list of 0"});
  expect_corrupt_header("{\"a\":\"\xff\"}", 0, {"not valid JSON"});
  expect_corrupt_header(std::string("{\"a\":").append(1000, '['), 0, {"deeper"});
  expect_corrupt_header(R"({"a":3})", 0, {"tensor a", "expected a JSON object", "3"});
  expect_corrupt_header(R"({"__metadata__":{"a":1}})", 0, {"__metadata__"});
  const std::string entry = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  expect_corrupt_header("{\"a\":" + entry + ",\"a\":" + entry + "}", 1, {"\"a\"", "twice"});
}

TEST(SafetensorsErrors, Fields) {
  expect_corrupt_header(R"({"a":{"shape":[1],"data_offsets":[0,1]}})", 1, {"tensor a", "dtype", "missing"});
  expect_corrupt_header(R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,1]}})", 1,
                        {"tensor a", "dtype", "string", "7"});
  expect_corrupt_header(R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1, {"tensor a", "shape", "nothing"});
  expect_corrupt_header(R"({"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}})", 1,
                        {"tensor a", "shape", "list", "1"});
  expect_corrupt_header(R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1,
                        {"tensor a", "shape[0]", "-1"});
  expect_corrupt_header(R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", 1, {"shape[0]", "1.0"});
  expect_corrupt_header(R"({"a":{"dtype":"U8","shape":["1"],"data_offsets":[0,1]}})", 1,
                        {"shape[0]", "\"1\""});
  expect_corrupt_header(R"({"a":{"dtype":"U8","shape":[9007199254740993],"data_offsets":[0,1]}})", 1,
                        {"shape[0]"});
  expect_corrupt_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1,
                        {"data_offsets", "[begin, end]", "[0]"});
  expect_corrupt_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1,
                        {"data_offsets", "[1, 0]"});
}

TEST(SafetensorsErrors, SizesAndOffsets) {
  expect_corrupt_header(R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,20]}})", 20,
                        {"tensor a", "expected 24 bytes for F32[2, 3]", "found 20"});
  expect_corrupt_header(R"({"a":{"dtype":"U8","shape":[64],"data_offsets":[0,64]}})", 63,
                        {"tensor a", "63 bytes", "found 64", "truncated"});
  expect_corrupt_header(
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[9007199254740990,9007199254740991]}})", 1,
      {"tensor a", "9007199254740991"});
  expect_corrupt_header(
      R"({"a":{"dtype":"F32","shape":[9007199254740992,9007199254740992,0],"data_offsets":[0,0]}})", 0,
      {"tensor a", "shape", "below 2^63", "F32[9007"});
}

TEST(SafetensorsErrors, OverlapsHolesAndTrailingBytes) {
  const std::string a = R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
  expect_corrupt_header("{" + a + R"(,"b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}})", 7,
                        {"tensor b", "begin of 4", "end of a", "found 3", "overlap"});
  expect_corrupt_header("{" + a + R"(,"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 4,
                        {"tensor b", "overlap"});
  expect_corrupt_header("{" + a + R"(,"b":{"dtype":"U8","shape":[4],"data_offsets":[6,10]}})", 10,
                        {"tensor b", "begin of 4", "found 6", "hole"});
  expect_corrupt_header(R"({"b":{"dtype":"U8","shape":[4],"data_offsets":[1,5]}})", 5, {"tensor b", "hole"});
  expect_corrupt_header("{" + a + "}", 9, {"end with a at byte 4", "found 9"});
}

TEST(SafetensorsErrors, Files) {
  EXPECT_EQ(SafetensorsFile::open("/nonexistent/x").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(SafetensorsFile::open("/").status().code(), StatusCode::kNotFound);
}

class SafetensorsWriter : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("tamis_writer_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    path_ = (folder_ / "out.safetensors").string();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
  std::string path_;
};

TEST_F(SafetensorsWriter, RoundTrip) {
  const std::vector<std::uint8_t> codes{1, 2, 3};
  const std::vector<float> values{1.5f, -2.0f, 3.25f, 0.0f};
  ASSERT_TRUE(
      write_safetensors(path_, {{"codes", DType::kU8, {3}, std::as_bytes(std::span(codes))},
                                {"värde \"x\"", DType::kF32, {2, 2}, std::as_bytes(std::span(values))},
                                {"nothing", DType::kBF16, {0, 5}, {}}})
          .ok());
  const Result<SafetensorsFile> file = SafetensorsFile::open(path_);
  ASSERT_TRUE(file.ok()) << file.status().message();
  ASSERT_EQ(file->tensors().size(), 3u);
  const CheckpointTensor* read = file->find("värde \"x\"");
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->to_string(), "F32[2, 2]");
  EXPECT_TRUE(std::ranges::equal(read->bytes, std::as_bytes(std::span(values))));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(read->bytes.data()) % 8, 0u);
  EXPECT_EQ(std::memcmp(file->find("codes")->bytes.data(), codes.data(), 3), 0);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1) << "no temporary file stays";
}

TEST_F(SafetensorsWriter, Errors) {
  const std::vector<float> values{1.0f, 2.0f};
  const auto bytes = std::as_bytes(std::span(values));
  const Status wrong_size = write_safetensors(path_, {{"a", DType::kF32, {3}, bytes}});
  EXPECT_EQ(wrong_size.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(wrong_size.message().find("tensor a: expected the bytes of F32[3], found 8"), std::string::npos);
  EXPECT_EQ(write_safetensors(path_, {{"a", DType::kF32, {-2}, bytes}}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(write_safetensors(path_, {{"a", DType::kF32, {2}, bytes}, {"a", DType::kF32, {2}, bytes}}).code(),
            StatusCode::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(write_safetensors("/nonexistent/x", {{"a", DType::kF32, {2}, bytes}}).code(),
            StatusCode::kNotFound);
}

}  // namespace
}  // namespace tamis
