#include "bench/host_peak.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "bench/environment.h"
#include "bench/statistics.h"

// One version a vector width, chosen when the program is loaded. Other compilers and CPUs build the plain
// one.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(TAMIS_SANITIZED)
#define TAMIS_FOR_EACH_WIDTH __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TAMIS_FOR_EACH_WIDTH
#endif

namespace tamis::bench {
namespace {

constexpr int kRepetitions = 5;

// Seconds until every thread has done work(thread).
double seconds_of(int threads, const std::function<void(int)>& work) {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t) pool.emplace_back(work, t);
  for (std::thread& thread : pool) thread.join();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TAMIS_FOR_EACH_WIDTH std::uint64_t sum_words(const std::uint64_t* words, std::size_t count) {
  std::uint64_t sums[16] = {};
  for (std::size_t i = 0; i + 16 <= count; i += 16) {
    for (std::size_t lane = 0; lane < 16; ++lane) sums[lane] += words[i + lane];
  }
  std::uint64_t total = 0;
  for (std::uint64_t sum : sums) total += sum;
  return total;
}

using Vector = float __attribute__((vector_size(64)));
constexpr int kChains = 10;  // independent sums: a multiply-add takes 4 cycles, two begin in each
constexpr std::int64_t kSteps = 4 << 20;

// This file is compiled so that a product and a sum become one instruction. The values stay at about 1.
TAMIS_FOR_EACH_WIDTH float multiply_add(std::int64_t steps, float start) {
  Vector factor, term, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9;
  for (int i = 0; i < 16; ++i) factor[i] = 0.5f, term[i] = 0.5f, s0[i] = start;
  s1 = s2 = s3 = s4 = s5 = s6 = s7 = s8 = s9 = s0;
  for (std::int64_t i = 0; i < steps; ++i) {
    s0 = s0 * factor + term, s1 = s1 * factor + term, s2 = s2 * factor + term, s3 = s3 * factor + term;
    s4 = s4 * factor + term, s5 = s5 * factor + term, s6 = s6 * factor + term, s7 = s7 * factor + term;
    s8 = s8 * factor + term, s9 = s9 * factor + term;
  }
  s0 += s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9;
  float total = 0;
  for (int i = 0; i < 16; ++i) total += s0[i];
  return total;
}

}  // namespace

double host_read_gbs(int threads) {
  const std::int64_t bytes = std::max<std::int64_t>(4 * last_level_cache_bytes(), 256ll << 20);
  const std::vector<std::uint64_t> words(static_cast<std::size_t>(bytes) / 8, 1);
  const std::size_t share = words.size() / static_cast<std::size_t>(threads);
  std::atomic<std::uint64_t> total{0};  // keeps the sums from being optimised away
  double best = 0;
  for (int i = 0; i < kRepetitions; ++i) {
    const double seconds = seconds_of(threads, [&](int t) {
      total += sum_words(words.data() + static_cast<std::size_t>(t) * share, share);
    });
    best = std::max(best, static_cast<double>(share) * 8 * threads / seconds * 1e-9);
  }
  return total > 0 ? best : 0.0;
}

double host_fma_tflops(int threads) {
  std::atomic<int> finite{0};
  double best = 0;
  for (int i = 0; i < kRepetitions; ++i) {
    const double seconds = seconds_of(
        threads, [&](int t) { finite += multiply_add(kSteps, 1.0f + static_cast<float>(t)) > 0 ? 1 : 0; });
    best = std::max(best, 2.0 * 16 * kChains * kSteps * threads / seconds * 1e-12);
  }
  return finite > 0 ? best : 0.0;
}

double host_reference_seconds(int threads) {
  constexpr std::size_t kWords = 8 << 20;  // 64 MiB: past the caches of most machines
  constexpr std::int64_t kReferenceSteps = 1 << 20;
  static const std::vector<std::uint64_t> words(kWords, 1);
  const std::size_t share = kWords / static_cast<std::size_t>(threads);
  std::atomic<std::uint64_t> total{0};
  std::vector<double> seconds;
  for (int i = 0; i < kRepetitions; ++i) {
    seconds.push_back(seconds_of(threads, [&](int t) {
      total += multiply_add(kReferenceSteps, 1.0f) > 0 ? 1 : 0;
      total += sum_words(words.data() + static_cast<std::size_t>(t) * share, share);
    }));
  }
  return total > 0 ? summarize(seconds).median : 0.0;
}

}  // namespace tamis::bench
