#include "core/ops/mha_prefill/mha_prefill.h"
#include "core/ops/oracle/attention_row.h"
#include "core/ops/oracle/oracle.h"

namespace tamis {
namespace {

using namespace mha_prefill_operand;

std::vector<double> row_of(const OracleCall& call, int operand, std::initializer_list<std::int64_t> index,
                           std::vector<double> row = {}) {
  const std::vector<std::int64_t> base(index);
  for (std::int64_t i = 0; i < call.dim(operand, -1); ++i) {
    row.push_back(base.size() == 2 ? call.get(operand, {base[0], base[1], i})
                                   : call.get(operand, {base[0], i}));
  }
  return row;
}

struct Keys {
  std::int64_t start = 0;
  std::int64_t count = 0;
};

Keys keys_of(const OracleCall& call, std::int64_t t) {
  const std::int64_t seq = call.get_int(kSeqOfToken, {t});
  if (seq < 0 || seq >= call.dim(kKvLen, 0)) return {};
  Keys keys;
  for (std::int64_t s = 0; s < seq; ++s) keys.start += std::max<std::int64_t>(0, call.get_int(kKvLen, {s}));
  keys.count = std::min(call.get_int(kKe, {t}), call.get_int(kKvLen, {seq}));
  keys.count = std::max<std::int64_t>(0, std::min(keys.count, call.dim(kKNope, 0) - keys.start));
  return keys;
}

}  // namespace

Status oracle::mha_prefill(OracleCall& call) {
  const std::int64_t tokens = call.dim(kQNope, 0), heads = call.dim(kQNope, 1);
  for (std::int64_t h = 0; h < heads; ++h) {
    std::vector<std::vector<double>> k, v;  // of all rows, for this head
    for (std::int64_t s = 0; s < call.dim(kKNope, 0); ++s) {
      k.push_back(row_of(call, kKRope, {s}, row_of(call, kKNope, {s, h})));
      v.push_back(row_of(call, kV, {s, h}));
    }
    for (std::int64_t t = 0; t < tokens; ++t) {
      const Keys keys = keys_of(call, t);
      const std::vector<double> query = row_of(call, kQRope, {t, h}, row_of(call, kQNope, {t, h}));
      const auto row = [&keys](const std::vector<std::vector<double>>& rows) {
        return [&rows, &keys](std::size_t j) -> const std::vector<double>& {
          return rows[static_cast<std::size_t>(keys.start) + j];
        };
      };
      const double scale = call.params<MhaPrefillParams>().scale;
      const AttentionRow result = attend(query, scale, static_cast<std::size_t>(keys.count), row(k), row(v));
      call.set(kLse, {t, h}, result.lse);
      for (std::size_t i = 0; i < result.out.size(); ++i) {
        call.set(kOut, {t, h, static_cast<std::int64_t>(i)}, result.out[i]);
      }
    }
  }
  return {};
}

}  // namespace tamis
