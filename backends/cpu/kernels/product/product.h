// One way to multiply activations with rows of a weight: what the CPU's rows of linear, batched_linear and
// the experts differ in. A caller prepares rows of activations once, in the form that the way reads, and then
// asks for blocks of outputs, from any thread. Weights are read as stored: a few rows of
// activations meet the codes in registers, many meet a block of them widened in the cache.
#pragma once

#include "backends/cpu/kernels/product/row_kernels.h"
#include "core/graph/op_call.h"
#include "core/ops/ops.h"

namespace tamis::cpu {

// Most weight rows of one call. Some columns of many rows of x meet so many weight rows before the next ones
// do: 256 FLOPs a byte of x where those stay in the second-level cache.
inline constexpr std::int64_t kProductOutputs = 256;

struct ProductInput {
  const Weight* weight;
  ActQuant act_quant;
  std::int64_t k;
  const std::byte* x;  // prepared rows
  std::int64_t rows;   // of x
  std::byte* scratch;  // the thread's own; faster if aligned to 64 bytes
  // The weight row from which on the thread multiplies next, if that is likely: fetched meanwhile. Negative:
  // unknown.
  std::int64_t next = -1;
};

struct Product {
  // Bytes of a prepared row: a multiple of 64.
  std::int64_t (*row_bytes)(std::int64_t k);
  // One row of activations, k floats, to `dst`; rounded as act_quant says. `row` is spoilt.
  void (*prepare)(ActQuant act_quant, float* row, std::int64_t k, std::byte* dst);
  // Bytes of scratch a thread; a multiple of 64.
  std::int64_t (*scratch_bytes)(std::int64_t k);
  // c[t, j] = x[t] · w[first + j] for j < count, rows of c ldc floats apart. Columns of c up to the
  // next multiple of 16 may be overwritten.
  void (*multiply)(const ProductInput& input, std::int64_t first, std::int64_t count, float* c,
                   std::int64_t ldc);
  // Rows of x that one call of multiply should take, where there are so many.
  std::int64_t rows_at_once = 256;
  // Null, or: where packs() says so, all rows of an input are packed once they are prepared, kPackRows at a
  // time (the last ones: fewer), from where prepare() left them to as many bytes at the rows' place in the
  // input.
  bool (*packs)(const Weight& weight, std::int64_t rows) = nullptr;
  void (*pack)(ActQuant act_quant, const std::byte* prepared, std::int64_t rows, std::int64_t k,
               std::byte* dst) = nullptr;
  // What is done to rows around the product, in vectors; null: plain code.
  const RowKernels* rows = nullptr;
};
inline constexpr std::int64_t kPackRows = 16;

extern const Product kPortableProduct;
extern const Product kBlasProduct;  // OpenBLAS from 8 rows of x on
extern const Product kAvx2Product;
extern const Product kAvx512Product;      // f32 multiply-add
extern const Product kAvx512Bf16Product;  // vdpbf16ps: activations and codes must be exact in bf16
extern const Product kAmxProduct;         // AMX bf16 tiles from 3 rows of x on; likewise
extern const Product kAmxBlocksProduct;   // from 4 rows on by add_blocks_amx: nothing is packed

}  // namespace tamis::cpu
