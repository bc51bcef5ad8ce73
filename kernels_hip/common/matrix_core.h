// AMD's matrix instructions, each a type `I` that a kernel is written against. In all of them
// D[M, N] = A[M, K] B[K, N] + C, fp32 sums, with M = N = I::kLines, K = I::kDepth, by I::kLanes lanes:
//
//   I::line(lane)            the row of A, or the column of B, that the lane has values of
//   I::depth(group, i)       k of its value i < I::kEach, with group = I::group(lane) < I::kGroups; for A and
//   B alike I::sum_row(lane, r)      the row of C and D in register r < I::kSums; its column is
//   I::sum_column(lane) I::sum_group(row), I::sum_register(row)   the inverse: the lanes [group * kLines,
//   (group + 1) * kLines) have
//                            the row, in this register
//   I::kElement              of A and B
//   I::kHere                 the architecture that is being compiled for has it
//   I::multiply(a, b, sums)  a, b: the registers of kEach values; by all lanes of the wave together
//
// Because A and B have the same depths, a kernel may give the lanes other values of k than these, as long as
// it gives both sides the same: so that a lane's values lie side by side in memory.
#pragma once

#include "kernels_hip/common/mfma.h"
#include "kernels_hip/common/wmma.h"
