#include "core/ops/oracle/oracle.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/backend/backend_api.h"
#include "core/numeric/float16.h"
#include "core/numeric/fp8.h"

namespace tamis {
namespace {

template <class T>
T read(const std::byte* address) {
  T value;
  std::memcpy(&value, address, sizeof(T));
  return value;
}

template <class T>
void write(std::byte* address, T value) {
  std::memcpy(address, &value, sizeof(T));
}

struct OracleEntry {
  const char* name;
  OracleFn fn;
};
constexpr OracleEntry kOracles[] = {
#define OP(name) {#name, &oracle::name},
#include "core/ops.def"
#undef OP
};

}  // namespace

double load_element(DType dtype, const std::byte* address) {
  switch (dtype) {
    case DType::kF32: return read<float>(address);
    case DType::kBF16: return numeric::bf16_to_float(read<std::uint16_t>(address));
    case DType::kF16: return numeric::f16_to_float(read<std::uint16_t>(address));
    case DType::kE4M3: return numeric::e4m3_to_float(read<std::uint8_t>(address));
    case DType::kI32: return read<std::int32_t>(address);
    case DType::kI64: return static_cast<double>(read<std::int64_t>(address));
    case DType::kU8: return read<std::uint8_t>(address);
  }
  return 0;
}

void store_element(DType dtype, std::byte* address, double value) {
  const float narrow = static_cast<float>(value);
  switch (dtype) {
    case DType::kF32: return write(address, narrow);
    case DType::kBF16: return write(address, numeric::float_to_bf16(narrow));
    case DType::kF16: return write(address, numeric::float_to_f16(narrow));
    case DType::kE4M3: return write(address, numeric::float_to_e4m3(narrow));
    case DType::kI32: return write(address, static_cast<std::int32_t>(value));
    case DType::kI64: return write(address, static_cast<std::int64_t>(value));
    case DType::kU8: return write(address, static_cast<std::uint8_t>(value));
  }
}

double round_to(DType dtype, double value) {
  std::byte raw[8];
  store_element(dtype, raw, value);
  return load_element(dtype, raw);
}

OracleCall::OracleCall(const OpCall& call) : call_(call) {
  for (std::size_t i = 0; i < call.operands.size(); ++i) {
    if (call.op->operands[i].role == Role::kOut && call.operands[i].present()) {
      outputs_[static_cast<int>(i)].assign(static_cast<std::size_t>(call.operands[i].desc.elements()), 0.0);
    }
  }
}

std::int64_t OracleCall::element_offset(int operand, std::initializer_list<std::int64_t> index) const {
  const TensorDesc& d = desc(operand);
  std::int64_t offset = 0;
  int axis = 0;
  for (std::int64_t i : index) offset += i * d.stride(axis++);
  return offset * static_cast<std::int64_t>(dtype_size(d.dtype));
}

std::byte* OracleCall::bytes(int operand) const {
  return call_[operand].buffer->host() + call_[operand].offset;
}

double OracleCall::get(int operand, std::initializer_list<std::int64_t> index) const {
  return load_element(desc(operand).dtype, bytes(operand) + element_offset(operand, index));
}

std::int64_t OracleCall::get_int(int operand, std::initializer_list<std::int64_t> index) const {
  return static_cast<std::int64_t>(get(operand, index));
}

double OracleCall::weight(int operand, std::int64_t row, std::int64_t col) const {
  const Weight& w = *call_[operand].weight;
  const DType dtype = w.desc.dtype;
  const std::int64_t size = static_cast<std::int64_t>(dtype_size(dtype));
  for (const WeightPiece& piece : w.pieces) {
    if (row >= piece.rows) {
      row -= piece.rows;
      continue;
    }
    const double code =
        load_element(dtype, piece.buffer->host() + piece.offset + (row * piece.row_stride + col) * size);
    if (piece.scale_buffer == nullptr) return code;
    const std::int64_t block =
        (piece.first_row + row) / kWeightBlock * piece.scale_stride + (piece.first_col + col) / kWeightBlock;
    return code * load_element(DType::kF32, piece.scale_buffer->host() + piece.scale_offset + block * 4);
  }
  return 0;
}

void OracleCall::set(int operand, std::initializer_list<std::int64_t> index, double value) {
  std::int64_t offset = 0;
  int axis = 0;
  for (std::int64_t i : index) offset = offset * dim(operand, axis++) + i;
  outputs_[operand][static_cast<std::size_t>(offset)] = value;
}

std::vector<double> fake_quantize(ActQuant mode, std::span<const double> row) {
  std::vector<double> result(row.begin(), row.end());
  if (mode == ActQuant::kNone) return result;
  for (std::size_t begin = 0; begin < row.size(); begin += 128) {
    const std::size_t end = std::min(begin + 128, row.size());
    double amax = 0;
    for (std::size_t i = begin; i < end; ++i) amax = std::max(amax, std::fabs(row[i]));
    const float scale =
        numeric::activation_scale(static_cast<float>(amax), mode == ActQuant::kE4M3Group128Pow2);
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint8_t code = numeric::float_to_e4m3(static_cast<float>(row[i]) / scale);
      result[i] = static_cast<double>(numeric::e4m3_to_float(code)) * scale;
    }
  }
  return result;
}

OracleFn find_oracle(const char* op) {
  for (const OracleEntry& entry : kOracles) {
    if (std::strcmp(entry.name, op) == 0) return entry.fn;
  }
  return nullptr;
}

}  // namespace tamis
