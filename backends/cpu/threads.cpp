#include "backends/cpu/threads.h"

#include <omp.h>

#include <algorithm>
#include <atomic>

#include "core/base/settings.h"

namespace tamis::cpu {

int thread_count() {
  static const int count = settings::threads() > 0 ? settings::threads() : std::max(1, omp_get_num_procs());
  return count;
}

namespace detail {

void parallel_ranges(std::int64_t count, std::int64_t grain, RangeFn fn, void* context) {
  if (count <= 0) return;
  // A thread takes a quarter of its share of what is left: at first little handing out, at the end little
  // waiting for each other, which 28 blocks in ranges of 3 would do for a fifteenth of the time.
  const std::int64_t shares = 4 * static_cast<std::int64_t>(thread_count());
  const std::int64_t least = std::max({std::int64_t{1}, grain, count / (4 * shares)});
  if (count <= least || thread_count() == 1 || omp_in_parallel() != 0) {
    fn(context, 0, count, omp_in_parallel() != 0 ? omp_get_thread_num() : 0);
    return;
  }
  std::atomic<std::int64_t> next = 0;
#pragma omp parallel num_threads(thread_count())
  for (std::int64_t begin = next.load(); begin < count;) {
    const std::int64_t end = std::min(count, begin + std::max(least, (count - begin) / shares));
    if (!next.compare_exchange_weak(begin, end)) continue;
    fn(context, begin, end, omp_get_thread_num());
    begin = next.load();
  }
}

}  // namespace detail
}  // namespace tamis::cpu
