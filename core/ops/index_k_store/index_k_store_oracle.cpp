#include <cstring>

#include "core/ops/index_k_store/index_k_store.h"
#include "core/ops/oracle/oracle.h"

namespace tamis {

Status oracle::index_k_store(OracleCall& call) {
  using namespace index_k_store_operand;
  const auto& params = call.params<IndexKStoreParams>();
  const bool fp8 = params.format == IndexFormat::kFp8Paged;
  const std::int64_t dim = call.dim(kK, 1), page_size = params.page_size;
  const TensorDesc& cache = call.desc(kCache);
  const std::int64_t slots = fp8 ? cache.dim(0) * page_size : cache.dim(0);
  const auto size = static_cast<std::int64_t>(dtype_size(cache.dtype));
  for (std::int64_t t = 0; t < call.dim(kK, 0); ++t) {
    const std::int64_t slot = call.get_int(kSlot, {t});
    if (slot < 0 || slot >= slots) continue;
    if (!fp8) {
      std::byte* row = call.bytes(kCache) + slot * cache.stride(0) * size;
      for (std::int64_t i = 0; i < dim; ++i) store_element(cache.dtype, row + i * size, call.get(kK, {t, i}));
      continue;
    }
    std::byte* page = call.bytes(kCache) + slot / page_size * cache.stride(0);
    const std::int64_t offset = slot % page_size;
    const std::byte* codes = call.bytes(kK) + t * call.desc(kK).stride(0);
    for (std::int64_t i = 0; i < dim; ++i) page[offset * dim + i] = codes[i];
    const double scale = call.desc(kScale).rank == 2 ? call.get(kScale, {t, 0}) : call.get(kScale, {t});
    store_element(DType::kF32, page + page_size * dim + offset * 4, scale);
  }
  return {};
}

}  // namespace tamis
