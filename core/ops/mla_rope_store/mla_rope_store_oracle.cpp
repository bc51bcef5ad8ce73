#include <cmath>

#include "core/ops/mla_rope_store/mla_rope_store.h"
#include "core/ops/oracle/kv_row.h"
#include "core/ops/oracle/rows.h"

namespace tamis {
namespace {

using namespace mla_rope_store_operand;

// Rotates the pairs of x[begin, begin + R) by the position of token t.
void rotate_pairs(const OracleCall& call, std::int64_t t, std::span<double> x) {
  const auto position = static_cast<float>(call.get_int(kPositions, {t}));
  for (std::size_t i = 0; i < x.size() / 2; ++i) {
    const float angle = position * static_cast<float>(call.get(kInvFreq, {static_cast<std::int64_t>(i)}));
    const double c = std::cos(static_cast<double>(angle)), s = std::sin(static_cast<double>(angle));
    const double a = x[2 * i], b = x[2 * i + 1];
    x[2 * i] = a * c - b * s;
    x[2 * i + 1] = b * c + a * s;
  }
}

void normalize(const OracleCall& call, std::span<double> latent) {
  double squares = 0;
  for (double x : latent) squares += x * x;
  const double eps = call.params<MlaRopeStoreParams>().eps;
  const double rms = std::sqrt(squares / static_cast<double>(latent.size()) + eps);
  for (std::size_t i = 0; i < latent.size(); ++i) {
    latent[i] *= call.get(kNormWeight, {static_cast<std::int64_t>(i)}) / rms;
  }
}

}  // namespace

Status oracle::mla_rope_store(OracleCall& call) {
  const auto& params = call.params<MlaRopeStoreParams>();
  const std::int64_t heads = call.dim(kQRope, 1);
  for (std::int64_t t = 0; t < call.dim(kQRope, 0); ++t) {
    for (std::int64_t h = 0; h < heads; ++h) {
      std::vector<double> query = get_row(call, kQRope, t * heads + h);
      rotate_pairs(call, t, query);
      set_row(call, kQOut, t * heads + h, query);
    }
    const std::int64_t slot = call.get_int(kSlot, {t});
    if (slot < 0 || slot >= call.dim(kCache, 0)) continue;
    std::vector<double> row = get_row(call, kKvA, t);
    const std::span<double> values(row);
    normalize(call, values.first(static_cast<std::size_t>(params.c)));
    rotate_pairs(call, t, values.subspan(static_cast<std::size_t>(params.c)));
    for (double& value : row) value = round_to(call.desc(kKvA).dtype, value);
    write_kv_row(call, kCache, {params.format, params.c, params.r}, slot, row);
  }
  return {};
}

}  // namespace tamis
