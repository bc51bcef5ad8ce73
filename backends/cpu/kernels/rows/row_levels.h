// A kernel row of a row-wise op for each level of vectors, widest first. Op::compute<ops> is the op.
#pragma once

#include <array>

#include "backends/cpu/kernels/rows/row_ops.h"
#include "backends/cpu/queue.h"
#include "core/backend/device_info.h"

namespace tamis::cpu {

#if defined(__x86_64__)
inline constexpr int kRowLevels = 3;
#else
inline constexpr int kRowLevels = 1;
#endif

// `portable` is the last row, without name, families and launch; names: of avx512, avx2, portable.
template <class Op>
constexpr std::array<KernelRow, kRowLevels> row_levels(KernelRow portable, const char* const (&names)[3]) {
  portable.numerics.invariance = Invariance::kBatch;
  const auto level = [&](int name, const char* family, std::uint64_t needs,
                         decltype(KernelRow::launch) launch) {
    KernelRow row = portable;
    row.name = names[name];
    row.families = family;
    row.needs.all_of = needs;
    row.launch = launch;
    return row;
  };
  return {
#if defined(__x86_64__)
    level(0, "avx512", kAvx512, launch<&Op::template compute<kAvx512RowOps>>),
        level(1, "avx2", kAvx2, launch<&Op::template compute<kAvx2RowOps>>),
#endif
        level(2, "portable", 0, launch<&Op::template compute<kPortableRowOps>>)
  };
}

}  // namespace tamis::cpu
