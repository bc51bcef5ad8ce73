#include "core/policy/families.h"

namespace tamis {
namespace {

constexpr char kAttention[] = "attention", kProducts[] = "linear, experts", kIndexer[] = "indexer",
               kAny[] = "any";

constexpr FamilyInfo kFamilies[] = {
    {"flashmla_sparse", kAttention, "sparse, over a plain cache: FlashMLA's prefill"},
    {"flashmla_sparse_q8", kAttention, "the same with FP8 queries over a packed cache (2026-08)"},
    {"flashmla_kv", kAttention, "sparse, over a packed FP8 cache: FlashMLA's decode"},
    {"flashmla", kAttention, "dense, absorbed: FlashMLA's decode"},
    {"fa3", kAttention, "FlashAttention 3 on SM90, sparse by a page table of one slot a page"},
    {"fa4", kAttention, "FlashAttention 4"},
    {"flash_attn_varlen", kAttention, "dense prefill on SM90"},
    {"trtllm", kAttention, "sparse, TensorRT-LLM's on SM100"},
    {"trtllm_mla", kAttention, "dense, TensorRT-LLM's on SM100"},
    {"flashinfer_trtllm_ragged", kAttention, "dense prefill on SM100"},
    {"flashinfer", kAttention, "dense, FlashInfer's"},
    {"flashinfer_sparse_mla", kAttention, "sparse on SM120 (2026-08)"},
    {"cutlass_mla", kAttention, "dense, CUTLASS on SM100"},
    {"tilelang", kAttention, "sparse, TileLang's: the default on ROCm"},
    {"aiter", "attention, linear", "AITER's, on ROCm"},
    {"triton", "attention, linear, experts", "Triton's: what every part without a better one takes"},
    {"torch_native", kAttention, "PyTorch's own"},
    {"intel_amx", kAttention, "CPUs with AMX"},
    {"deep_gemm", kProducts, "DeepGEMM: block-scaled FP8 from SM90 on"},
    {"flashinfer_trtllm", kProducts, "block-scaled FP8 on SM100"},
    {"flashinfer_cutlass", kProducts, "FlashInfer's CUTLASS"},
    {"flashinfer_deepgemm", kProducts, "FlashInfer's DeepGEMM"},
    {"cutlass", kProducts, "block-scaled FP8 from SM90 on"},
    {"marlin", kProducts, "weight-only FP8, for parts without FP8 units"},
    {"sgl-kernel", kIndexer, "top-k of sgl-kernel"},
    {"deepgemm", kIndexer, "scores by DeepGEMM"},
    {"cutedsl", kIndexer, "scores by CuTe DSL on SM100 (2026-08)"},
    {"portable", kAny, "any size, any device of the backend: the table's last row"},
    {"openblas", kAny, "products by OpenBLAS"},
    {"packed", "linear", "FP8 weights in the layout row_scales"},
    {"avx2", kAny, "CPU, AVX2"},
    {"avx512", kAny, "CPU, AVX-512"},
    {"amx", kAny, "CPU, AMX tiles"},
    {"mma", kAny, "NVIDIA, warp-wide matrix instructions from SM80 on"},
    {"wgmma", kAny, "NVIDIA, warpgroup matrix instructions of SM90"},
    {"tcgen05", kAny, "NVIDIA, matrix instructions of SM100"},
    {"mfma", kAny, "AMD CDNA matrix instructions"},
    {"wmma", kAny, "AMD RDNA matrix instructions"},
    {"coopmat", kAny, "Vulkan cooperative matrices"},
};

}  // namespace

std::span<const FamilyInfo> known_families() { return kFamilies; }

}  // namespace tamis
