// Rows of the latent cache as f32 vectors, and slots through a page table.
#pragma once

#include <cstdint>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/rows/row_ops.h"
#include "core/ops/kv_store/kv_cache_checks.h"

namespace tamis::cpu {

// dst[c + r] = the row of `slot`, decoded: latent, then rope.
void load_kv_row(const Tensor& cache, const KvLayout& layout, std::int64_t slot, float* dst);

// Encodes row[c + r] (latent, then rope) to `slot`; what is left in row is undefined.
void store_kv_row(const RowOps& ops, const Tensor& cache, const KvLayout& layout, std::int64_t slot,
                  float* row);

// Where the keys of paged sequences lie.
struct PagedKeys {
  const Tensor* page_table;  // [n_seqs, max_pages] i32
  std::int64_t page_size;
  std::int64_t slots;  // rows of the cache
};

// Slot of a position >= 0, or -1 when the sequence, the page or the slot does not exist.
inline std::int64_t paged_slot(const PagedKeys& keys, std::int64_t seq, std::int64_t position) {
  const TensorDesc& table = keys.page_table->desc;
  const std::int64_t index = position / keys.page_size;
  if (seq < 0 || seq >= table.dim(0) || index >= table.dim(1)) return -1;
  const std::int64_t page = reinterpret_cast<const std::int32_t*>(row_address(*keys.page_table, seq))[index];
  const std::int64_t slot = page * keys.page_size + position % keys.page_size;
  return page < 0 || slot >= keys.slots ? -1 : slot;
}

}  // namespace tamis::cpu
