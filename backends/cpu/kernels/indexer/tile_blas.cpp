// OpenBLAS tile scoring: one sgemm [heads, dim] x [kTileKeys, dim]^T per token and tile, then ReLU and the
// head sum.
//
// Where an element of C stands decides how OpenBLAS sums it: the Haswell and Sandy Bridge kernels give other
// bits in the first columns of a matrix than in the last, even inside full register tiles (measured, OpenBLAS
// 0.3.21). So a call never mixes tokens, and its shape never follows the batch: row = head, column = position
// mod kTileKeys, on one thread (SerialBlas). One token a call costs 15 % against eight of them at 64 heads
// (157 against 185 GFLOP/s, one Zen 5 core).
#include <omp.h>

#include "backends/cpu/blas.h"
#include "backends/cpu/kernels/indexer/tile.h"

namespace tamis::cpu::indexer {
namespace {

// sgemm splits its work over as many threads as OpenMP would use. A split moves elements into other edge
// kernels, so while this lives the calling thread's sgemm runs on that thread alone.
class SerialBlas {
 public:
  SerialBlas() : threads_(omp_get_max_threads()) {
    if (threads_ != 1) omp_set_num_threads(1);
  }
  ~SerialBlas() {
    if (threads_ != 1) omp_set_num_threads(threads_);
  }
  SerialBlas(const SerialBlas&) = delete;
  SerialBlas& operator=(const SerialBlas&) = delete;

 private:
  int threads_;
};

void place(const float* key, const TileShape& shape, std::int64_t column, float* tile) {
  float* row = tile + column * shape.dim;
  for (std::int64_t i = 0; i < shape.dim; ++i) row[i] = key[i];
}

void score(const Query& query, const TileShape& shape, const float* tile, float* dots, float* out) {
  {
    SerialBlas serial;
    sgemm_nt({shape.heads, kTileKeys, shape.dim, shape.dim, shape.dim, kTileKeys}, query.q, tile, dots);
  }
  float sums[kTileKeys] = {};
  for (std::int64_t h = 0; h < shape.heads; ++h) {
    const float* row = dots + h * kTileKeys;
    const float weight = query.weights[h];
    for (int j = 0; j < kTileKeys; ++j) sums[j] += weight * (row[j] > 0.0f ? row[j] : 0.0f);
  }
  for (int j = 0; j < kTileKeys; ++j) out[j] = sums[j];
}

std::int64_t scratch_floats(const TileShape& shape) { return shape.heads * kTileKeys; }

}  // namespace

const TileKernel kBlasTile{.place = place, .score = score, .scratch_floats = scratch_floats};

}  // namespace tamis::cpu::indexer
