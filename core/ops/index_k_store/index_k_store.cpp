#include "core/ops/index_k_store/index_k_store.h"

#include <array>

#include "core/ops/index_k_store/indexer_checks.h"

namespace tamis {

Status indexer::check_index_cache(const char* op, IndexFormat format, std::int64_t page_size,
                                  std::int64_t dim, const TensorDesc& cache) {
  if (format == IndexFormat::kExact) {
    const bool dtype_ok = cache.dtype == DType::kF32 || cache.dtype == DType::kBF16;
    if (dtype_ok && has_shape(cache, {kAnySize, dim})) return {};
    return shape_error(op, "cache", fmt::format("f32 or bf16 [slots, {}]", dim), cache);
  }
  if (page_size < 1) return invalid_argument("{}: page_size: expected at least 1, found {}", op, page_size);
  return check({op, "cache", DType::kU8, {kAnySize, page_size * (dim + 4)}}, cache);
}

namespace {

using namespace index_k_store_operand;
using indexer::check;

constexpr const char* kName = "index_k_store";
constexpr std::array<OperandDef, 4> kOperands{
    {{"k", Role::kIn}, {"scale", Role::kIn, true}, {"slot", Role::kIn}, {"cache", Role::kState}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const IndexKStoreParams*>(params);
  if (d[kK].rank != 2) return shape_error(kName, "k", "[T, Di]", d[kK]);
  const std::int64_t tokens = d[kK].dim(0), dim = d[kK].dim(1);
  if (p.format == IndexFormat::kFp8Paged) {
    TAMIS_RETURN_IF_ERROR(check({kName, "k", DType::kE4M3, {tokens, dim}}, d[kK]));
    if (d[kScale].rank == 2) {
      TAMIS_RETURN_IF_ERROR(check({kName, "scale", DType::kF32, {tokens, 1}}, d[kScale]));
    } else {
      TAMIS_RETURN_IF_ERROR(check({kName, "scale", DType::kF32, {tokens}}, d[kScale]));
    }
  } else {
    if (!indexer::is_activation(d[kK].dtype))
      return shape_error(kName, "k", "f32, bf16 or f16 [T, Di]", d[kK]);
    TAMIS_RETURN_IF_ERROR(indexer::check_absent(kName, "scale", "the cache is exact", d[kScale]));
  }
  TAMIS_RETURN_IF_ERROR(check({kName, "slot", DType::kI32, {tokens}}, d[kSlot]));
  return indexer::check_index_cache(kName, p.format, p.page_size, dim, d[kCache]);
}

double flops(const OpCall&) { return 0; }

// Keys, scales and slots in, as many cache rows out.
double bytes(const OpCall& call) {
  const TensorDesc& k = call[kK].desc;
  const bool fp8 = call.as<IndexKStoreParams>().format == IndexFormat::kFp8Paged;
  const std::size_t in = static_cast<std::size_t>(k.dim(1)) * dtype_size(k.dtype) + (fp8 ? 4 : 0) + 4;
  const std::size_t out = fp8 ? static_cast<std::size_t>(k.dim(1)) + 4
                              : static_cast<std::size_t>(k.dim(1)) * dtype_size(call[kCache].desc.dtype);
  return static_cast<double>(k.dim(0)) * static_cast<double>(in + out);
}

}  // namespace

const OpDef op::index_k_store{
    .name = kName,
    .params_size = sizeof(IndexKStoreParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 0},
    .per_token = operand_bits(
        {index_k_store_operand::kK, index_k_store_operand::kScale, index_k_store_operand::kSlot}),
};

}  // namespace tamis
