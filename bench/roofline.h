// The ceilings that rows are held against, measured on the device in the same run.
#pragma once

#include <string>

#include "bench/measure.h"
#include "bench/row.h"

namespace tamis::bench {

struct Ceilings {
  // A copy that no cache holds, bytes read plus bytes written: the faster one of Queue::copy and, on GPUs,
  // the rows of gather_rows. A driver's own copy may be slow: vkCmdCopyBuffer moves 0.85 of 3 TB/s on an
  // H100.
  double copy_gbs = 0;
  std::string copy_kernel;  // "queue", or the kernel row
  // The CPU only: all cores reading memory (Queue::copy is one core's work there), and all cores doing f32
  // multiply-adds (a row may be better than `linear` is).
  double read_gbs = 0, fma_tflops = 0;
  // The best `linear` row on square products: what this program reaches, not what the hardware could.
  double matrix_tflops = 0;
  std::string matrix_kernel;  // "cpu.linear.openblas, f32 2048"
  double step_us = 0;         // of a step that does nothing (bench/step_overhead.h)

  void fill(Row& row) const;
};

Result<Ceilings> measure_ceilings(const Bench& bench, const Backend& backend);

}  // namespace tamis::bench
