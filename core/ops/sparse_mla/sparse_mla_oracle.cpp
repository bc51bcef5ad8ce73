#include <cmath>

#include "core/ops/oracle/attention_row.h"
#include "core/ops/oracle/kv_row.h"
#include "core/ops/sparse_mla/sparse_mla.h"

namespace tamis {
namespace {

using namespace sparse_mla_operand;

std::vector<std::vector<double>> chosen_rows(const OracleCall& call, std::int64_t t) {
  const auto& params = call.params<SparseMlaParams>();
  std::int64_t length = call.dim(kSlots, 1);
  if (call.has(kLength)) length = std::min(length, call.get_int(kLength, {t}));
  std::vector<std::vector<double>> rows;
  for (std::int64_t i = 0; i < length; ++i) {
    const std::int64_t slot = call.get_int(kSlots, {t, i});
    if (slot < 0 || slot >= call.dim(kCache, 0)) continue;
    rows.push_back(read_kv_row(call, kCache, {params.format, params.c, params.r}, slot));
  }
  return rows;
}

}  // namespace

Status oracle::sparse_mla(OracleCall& call) {
  const auto& params = call.params<SparseMlaParams>();
  for (std::int64_t t = 0; t < call.dim(kQLatent, 0); ++t) {
    const std::vector<std::vector<double>> rows = chosen_rows(call, t);
    const auto row = [&](std::size_t j) -> const std::vector<double>& { return rows[j]; };
    for (std::int64_t h = 0; h < call.dim(kQLatent, 1); ++h) {
      std::vector<double> query;
      for (std::int64_t i = 0; i < params.c; ++i) query.push_back(call.get(kQLatent, {t, h, i}));
      for (std::int64_t i = 0; i < params.r; ++i) query.push_back(call.get(kQRope, {t, h, i}));
      const AttentionRow result = attend(query, params.scale, rows.size(), row, row);
      double lse = result.lse, share = rows.empty() ? 0.0 : 1.0;
      if (call.has(kSink) && !rows.empty()) {
        const double sink = call.get(kSink, {h}), top = std::fmax(lse, sink);
        lse = std::isinf(sink) ? top : top + std::log(std::exp(lse - top) + std::exp(sink - top));
        share = std::exp(result.lse - lse);
      }
      for (std::int64_t i = 0; i < params.c && !rows.empty(); ++i) {
        call.set(kOut, {t, h, i}, share * result.out[static_cast<std::size_t>(i)]);
      }
      call.set(kLse, {t, h}, lse);
      if (call.has(kMaxLogits)) call.set(kMaxLogits, {t, h}, result.max);
    }
  }
  return {};
}

}  // namespace tamis
