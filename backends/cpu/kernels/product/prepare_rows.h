// Preparing the rows of a ProductInput, in the form in which the product multiplies them.
#pragma once

#include <algorithm>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/common/expert_panels.h"
#include "backends/cpu/kernels/product/product.h"
#include "core/base/ceil_div.h"

namespace tamis::cpu {

struct InputRows {
  const Product& product;
  const Weight& weight;
  ActQuant act_quant;
  std::int64_t k, rows;
  std::byte* x;  // ProductInput::x

  bool packed() const { return product.packs != nullptr && product.packs(weight, rows); }
  // Rows that are prepared together.
  std::int64_t group() const { return packed() ? kPackRows : 1; }
};

// A thread's: scratch as for multiply(), and k floats.
struct PrepareMemory {
  std::byte* scratch;
  float* floats;
};

// A group from row `first` on; load(row, floats) gives the activations of a row.
template <class Load>
void prepare_group(const InputRows& in, std::int64_t first, const PrepareMemory& memory, Load&& load) {
  const std::int64_t bytes = in.product.row_bytes(in.k), count = std::min(in.group(), in.rows - first);
  const bool packed = in.packed();
  std::byte* at = in.x + first * bytes;
  std::byte* to = packed ? memory.scratch : at;
  for (std::int64_t i = 0; i < count; ++i) {
    load(first + i, memory.floats);
    in.product.prepare(in.act_quant, memory.floats, in.k, to + i * bytes);
  }
  if (packed) in.product.pack(in.act_quant, memory.scratch, count, in.k, at);
}

// A part of a panel's rows: those groups, each of one expert's rows, that begin in [begin, end).
struct PanelRows {
  const Panel& panel;
  const std::int32_t* offsets;
  std::int64_t begin, end;
};

// `panel_rows` holds the panel's; load takes rows of the panel.
template <class Load>
void prepare_panel_rows(const InputRows& panel_rows, const PanelRows& part, const PrepareMemory& memory,
                        Load&& load) {
  for (std::int64_t e = part.panel.first_expert; e < part.panel.end_expert; ++e) {
    const Panel::Rows rows = part.panel.rows(part.offsets, e);
    const std::int64_t first = rows.first, count = rows.count;
    if (count == 0 || first >= part.end || first + count <= part.begin) continue;
    InputRows in = panel_rows;
    in.rows = count;
    in.x += first * in.product.row_bytes(in.k);
    const std::int64_t group = in.group(), before = std::max<std::int64_t>(0, part.begin - first);
    for (std::int64_t i = ceil_div(before, group) * group; i < std::min(count, part.end - first);
         i += group) {
      prepare_group(in, i, memory, [&](std::int64_t row, float* floats) { load(first + row, floats); });
    }
  }
}

inline void store_sums(const Product& product, DType dtype, const float* sums, std::int64_t n,
                       std::byte* dst) {
  if (product.rows != nullptr && dtype == DType::kBF16) return product.rows->store_bf16(sums, n, dst);
  store_floats(dtype, sums, n, dst);
}

}  // namespace tamis::cpu
