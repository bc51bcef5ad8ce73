// The CPU backend's threads: OpenMP, the runtime that OpenBLAS's openmp build uses too, so the two never
// oversubscribe.
#pragma once

#include <cstdint>
#include <type_traits>

namespace tamis::cpu {

// Threads a parallel region uses: TAMIS_THREADS, else the cores this process may run on.
int thread_count();

namespace detail {
using RangeFn = void (*)(void* context, std::int64_t begin, std::int64_t end, int thread);
void parallel_ranges(std::int64_t count, std::int64_t grain, RangeFn fn, void* context);
}  // namespace detail

// Calls fn(begin, end, thread) on disjoint ranges that cover [0, count), each of at least `grain` items
// except the last; thread < thread_count() names the caller's slot in per-thread workspace. Ranges are handed
// out dynamically, so fn must not depend on which thread runs it. Runs inline when one range suffices. No
// allocation.
template <class F>
void parallel_for(std::int64_t count, std::int64_t grain, F&& fn) {
  detail::parallel_ranges(
      count, grain,
      [](void* context, std::int64_t begin, std::int64_t end, int thread) {
        (*static_cast<std::remove_reference_t<F>*>(context))(begin, end, thread);
      },
      &fn);
}

}  // namespace tamis::cpu
