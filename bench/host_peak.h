// What the cores of this machine reach without any kernel row: ceilings for devices whose kernels run on the
// host.
#pragma once

namespace tamis::bench {

// GB/s of `threads` threads that sum a buffer which no cache holds.
double host_read_gbs(int threads);

// TFLOPS of `threads` threads that do nothing but f32 multiply-adds in the widest vectors of the CPU.
double host_fma_tflops(int threads);

// Seconds of a fixed piece of work on `threads` threads, about 2 ms of arithmetic and of memory: what changes
// it between two moments is the machine, not the program.
double host_reference_seconds(int threads);

}  // namespace tamis::bench
