#include <cmath>

#include "core/ops/oracle/rows.h"
#include "core/ops/rope/rope.h"

namespace tamis {

Status oracle::rope(OracleCall& call) {
  using namespace rope_operand;
  const auto& params = call.params<RopeParams>();
  const std::size_t half = static_cast<std::size_t>(call.dim(kInvFreq, 0));
  const std::int64_t heads = call.desc(kX).rank == 3 ? call.dim(kX, 1) : 1;
  for (std::int64_t r = 0; r < row_count(call.desc(kX)); ++r) {
    const auto position = static_cast<float>(call.get_int(kPositions, {r / heads}));
    std::vector<double> row = get_row(call, kX, r);
    for (std::size_t i = 0; i < half; ++i) {
      const bool interleaved = params.pairing == RopePairing::kInterleaved;
      double& a = row[static_cast<std::size_t>(params.begin) + (interleaved ? 2 * i : i)];
      double& b = row[static_cast<std::size_t>(params.begin) + (interleaved ? 2 * i + 1 : i + half)];
      const auto inv_freq = static_cast<float>(call.get(kInvFreq, {static_cast<std::int64_t>(i)}));
      const float angle = position * inv_freq;  // rounded to fp32: the contract says so
      const double c = std::cos(static_cast<double>(angle)), s = std::sin(static_cast<double>(angle));
      const double rotated = (a * c - b * s) * params.magnitude;
      b = (b * c + a * s) * params.magnitude;
      a = rotated;
    }
    set_row(call, kY, r, row);
  }
  return {};
}

}  // namespace tamis
