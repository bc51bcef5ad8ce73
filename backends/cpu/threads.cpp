#include "backends/cpu/threads.h"

#include <omp.h>

#include <algorithm>

#include "core/base/settings.h"

namespace tamis::cpu {

int thread_count() {
  static const int count = settings::threads() > 0 ? settings::threads() : std::max(1, omp_get_num_procs());
  return count;
}

namespace detail {

void parallel_ranges(std::int64_t count, std::int64_t grain, RangeFn fn, void* context) {
  if (count <= 0) return;
  // About four ranges a thread: enough to even out unequal rows, few enough that handing out costs nothing.
  const std::int64_t wanted = std::max<std::int64_t>(1, count / (4 * thread_count()));
  const std::int64_t step = std::max(std::max<std::int64_t>(1, grain), wanted);
  const std::int64_t ranges = (count + step - 1) / step;
  if (ranges == 1 || thread_count() == 1 || omp_in_parallel() != 0) {
    fn(context, 0, count, omp_in_parallel() != 0 ? omp_get_thread_num() : 0);
    return;
  }
#pragma omp parallel for schedule(dynamic, 1) num_threads(thread_count())
  for (std::int64_t i = 0; i < ranges; ++i) {
    fn(context, i * step, std::min(count, (i + 1) * step), omp_get_thread_num());
  }
}

}  // namespace detail
}  // namespace tamis::cpu
