#include "tests/hip_emulation/matrix.h"

#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "core/numeric/float16.h"

namespace hip_emulation {

int depth_of(const MatrixInstruction& instruction, int lane, int i) {
  switch (instruction.family) {
    case Family::kCdna: return lane / instruction.lines * instruction.values() + i;
    case Family::kRdna3: return i;
    case Family::kRdna4:
      // 16-bit: registers 0 and 1 of the lower lanes, then of the upper, then registers 2 and 3.
      if (instruction.format == Format::kFp8) return lane / 16 * 8 + i;
      return (i < 4 ? 0 : 8) + (lane < 16 ? 0 : 4) + i % 4;
  }
  return 0;
}

int row_of(const MatrixInstruction& instruction, int lane, int r) {
  switch (instruction.family) {
    case Family::kCdna:
      return instruction.lines == 16 ? lane / 16 * 4 + r : r / 4 * 8 + lane / 32 * 4 + r % 4;
    case Family::kRdna3: return 2 * r + (lane < 16 ? 0 : 1);
    case Family::kRdna4: return r + (lane < 16 ? 0 : 8);
  }
  return 0;
}

float decode_fp8(unsigned char code, bool fnuz) {
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  if (fnuz ? code == 0x80 : (code & 0x7f) == 0x7f) return kNan;
  const int bias = fnuz ? 8 : 7;
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), 1 - bias - 3)
                                        : std::ldexp(static_cast<float>(8 + mantissa), exponent - bias - 3);
  return code < 0x80 ? magnitude : -magnitude;
}

namespace {

constexpr int kMaxLines = 32, kMaxDepth = 32;

// The product of what a wave brought to one exchange, for its lanes to read one after another.
struct Product {
  std::uint64_t serial = 0;
  float values[kMaxLines][kMaxLines];
};
Product product;

float decode(const MatrixInstruction& instruction, const unsigned char* values, int i) {
  if (instruction.format == Format::kFp8) return decode_fp8(values[i], arch() == 0x942);
  std::uint16_t code;
  std::memcpy(&code, values + i * 2, 2);
  return instruction.format == Format::kBF16 ? tamis::numeric::bf16_to_float(code)
                                             : tamis::numeric::f16_to_float(code);
}

// The upper half of RDNA 3's lanes only repeats the lower: what it holds must be the same.
void check_copies(const MatrixInstruction& instruction, const Lanes& lanes) {
  if (instruction.family != Family::kRdna3) return;
  const std::size_t bytes = static_cast<std::size_t>(instruction.bytes()) * 2;
  for (int lane = 0; lane < 16; ++lane) {
    if (std::memcmp(lanes.values[lane], lanes.values[lane + 16], bytes) == 0) continue;
    report(fmt::format("{}: lanes {} and {} have different operands", instruction.name, lane, lane + 16));
    return;
  }
}

// Each sum in the order of k. Of a fixed number of lines: the CPU's vectors take a row of them.
template <int lines>
void multiply_operands(const float (*a)[kMaxLines], const float (*b)[kMaxLines], int depth) {
  for (int row = 0; row < lines; ++row) {
    float sums[lines] = {};
    for (int k = 0; k < depth; ++k) {
      const float value = a[k][row];
      for (int column = 0; column < lines; ++column) sums[column] += value * b[k][column];
    }
    std::memcpy(product.values[row], sums, sizeof(sums));
  }
}

void compute(const MatrixInstruction& instruction, const Lanes& lanes) {
  static float a[kMaxDepth][kMaxLines], b[kMaxDepth][kMaxLines];
  for (int lane = 0; lane < instruction.lanes(); ++lane) {
    for (int i = 0; i < instruction.values(); ++i) {
      const int k = depth_of(instruction, lane, i), line = lane % instruction.lines;
      a[k][line] = decode(instruction, lanes.values[lane], i);
      b[k][line] = decode(instruction, lanes.values[lane] + instruction.bytes(), i);
    }
  }
  if (instruction.lines == 32) {
    multiply_operands<32>(a, b, instruction.depth);
  } else {
    multiply_operands<16>(a, b, instruction.depth);
  }
  check_copies(instruction, lanes);
}

bool is_there(const MatrixInstruction& instruction) {
  return arch() >= instruction.first_arch && arch() <= instruction.last_arch;
}

}  // namespace

void multiply_lanes(const MatrixInstruction& instruction, const void* a, const void* b, float* sums,
                    Site site) {
  unsigned char both[kMaxExchangeBytes];
  const auto bytes = static_cast<std::size_t>(instruction.bytes());
  std::memcpy(both, a, bytes);
  std::memcpy(both + bytes, b, bytes);
  const Lanes& lanes = exchange(both, 2 * bytes, site);
  const std::uint64_t all = instruction.lanes() == 64 ? ~std::uint64_t{0} : 0xffffffffu;
  const bool complete = lanes.active == all && place.wave == instruction.lanes() && is_there(instruction);
  if (!complete) {
    report(is_there(instruction)
               ? fmt::format("{}: called by lanes {:#x} of {}", instruction.name, lanes.active, place.wave)
               : fmt::format("gfx{:x} has no {}", arch(), instruction.name));
  } else if (product.serial != lanes.serial) {
    compute(instruction, lanes);
    product.serial = lanes.serial;
  }
  for (int r = 0; r < instruction.sums(); ++r) {
    const float added = product.values[row_of(instruction, place.lane, r)][place.lane % instruction.lines];
    sums[r] = complete ? sums[r] + added : std::numeric_limits<float>::quiet_NaN();
  }
}

}  // namespace hip_emulation
