// Matrix instructions: each against a plain product, its operands dealt to lanes as
// kernels_hip/common/matrix_core.h describes; that description against entries of AMD's own tables; and what
// the emulator reports.
#include "kernels_hip/common/matrix_core.h"

#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "core/numeric/float16.h"
#include "core/numeric/fp8.h"
#include "kernels_hip/common/widen.h"
#include "tests/hip_emulation/fixture.h"

namespace hip_emulation {
namespace {

using namespace tamis::hip;
using tamis::gpu::Element;

template <class I>
inline constexpr int kWords = I::kEach*(I::kElement == Element::kE4M3 ? 1 : 2) / 4;

// The registers of all lanes in, those of the sums out.
template <class I>
__global__ void one_instruction(const unsigned* a, const unsigned* b, float* sums) {
  const unsigned lane = threadIdx.x;
  unsigned mine_a[kWords<I>], mine_b[kWords<I>];
  for (int w = 0; w < kWords<I>; ++w) {
    mine_a[w] = a[lane * kWords<I> + w];
    mine_b[w] = b[lane * kWords<I> + w];
  }
  typename I::Sums values;
  for (int r = 0; r < I::kSums; ++r) values[r] = sums[lane * I::kSums + r];
  I::multiply(mine_a, mine_b, values);
  for (int r = 0; r < I::kSums; ++r) sums[lane * I::kSums + r] = values[r];
}

unsigned encode(Element element, float value, bool fnuz) {
  if (element == Element::kBF16) return tamis::numeric::float_to_bf16(value);
  if (element == Element::kF16) return tamis::numeric::float_to_f16(value);
  if (!fnuz) return tamis::numeric::float_to_e4m3(value);
  const unsigned code = tamis::numeric::float_to_e4m3(value * 2);  // bias 8: a code is worth half
  return code == 0x80 ? 0 : code;
}

// Small integers: exact in every format, and so are their products.
std::vector<float> draw(int count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(static_cast<int>(random() % 15) - 7);
  return values;
}

struct Matrices {
  std::vector<float> a, b, c;  // [M, K], [N, K], [M, N]
};

// As a kernel deals matrices to lanes, by the description `Layout`.
template <class I, class Layout>
void deal(const std::vector<float>& lines, bool fnuz, DeviceArray<unsigned>& registers) {
  auto* bytes = reinterpret_cast<unsigned char*>(registers.get());
  constexpr int kBytes = I::kElement == Element::kE4M3 ? 1 : 2;
  for (int lane = 0; lane < I::kLanes; ++lane) {
    for (int i = 0; i < I::kEach; ++i) {
      const int at = Layout::line(lane) * I::kDepth + Layout::depth(Layout::group(lane), i);
      const unsigned code = encode(I::kElement, lines[static_cast<std::size_t>(at)], fnuz);
      std::memcpy(bytes + (lane * I::kEach + i) * kBytes, &code, kBytes);
    }
  }
}

// How many elements of D differ from the plain product.
template <class I, class Layout = I>
int wrong_elements(const Matrices& m, hipStream_t stream) {
  const bool fnuz = arch() == 0x942;
  DeviceArray<unsigned> a(I::kLanes * kWords<I>), b(I::kLanes * kWords<I>);
  DeviceArray<float> sums(I::kLanes * I::kSums);
  deal<I, Layout>(m.a, fnuz, a);
  deal<I, Layout>(m.b, fnuz, b);
  const auto at = [](int lane, int r) {
    const int place = Layout::sum_row(lane, r) * I::kLines + Layout::sum_column(lane);
    return static_cast<std::size_t>(place);
  };
  for (int lane = 0; lane < I::kLanes; ++lane) {
    for (int r = 0; r < I::kSums; ++r) sums[lane * I::kSums + r] = m.c[at(lane, r)];
  }
  hipLaunchKernelGGL((one_instruction<I>), dim3(1), dim3(I::kLanes), 0, stream, a.get(), b.get(), sums.get());
  EXPECT_EQ(hipStreamSynchronize(stream), hipSuccess) << hipGetErrorString(hipErrorLaunchFailure);
  int wrong = 0;
  for (int lane = 0; lane < I::kLanes; ++lane) {
    for (int r = 0; r < I::kSums; ++r) {
      const int row = Layout::sum_row(lane, r), column = Layout::sum_column(lane);
      float want = m.c[at(lane, r)];
      for (int k = 0; k < I::kDepth; ++k) {
        const int in_a = row * I::kDepth + k, in_b = column * I::kDepth + k;
        want += m.a[static_cast<std::size_t>(in_a)] * m.b[static_cast<std::size_t>(in_b)];
      }
      if (sums[lane * I::kSums + r] != want) ++wrong;
    }
  }
  return wrong;
}

template <class I>
Matrices matrices() {
  return {draw(I::kLines * I::kDepth, 1), draw(I::kLines * I::kDepth, 2), draw(I::kLines * I::kLines, 3)};
}

class MatrixCore : public ::testing::Test {
 protected:
  MatrixCore() { EXPECT_EQ(hipStreamCreateWithFlags(&stream_, hipStreamNonBlocking), hipSuccess); }
  ~MatrixCore() override {
    (void)hipStreamDestroy(stream_);
    (void)hipGetLastError();
    set_arch(0x942);
  }

  template <class I>
  void check(std::initializer_list<int> archs) {
    for (int arch : archs) {
      set_arch(arch);
      EXPECT_EQ(wrong_elements<I>(matrices<I>(), stream_), 0) << "gfx" << std::hex << arch;
    }
    for (int row = 0; row < I::kLines; ++row) {
      EXPECT_EQ(I::sum_row(I::sum_group(row) * I::kLines, I::sum_register(row)), row);
    }
  }
  template <class I, class Layout>
  int wrong(int arch) {
    set_arch(arch);
    return wrong_elements<I, Layout>(matrices<I>(), stream_);
  }
  // What a launch of `threads` lanes on `arch` reports.
  template <class I>
  std::string report(int arch, unsigned threads) {
    set_arch(arch);
    DeviceArray<unsigned> a(64 * kWords<I>), b(64 * kWords<I>);
    DeviceArray<float> sums(64 * I::kSums);
    hipLaunchKernelGGL((one_instruction<I>), dim3(1), dim3(threads), 0, stream_, a.get(), b.get(),
                       sums.get());
    const hipError_t error = hipStreamSynchronize(stream_);
    return error == hipSuccess ? "" : hipGetErrorString(error);
  }

  hipStream_t stream_ = nullptr;
};

TEST_F(MatrixCore, ProductsOfCdna) {
  check<Mfma32x32x8Bf16>({0x90a, 0x942, 0x950});
  check<Mfma16x16x16Bf16>({0x90a, 0x942, 0x950});
  check<Mfma32x32x8F16>({0x90a, 0x942, 0x950});
  check<Mfma16x16x16F16>({0x90a, 0x942, 0x950});
  check<Mfma32x32x16Fp8>({0x942, 0x950});
  check<Mfma16x16x32Fp8>({0x942, 0x950});
  check<Mfma32x32x16Bf16>({0x950});
  check<Mfma16x16x32Bf16>({0x950});
}

TEST_F(MatrixCore, ProductsOfRdna) {
  check<WmmaGfx11Bf16>({0x1100, 0x1151});
  check<WmmaGfx11F16>({0x1100});
  check<WmmaGfx12Bf16>({0x1200, 0x1201});
  check<WmmaGfx12F16>({0x1201});
  check<WmmaGfx12Fp8>({0x1201});
}

struct Entry {
  int row, k, lane, i;  // A[row][k] is value i of the lane
};
template <class I>
void expect_entries(std::initializer_list<Entry> entries) {
  for (const Entry& e : entries) {
    EXPECT_EQ(I::line(e.lane), e.row) << "lane " << e.lane;
    EXPECT_EQ(I::depth(I::group(e.lane), e.i), e.k) << "lane " << e.lane << ", value " << e.i;
  }
}

// Entries of `matrix_calculator.py --architecture X --instruction I --A-matrix --register-layout`.
TEST_F(MatrixCore, OperandsLieWhereTheTablesSay) {
  expect_entries<Mfma32x32x8Bf16>(
      {{0, 0, 0, 0}, {0, 4, 32, 0}, {5, 6, 37, 2}, {31, 3, 31, 3}, {31, 7, 63, 3}});
  expect_entries<Mfma16x16x16Bf16>({{0, 4, 16, 0}, {3, 9, 35, 1}, {15, 15, 63, 3}});
  expect_entries<Mfma32x32x16Fp8>({{0, 7, 0, 7}, {0, 8, 32, 0}, {5, 12, 37, 4}, {31, 15, 63, 7}});
  expect_entries<Mfma16x16x32Fp8>({{0, 8, 16, 0}, {3, 20, 35, 4}, {15, 31, 63, 7}});
  expect_entries<WmmaGfx11Bf16>({{0, 15, 0, 15}, {0, 15, 16, 15}, {7, 4, 23, 4}});
  expect_entries<WmmaGfx12Bf16>({{0, 3, 0, 3}, {0, 4, 16, 0}, {0, 8, 0, 4}, {9, 15, 25, 7}});
  expect_entries<WmmaGfx12Fp8>({{0, 7, 0, 7}, {0, 8, 16, 0}, {9, 15, 25, 7}});
}

struct Sum {
  int row, column, lane, r;  // D[row][column] is register r of the lane
};
template <class I>
void expect_sums(std::initializer_list<Sum> sums) {
  for (const Sum& s : sums) {
    EXPECT_EQ(I::sum_row(s.lane, s.r), s.row) << "lane " << s.lane << ", register " << s.r;
    EXPECT_EQ(I::sum_column(s.lane), s.column) << "lane " << s.lane;
  }
}

TEST_F(MatrixCore, SumsLieWhereTheTablesSay) {
  expect_sums<Mfma32x32x8Bf16>({{3, 0, 0, 3}, {4, 0, 32, 0}, {8, 1, 1, 4}, {31, 31, 63, 15}});
  expect_sums<Mfma16x16x16Bf16>({{3, 0, 0, 3}, {4, 0, 16, 0}, {15, 15, 63, 3}});
  expect_sums<WmmaGfx11Bf16>({{0, 5, 5, 0}, {1, 5, 21, 0}, {14, 0, 0, 7}, {15, 15, 31, 7}});
  expect_sums<WmmaGfx12Bf16>({{7, 5, 5, 7}, {8, 5, 21, 0}, {15, 15, 31, 7}});
}

// Planted faults: descriptions with one thing the wrong way round.
struct SwappedDepths : Mfma32x32x8Bf16 {
  static constexpr int depth(int group, int i) { return Mfma32x32x8Bf16::depth(1 - group, i); }
};
struct SwappedLines : Mfma32x32x8Bf16 {
  static constexpr int line(int lane) { return lane / 2; }
  static constexpr int group(int lane) { return lane % 2; }
};
struct Gfx11Sums : WmmaGfx12Bf16 {
  static constexpr int sum_row(int lane, int r) { return WmmaGfx11Bf16::sum_row(lane, r); }
};
struct OtherDepths : WmmaGfx12Bf16 {
  static constexpr int depth(int group, int i) { return group * 8 + i; }
};

TEST_F(MatrixCore, SwappedLayoutsAreCaught) {
  EXPECT_GT((wrong<Mfma32x32x8Bf16, SwappedLines>(0x942)), 900);
  EXPECT_GT((wrong<WmmaGfx12Bf16, Gfx11Sums>(0x1201)), 200);
  // Depths that both sides share do not show in the product, which is why the entries are tested, too.
  EXPECT_EQ((wrong<Mfma32x32x8Bf16, SwappedDepths>(0x942)), 0);
  EXPECT_EQ((wrong<WmmaGfx12Bf16, OtherDepths>(0x1201)), 0);
}

TEST_F(MatrixCore, WhatADeviceDoesNotHaveIsReported) {
  const std::string kernel = "kernel (one_instruction<I>), block (0, 0, 0): ";
  EXPECT_EQ(report<Mfma32x32x16Fp8>(0x90a, 64), kernel + "gfx90a has no v_mfma_f32_32x32x16_fp8_fp8");
  EXPECT_EQ(report<Mfma32x32x8Bf16>(0x1100, 64), kernel + "gfx1100 has no v_mfma_f32_32x32x8_bf16");
  EXPECT_EQ(report<WmmaGfx11Bf16>(0x942, 32), kernel + "gfx942 has no v_wmma_f32_16x16x16_bf16");
  EXPECT_EQ(report<WmmaGfx12Fp8>(0x1100, 32), kernel + "gfx1100 has no v_wmma_f32_16x16x16_fp8_fp8");
  EXPECT_EQ(report<Mfma32x32x8Bf16>(0x942, 63),
            kernel + "v_mfma_f32_32x32x8_bf16: called by lanes 0x7fffffffffffffff of 64");
}

// All codes of one dialect in A, or in B, at the first row and column, times ones.
template <class I>
void expect_codes(hipStream_t stream, int arch, bool in_a) {
  set_arch(arch);
  const bool fnuz = arch == 0x942;
  constexpr int kBytes = I::kLanes * I::kEach;
  for (int code = 0; code < 256; ++code) {
    DeviceArray<unsigned> a(kBytes / 4), b(kBytes / 4);
    DeviceArray<float> sums(I::kLanes * I::kSums);
    std::memset((in_a ? a : b).get(), 0, kBytes);
    std::memset((in_a ? b : a).get(), fnuz ? 0x40 : 0x38, kBytes);
    reinterpret_cast<unsigned char*>((in_a ? a : b).get())[0] = static_cast<unsigned char>(code);
    for (int i = 0; i < I::kLanes * I::kSums; ++i) sums[i] = 0;
    hipLaunchKernelGGL((one_instruction<I>), dim3(1), dim3(I::kLanes), 0, stream, a.get(), b.get(),
                       sums.get());
    ASSERT_EQ(hipStreamSynchronize(stream), hipSuccess);
    const float ocp = tamis::numeric::e4m3_to_float(static_cast<std::uint8_t>(code));
    if (fnuz ? code == 0x80 : std::isnan(ocp)) {
      EXPECT_TRUE(std::isnan(sums[0])) << code;
    } else if (fnuz && (code & 0x7f) == 0x7f) {
      EXPECT_EQ(std::fabs(sums[0]), 240.0f) << code;
    } else {
      EXPECT_EQ(sums[0], fnuz ? ocp / 2 : ocp) << code;
    }
  }
}

TEST_F(MatrixCore, Fp8Dialects) {
  for (bool in_a : {false, true}) {
    for (int arch : {0x942, 0x950}) {
      expect_codes<Mfma16x16x32Fp8>(stream_, arch, in_a);
      expect_codes<Mfma32x32x16Fp8>(stream_, arch, in_a);
    }
    expect_codes<WmmaGfx12Fp8>(stream_, 0x1201, in_a);
  }
}

std::array<float, kRun> widened(const std::array<unsigned char, kRun>& codes) {
  std::array<unsigned, kRun / 2> words{};
  widen(load_run<Element::kE4M3>(codes.data()), words.data());
  std::array<float, kRun> values{};
  for (std::size_t i = 0; i < kRun; ++i) {
    values[i] = tamis::numeric::bf16_to_float(static_cast<std::uint16_t>(words[i / 2] >> i % 2 * 16));
  }
  return values;
}

// e4m3 as bf16, all codes at all places of a run, among codes that are numbers.
TEST_F(MatrixCore, WideningIsExact) {
  for (std::size_t at = 0; at < kRun; ++at) {
    for (unsigned first = 0; first < 256; ++first) {
      std::array<unsigned char, kRun> codes{};
      for (std::size_t i = 0; i < kRun; ++i) {
        const auto code = static_cast<unsigned char>(first + 37 * i);
        codes[i] = i == at || (code & 0x7f) != 0x7f ? code : 0x31;
      }
      if ((first + 37 * at) % 128 == 127) {
        for (const float value : widened(codes)) EXPECT_TRUE(std::isnan(value)) << first << ", " << at;
        continue;
      }
      const std::array<float, kRun> values = widened(codes);
      for (std::size_t i = 0; i < kRun; ++i) {
        const float want = tamis::numeric::e4m3_to_float(codes[i]);
        EXPECT_EQ(values[i], want) << first << ", " << i;
      }
    }
  }
}

}  // namespace
}  // namespace hip_emulation
