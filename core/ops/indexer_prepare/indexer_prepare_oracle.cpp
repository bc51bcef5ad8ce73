#include <algorithm>
#include <bit>
#include <cmath>

#include "core/numeric/fp8.h"
#include "core/ops/indexer_prepare/indexer_prepare.h"
#include "core/ops/oracle/rows.h"

namespace tamis {
namespace {

using namespace indexer_prepare_operand;

void round_all(DType dtype, std::vector<double>& x) {
  for (double& value : x) value = round_to(dtype, value);
}

void rotate(const OracleCall& call, std::int64_t t, std::vector<double>& x) {
  const bool interleaved = call.params<IndexerPrepareParams>().pairing == RopePairing::kInterleaved;
  const std::int64_t half = call.dim(kInvFreq, 0);
  const auto position = static_cast<float>(call.get_int(kPositions, {t}));
  for (std::int64_t i = 0; i < half; ++i) {
    double& a = x[static_cast<std::size_t>(interleaved ? 2 * i : i)];
    double& b = x[static_cast<std::size_t>(interleaved ? 2 * i + 1 : i + half)];
    const float angle = position * static_cast<float>(call.get(kInvFreq, {i}));  // fp32, as in rope
    const double c = std::cos(static_cast<double>(angle)), s = std::sin(static_cast<double>(angle));
    const double rotated = a * c - b * s;
    b = b * c + a * s;
    a = rotated;
  }
}

std::vector<double> hadamard(const std::vector<double>& x) {
  std::vector<double> y(x.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    for (std::size_t j = 0; j < x.size(); ++j) y[i] += std::popcount(i & j) % 2 == 0 ? x[j] : -x[j];
    y[i] /= std::sqrt(static_cast<double>(x.size()));
  }
  return y;
}

// Codes in place; returns the scale.
double quantize(std::vector<double>& x, bool pow2) {
  double amax = 0;
  for (double value : x) amax = std::fmax(amax, std::fabs(value));
  const float scale = numeric::activation_scale(static_cast<float>(amax), pow2);
  for (double& value : x) value = round_to(DType::kE4M3, static_cast<float>(value) / scale);
  return scale;
}

// Rotated, and with FP8 transformed and rounded to codes; returns the scale.
double prepare(const OracleCall& call, std::int64_t t, DType dtype, bool pow2, std::vector<double>& x) {
  rotate(call, t, x);
  round_all(dtype, x);
  if (call.params<IndexerPrepareParams>().format == IndexFormat::kExact) return 1;
  x = hadamard(x);
  round_all(dtype, x);
  return quantize(x, pow2);
}

void store_key(OracleCall& call, std::int64_t slot, const std::vector<double>& key, double scale) {
  const auto& params = call.params<IndexerPrepareParams>();
  const TensorDesc& cache = call.desc(kCache);
  const bool fp8 = params.format == IndexFormat::kFp8Paged;
  const std::int64_t page_size = params.page_size, dim = call.dim(kK, 1);
  if (slot < 0 || slot >= (fp8 ? cache.dim(0) * page_size : cache.dim(0))) return;
  const auto size = static_cast<std::int64_t>(dtype_size(cache.dtype));
  std::byte* row = call.bytes(kCache) + (fp8 ? slot / page_size : slot) * cache.stride(0) * size;
  for (std::int64_t i = 0; i < dim; ++i) {
    const double value = key[static_cast<std::size_t>(i)];
    if (fp8) {
      store_element(DType::kE4M3, row + slot % page_size * dim + i, value);
    } else {
      store_element(cache.dtype, row + i * size, value);
    }
  }
  if (fp8) store_element(DType::kF32, row + page_size * dim + slot % page_size * 4, scale);
}

}  // namespace

Status oracle::indexer_prepare(OracleCall& call) {
  const auto& params = call.params<IndexerPrepareParams>();
  const std::int64_t heads = call.dim(kQ, 1);
  for (std::int64_t t = 0; t < call.dim(kQ, 0); ++t) {
    for (std::int64_t h = 0; h < heads; ++h) {
      std::vector<double> q = get_row(call, kQ, t * heads + h);
      const double scale = prepare(call, t, call.desc(kQ).dtype, params.pow2, q);
      set_row(call, kQOut, t * heads + h, q);
      if (call.has(kQScale)) call.set(kQScale, {t, h}, scale);
    }
    std::vector<double> k = get_row(call, kK, t);
    const double scale = prepare(call, t, call.desc(kK).dtype, true, k);
    store_key(call, call.get_int(kSlot, {t}), k, scale);
  }
  return {};
}

}  // namespace tamis
