#include "core/ops/dense_mla/dense_mla.h"
#include "core/ops/oracle/attention_row.h"
#include "core/ops/oracle/kv_row.h"

namespace tamis {
namespace {

using namespace dense_mla_operand;

std::vector<std::vector<double>> visible_rows(const OracleCall& call, std::int64_t t) {
  const auto& params = call.params<DenseMlaParams>();
  const PagedPosition paged{kPageTable, params.page_size, call.dim(kCache, 0)};
  const std::int64_t seq = call.get_int(kSeqOfToken, {t});
  std::vector<std::vector<double>> rows;
  const std::int64_t table_end = call.dim(kPageTable, 1) * params.page_size;
  for (std::int64_t position = 0; position < std::min(call.get_int(kKe, {t}), table_end); ++position) {
    const std::int64_t slot = paged_slot(call, paged, seq, position);
    if (slot >= 0) rows.push_back(read_kv_row(call, kCache, {params.format, params.c, params.r}, slot));
  }
  return rows;
}

}  // namespace

Status oracle::dense_mla(OracleCall& call) {
  const auto& params = call.params<DenseMlaParams>();
  for (std::int64_t t = 0; t < call.dim(kQLatent, 0); ++t) {
    const std::vector<std::vector<double>> rows = visible_rows(call, t);
    const auto row = [&](std::size_t j) -> const std::vector<double>& { return rows[j]; };
    for (std::int64_t h = 0; h < call.dim(kQLatent, 1); ++h) {
      std::vector<double> query;
      for (std::int64_t i = 0; i < params.c; ++i) query.push_back(call.get(kQLatent, {t, h, i}));
      for (std::int64_t i = 0; i < params.r; ++i) query.push_back(call.get(kQRope, {t, h, i}));
      const AttentionRow result = attend(query, params.scale, rows.size(), row, row);
      for (std::int64_t i = 0; i < params.c && !rows.empty(); ++i) {
        call.set(kOut, {t, h, i}, result.out[static_cast<std::size_t>(i)]);
      }
      call.set(kLse, {t, h}, result.lse);
    }
  }
  return {};
}

}  // namespace tamis
