// What `tamis inspect` and Runner::resident_bytes() predict, against what the system counts. A program of its
// own: memory that other tests have freed would be used again.
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "core/model/model_size.h"
#include "tests/model/tiny_v32.h"

namespace tamis::model_tests {
namespace {

std::int64_t resident_now() {
  std::int64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

TEST(ResidentMemory, IsWhatIsPredicted) {
#if defined(TAMIS_SANITIZED)
  GTEST_SKIP() << "a sanitizer keeps memory of its own";
#endif
  constexpr std::int64_t kCache = 8192;
  const std::int64_t before = resident_now();
  ModelSetup setup = tiny_setup({}, kCache);
  setup.options.mtp = false;
  const std::unique_ptr<Runner> runner = open_runner(setup);
  const std::int64_t loaded = resident_now() - before;
  // All of the cache is written: what is allocated and never touched is not resident.
  Bindings caches;
  runner->cache().bind(caches);
  for (const auto& [name, range] : caches.buffers) {
    std::memset(range.buffer->host(), 0, static_cast<std::size_t>(range.buffer->bytes()));
  }
  std::vector<std::int32_t> ids = tiny_expected().ints("heldout.ids");
  ids.resize(512);
  advance(*runner, must(runner->new_sequence()), ids);
  const std::int64_t grown = resident_now() - before;

  const ModelConfig& config = runner->config();
  const StoredBytes stored = must(stored_bytes(*must(Checkpoint::open(tiny_v32_path())), config));
  const std::int64_t weights = resident_weight_bytes(config, stored);
  const std::int64_t cache = cache_bytes_per_token(config, DType::kF32, DType::kF32).main * kCache;
  EXPECT_EQ(cache, runner->cache().bytes());
  const std::int64_t steps =
      runner->resident_bytes() - runner->weights().owned_bytes() - runner->cache().bytes();
  const auto megabytes = [](std::int64_t bytes) { return 1e-6 * static_cast<double>(bytes); };
  measured("MB after loading", megabytes(loaded));
  measured("MB of weights predicted", megabytes(weights));
  measured("MB of caches predicted", megabytes(cache));
  measured("MB of step memory predicted", megabytes(steps));
  measured("MB resident", megabytes(grown));
  const double predicted = megabytes(weights + cache + steps);
  EXPECT_NEAR(megabytes(grown), predicted, 0.05 * predicted);
  EXPECT_LT(megabytes(loaded), 4) << "loading reads weights, or copies them";
}

}  // namespace
}  // namespace tamis::model_tests
