// The sparse attention kernels and what one batch resolves to (sheet 1.5, 1.6, 1.7, 1.8, 1.9, 4.1).
#include <algorithm>

#include "core/policy/rule.h"

namespace tamis::policy {
namespace {

bool gpu(const Facts& f) { return f.cuda() || f.rocm(); }
bool fp8(const Facts& f) { return f.is(Field::kKvDtype, "fp8_e4m3"); }
bool bf16(const Facts& f) { return f.is(Field::kKvDtype, "bfloat16"); }
bool neither_set(const Facts& f) {
  return f.flags().prefill_backend.empty() && f.flags().decode_backend.empty();
}
// Parts for which none of the kernels of the default table exists.
bool sm8x(const Facts& f) { return f.cuda() && f.major() < 9; }
bool sm12x(const Facts& f) { return f.cuda() && f.major() >= 11; }
bool glm_sm12x_fp8(const Facts& f) {
  return f.is(Field::kArchitecture, "GlmMoeDsaForCausalLM") && f.cuda() && f.major() == 12 && fp8(f);
}

constexpr Source kKernels = server_args("L1574-1621");
constexpr char kNoKernel[] = "the kernels of SGLang's default table do not run on this part";

// Both phases at once. A user's flag replaces its own phase afterwards.
constexpr Rule kSparseKernels[] = {
    {"kernels.not_dsa", [](const Facts& f) { return !f.dsa(); }, "", kKernels},
    {"kernels.npu",
     [](const Facts& f) { return f.npu(); },
     {"ascend", "ascend"},
     {"python/sglang/srt/hardware_backend/npu/utils.py", "L45-95"}},
    {"kernels.defaults_missed", [](const Facts& f) { return !f.dsa_defaults(); }, "",
     server_args("L1646-1652"), kMirror, "trap: the block that fills them did not run"},
    {"kernels.other_device", [](const Facts& f) { return !gpu(f); }, "", kKernels, kMirror,
     "the sheet has CUDA, ROCm and NPU only"},
    {"kernels.portable_device",
     [](const Facts& f) { return !gpu(f); },
     {"portable", "portable"},
     kTamis,
     kAuto,
     "the portable rows run on every device"},
    {"kernels.glm_sm12x",
     glm_sm12x_fp8,
     {"flashinfer_sparse_mla", "flashinfer_sparse_mla"},
     overrides(),
     kAugust},
    {"kernels.portable_sm8x", sm8x, {"portable", "portable"}, kTamis, kAuto, kNoKernel},
    {"kernels.portable_sm12x", sm12x, {"portable", "portable"}, kTamis, kAuto, kNoKernel},
    {"kernels.portable_rdna",
     [](const Facts& f) { return f.rdna(); },
     {"portable", "portable"},
     kTamis,
     kAuto,
     "SGLang's kernels for ROCm are written for CDNA"},
    {"kernels.rocm_here",
     [](const Facts& f) { return f.rocm() && (f.flags().hisparse || !neither_set(f)); },
     {"tilelang", "tilelang"},
     kTamis,
     kAuto,
     "one flag or HiSparse leaves the phases at what ROCm runs"},
    {"kernels.hisparse",
     [](const Facts& f) { return f.flags().hisparse; },
     {"flashmla_sparse", "flashmla_sparse"},
     kKernels,
     kApril},
    {"kernels.hisparse_rocm",
     [](const Facts& f) { return f.flags().hisparse && f.rocm(); },
     {"tilelang", "tilelang"},
     overrides(),
     kAugust},
    {"kernels.hisparse_fp8",
     [](const Facts& f) { return f.flags().hisparse && fp8(f); },
     {"flashmla_kv", "flashmla_kv"},
     overrides(),
     kAugust},
    {"kernels.hisparse_bf16",
     [](const Facts& f) { return f.flags().hisparse; },
     {"flashmla_sparse", "flashmla_sparse"},
     overrides(),
     kAugust},
    {"kernels.rocm",
     [](const Facts& f) { return f.rocm() && neither_set(f); },
     {"tilelang", "tilelang"},
     kKernels,
     kEverywhere,
     "whether the kernel runs on gfx90a, the sheet does not say"},
    {"kernels.rocm_one_set_fp8",
     [](const Facts& f) { return f.rocm() && fp8(f); },
     {"flashmla_kv", "flashmla_kv"},
     kKernels,
     kMirror,
     "trap: with one flag set, the other phase is filled from the CUDA rows"},
    {"kernels.rocm_one_set_bf16",
     [](const Facts& f) { return f.rocm() && bf16(f); },
     {"flashmla_sparse", "fa3"},
     kKernels,
     kMirror,
     "trap: with one flag set, the other phase is filled from the CUDA rows"},
    {"kernels.sm8x_fp8",
     [](const Facts& f) { return sm8x(f) && fp8(f); },
     {"flashmla_kv", "flashmla_kv"},
     kKernels,
     kMirror,
     "trap: does not run on SM80, SM86, SM89"},
    {"kernels.sm8x_bf16",
     [](const Facts& f) { return sm8x(f) && bf16(f); },
     {"flashmla_sparse", "fa3"},
     kKernels,
     kMirror,
     "trap: neither runs on SM80, SM86, SM89"},
    {"kernels.sm12x_fp8",
     [](const Facts& f) { return sm12x(f) && fp8(f); },
     {"trtllm", "trtllm"},
     kKernels,
     kMirror,
     "trap: this kernel does not exist for SM120 and SM121"},
    {"kernels.sm12x_bf16",
     [](const Facts& f) { return sm12x(f) && bf16(f); },
     {"flashmla_sparse", "trtllm"},
     kKernels,
     kMirror,
     "trap: these kernels do not exist for SM120 and SM121"},
    {"kernels.sm100_fp8",
     [](const Facts& f) { return fp8(f) && f.major() >= 10; },
     {"trtllm", "trtllm"},
     kKernels},
    {"kernels.sm90_fp8", fp8, {"flashmla_kv", "flashmla_kv"}, kKernels},
    {"kernels.sm100_bf16",
     [](const Facts& f) { return bf16(f) && f.major() >= 10; },
     {"flashmla_sparse", "trtllm"},
     kKernels,
     kEverywhere,
     "two kernels on one cache: both read plain rows of 576, so it works, and auto keeps it"},
    {"kernels.sm90_bf16", bf16, {"flashmla_sparse", "fa3"}, kKernels},
};

constexpr Rule kPrefill[] = {
    {"kernels.prefill_user",
     [](const Facts& f) { return f.dsa() && !f.npu() && !f.flags().prefill_backend.empty(); },
     Answer([](const Facts& f) { return f.flags().prefill_backend; }), server_args("L225-233")},
};
constexpr Rule kDecode[] = {
    {"kernels.decode_user",
     [](const Facts& f) { return f.dsa() && !f.npu() && !f.flags().decode_backend.empty(); },
     Answer([](const Facts& f) { return f.flags().decode_backend; }), server_args("L225-233")},
};

bool either(const Facts& f, std::string_view kernel) {
  return f.is(Field::kPrefillBackend, kernel) || f.is(Field::kDecodeBackend, kernel);
}
bool fp4(const Facts& f) { return f.is(Field::kKvDtype, "fp4_e2m1"); }
bool plain_fp8(const Facts& f) { return f.is(Field::kKvDtype, {"fp8_e4m3", "fp8_e5m2"}); }

constexpr Source kWidths = {"python/sglang/srt/model_executor/model_runner_kv_cache_mixin.py", "L133-178"};

constexpr Rule kLayout[] = {
    {"layout.fp4", fp4, "fp4_block16", {"python/sglang/srt/mem_cache/memory_pool.py", "L1680-1806"}},
    {"layout.dense_fp8", [](const Facts& f) { return !f.dsa() && plain_fp8(f); }, "raw_fp8", kWidths},
    {"layout.dense", [](const Facts& f) { return !f.dsa(); }, "plain", kWidths},
    {"layout.packed_here",
     [](const Facts& f) { return fp8(f) && (either(f, "trtllm") || either(f, "tilelang")); }, "packed_fp8",
     kTamis, kAuto, "tamis reads no raw FP8 rows: FP8 is packed under every kernel"},
    {"layout.trtllm_fp8", [](const Facts& f) { return fp8(f) && either(f, "trtllm"); }, "raw_fp8", kWidths,
     kMirror, "trap: trtllm in one phase changes the layout of both"},
    {"layout.rocm_tilelang", [](const Facts& f) { return fp8(f) && f.rocm() && either(f, "tilelang"); },
     "raw_fp8", kWidths, kMirror},
    {"layout.packed", fp8, "packed_fp8", kWidths},
    {"layout.plain", nullptr, "plain", kWidths},
};

std::string row_bytes(const Facts& f) {
  const std::int64_t latent = f.in.model.kv_lora_rank, rope = f.in.model.qk_rope_head_dim,
                     width = latent + rope;
  if (f.is(Field::kKvLayout, "fp4_block16")) return std::to_string(width / 2 + width / 16);
  if (f.is(Field::kKvLayout, "raw_fp8")) return std::to_string(width);
  if (f.is(Field::kKvLayout, "packed_fp8"))
    return std::to_string(latent + (latent + 127) / 128 * 4 + rope * 2);
  return std::to_string(width * 2);
}
constexpr Rule kRowBytes[] = {{"layout.bytes", nullptr, row_bytes, kWidths, kEverywhere,
                               "a dtype of auto is counted as two bytes an element"}};

bool not_nsa(const Facts& f) { return !f.dsa() || !one_of(f.batch_attention(), {"nsa", "dsa"}); }
bool dense_part(const Facts& f) { return f.sm() == 90 || (f.sm() >= 100 && f.sm() < 110); }
bool gfx95(const Facts& f) { return (f.gfx() >> 4) == 0x95; }
// tamis has dense rows for every device: in `auto` a threshold that the user gives counts on all of them.
bool asked_here(const Facts& f) { return f.automatic && f.flags().dense_threshold.has_value(); }

constexpr Source kDense = nsa_backend("L2147-2180");
constexpr std::int64_t kChunkCapacity = 128 * 1024;  // forward_batch_deepseek_mha_mixin.py L46-49

constexpr Rule kUseMha[] = {
    {"mha.not_nsa", not_nsa, "false", kDense, kEverywhere, "a rule of the nsa backend"},
    {"mha.mode", [](const Facts& f) { return !f.plain_extend(); }, "false", kDense, kEverywhere,
     "condition 1: an extend without speculation"},
    {"mha.part", [](const Facts& f) { return !dense_part(f) && !asked_here(f); }, "false", kDense, kApril,
     "condition 2: SM90, or SM100 up to SM110; auto: or --dense-prefill-threshold is given"},
    {"mha.part_gfx95", [](const Facts& f) { return !dense_part(f) && !gfx95(f) && !asked_here(f); }, "false",
     nsa_backend(""), kAugust,
     "condition 2: SM90, SM100 up to SM110, or gfx95; auto: or --dense-prefill-threshold is given"},
    {"mha.length", [](const Facts& f) { return f.longest_sequence() > f.number(Field::kDenseThreshold); },
     "false", kDense, kEverywhere, "condition 3: no sequence longer than dense_prefill_threshold"},
    {"mha.dtype", [](const Facts& f) { return !bf16(f) && !fp8(f); }, "false", kDense, kEverywhere,
     "condition 4: KV in bf16 or fp8_e4m3"},
    {"mha.capacity", [](const Facts& f) { return f.total_tokens() > kChunkCapacity; }, "false", kDense,
     kEverywhere, "condition 5: at most 131072 keys in all"},
    {"mha.context_parallel", [](const Facts& f) { return f.context_parallel(); }, "false", kDense,
     kEverywhere, "condition 6: no context parallelism"},
    {"mha.hisparse", [](const Facts& f) { return f.flags().hisparse; }, "false", kDense, kEverywhere,
     "condition 7: no HiSparse"},
    {"mha.piecewise", [](const Facts& f) { return f.flags().in_piecewise_graph; }, "false", nsa_backend(""),
     kAugust, "never inside a piecewise graph"},
    {"mha.yes", nullptr, "true", kDense, kEverywhere, "all seven conditions hold"},
};

bool uses_mha(const Facts& f) { return f.is(Field::kUseMha, "true"); }
bool auto_prefill(const Facts& f) { return f.is(Field::kPrefillBackend, "flashmla_auto"); }
bool packed(const Facts& f) { return f.is(Field::kKvLayout, "packed_fp8"); }
bool gather_pays(const Facts& f) {
  return f.cuda() && f.major() >= 10 && f.in.batch.kind == BatchKind::kExtend &&
         f.total_tokens() < 512 * f.new_tokens();
}
constexpr Source kAutoKernel = nsa_backend("L2181-2198");

constexpr Rule kPrefillImpl[] = {
    {"impl.not_nsa", not_nsa, Answer([](const Facts& f) { return f.batch_attention(); }), nsa_backend("")},
    {"impl.decode", [](const Facts& f) { return !f.plain_extend(); },
     Answer([](const Facts& f) { return f.value(Field::kDecodeBackend); }),
     nsa_backend("L413-421, L1300-1307"), kEverywhere,
     "decode, target-verify and draft-extend use the decode kernel"},
    {"impl.mha", uses_mha, "mha_one_shot", kDense},
    {"impl.auto_gather", [](const Facts& f) { return auto_prefill(f) && packed(f) && gather_pays(f); },
     "flashmla_sparse", kAutoKernel, kEverywhere, "after dequantising the pages"},
    {"impl.auto_fp8", [](const Facts& f) { return auto_prefill(f) && packed(f); }, "flashmla_kv",
     kAutoKernel},
    {"impl.auto_bf16", auto_prefill, "flashmla_sparse", kAutoKernel, kEverywhere,
     "also for raw FP8 rows: the pool counts as FP8 only where it is packed"},
    {"impl.gfx950_triton",
     [](const Facts& f) {
       return f.gfx() == 0x950 && f.is(Field::kPrefillBackend, "tilelang") && f.local_heads() == 16 &&
              f.in.model.index_topk == 2048 && f.new_tokens() >= 512;
     },
     "triton",
     {"python/sglang/kernels/ops/attention/dsa", ""},
     kAugust,
     "16 heads, top-2048, 512 tokens or more; the sheet does not say under which backend: taken as "
     "tilelang's"},
    {"impl.prefill", nullptr, Answer([](const Facts& f) { return f.value(Field::kPrefillBackend); }),
     nsa_backend("")},
};

constexpr Rule kDenseKernel[] = {
    {"dense.none", [](const Facts& f) { return !uses_mha(f); }, "", nsa_backend("L1787-1850")},
    {"dense.sm90", [](const Facts& f) { return f.sm() == 90; }, "flash_attn_varlen",
     nsa_backend("L1787-1850")},
    {"dense.sm100", [](const Facts& f) { return f.sm() >= 100; }, "flashinfer_trtllm_ragged",
     nsa_backend("L1787-1850")},
    {"dense.gfx95", nullptr, "", nsa_backend(""), kAugust, "the sheet does not name the kernel of gfx95"},
};

constexpr Source kForwardMha = {
    "python/sglang/srt/models/deepseek_common/attention_forward_methods/forward_mha.py", "L233-251"};
constexpr Rule kDensePrefix[] = {
    {"dense_prefix.none", [](const Facts& f) { return !uses_mha(f) || f.prefix_tokens() == 0; }, "",
     kForwardMha},
    {"dense_prefix.packed", packed, "gather_dequantise", kForwardMha},
    {"dense_prefix.raw", [](const Facts& f) { return f.is(Field::kKvLayout, "raw_fp8"); }, "cast",
     kForwardMha, kEverywhere, "both kernels are trtllm; the sheet does not say what one of the two does"},
    {"dense_prefix.plain", nullptr, "gather", kForwardMha},
};

constexpr Source kForwardMla = {
    "python/sglang/srt/models/deepseek_common/attention_forward_methods/forward_mla.py", "L588-606"};
constexpr Rule kRope[] = {
    {"rope.trtllm_fp8", [](const Facts& f) { return f.dsa() && fp8(f) && either(f, "trtllm"); },
     "with_quantisation", kForwardMla, kMirror, "one routine rotates, quantises and concatenates, scale 1"},
    {"rope.gfx95",
     [](const Facts& f) { return f.dsa() && gfx95(f) && !f.flags().no_aiter && either(f, "tilelang"); },
     "with_store", kForwardMla, kMirror, "one routine rotates and writes the cache; line not in the sheet"},
    {"rope.prepare", nullptr, "prepare", kForwardMla},
};

std::string round_up(std::int64_t heads, std::int64_t unit) {
  return std::to_string((heads + unit - 1) / unit * unit);
}
std::string power_of_two(const Facts& f) {
  std::int64_t padded = 16;
  while (padded < f.local_heads()) padded *= 2;
  return std::to_string(padded);
}
std::string pad_sparse(const Facts& f) { return round_up(f.local_heads(), f.major() >= 10 ? 128 : 64); }
std::string pad_kv(const Facts& f) { return round_up(f.local_heads(), 64); }
std::string repeat_to_16(const Facts& f) {
  const std::int64_t heads = f.local_heads();
  return heads < 16 ? round_up(heads, heads * ((16 + heads - 1) / heads)) : std::to_string(heads);
}
std::string own_heads(const Facts& f) { return std::to_string(f.local_heads()); }

constexpr Rule kPaddedHeads[] = {
    {"heads.not_nsa", not_nsa, "", nsa_backend("")},
    {"heads.sparse",
     [](const Facts& f) {
       return f.is(Field::kPrefillImpl, {"flashmla_sparse", "flashmla_sparse_q8"});
     },
     pad_sparse, nsa_backend("L1677-1724"), kEverywhere, "a multiple of 64, or of 128 from major 10"},
    {"heads.kv", [](const Facts& f) { return f.is(Field::kPrefillImpl, "flashmla_kv"); }, pad_kv,
     nsa_backend("L1726-1785"), kEverywhere, "64 or 128"},
    {"heads.tilelang", [](const Facts& f) { return f.is(Field::kPrefillImpl, "tilelang"); }, power_of_two,
     nsa_backend("L1852-1868"), kEverywhere, "a power of two, at least 16"},
    {"heads.aiter", [](const Facts& f) { return f.is(Field::kPrefillImpl, "aiter"); }, repeat_to_16,
     nsa_backend("L1870-1994"), kEverywhere, "each head repeated to reach 16"},
    {"heads.own", nullptr, own_heads, nsa_backend("")},
};

constexpr Source kTopk = {"sgl-kernel/csrc/elementwise/topk.cu", ""};
constexpr Rule kTopkBackend[] = {
    {"topk.not_dsa", [](const Facts& f) { return !f.dsa(); }, "", kTopk},
    {"topk.other_device", [](const Facts& f) { return !gpu(f); }, "", kTopk, kEverywhere,
     "the sheet has CUDA and ROCm"},
    {"topk.only", nullptr, "sgl-kernel", kTopk, kApril, "the one implementation; ROCm has a port of it"},
    {"topk.user", [](const Facts& f) { return !f.flags().topk_backend.empty(); },
     Answer([](const Facts& f) { return f.flags().topk_backend; }), overrides(), kAugust},
    {"topk.default", nullptr, "sgl-kernel", overrides(), kAugust,
     "batches shaped like decode use its JIT top-k v2, k up to 2048"},
};
constexpr Rule kTopkFused[] = {
    {"topk.fused_not_dsa", [](const Facts& f) { return !f.dsa(); }, "", kTopk},
    {"topk.unfused_env",
     [](const Facts& f) { return !f.flags().fuse_topk; },
     "false",
     {"python/sglang/srt/environ.py", "L400-420"}},
    {"topk.unfused_hisparse",
     [](const Facts& f) { return f.flags().hisparse && f.in.batch.kind == BatchKind::kDecode; }, "false",
     nsa_backend("L2197-2213")},
    {"topk.fused", nullptr, "true", {"python/sglang/srt/environ.py", "L400-420"}},
};
constexpr Rule kPagedLogits[] = {
    {"paged_logits.none", [](const Facts& f) { return !f.dsa() || f.april(); }, "", overrides()},
    {"paged_logits.user", [](const Facts& f) { return !f.flags().paged_logits_backend.empty(); },
     Answer([](const Facts& f) { return f.flags().paged_logits_backend; }), overrides(), kAugust},
    {"paged_logits.auto", nullptr, "auto", overrides(), kAugust, "the sheet does not say what auto becomes"},
};

constexpr Group kGroups[] = {
    {Field::kPrefillBackend, kSparseKernels, Field::kDecodeBackend},
    {Field::kPrefillBackend, kPrefill},
    {Field::kDecodeBackend, kDecode},
    {Field::kKvLayout, kLayout},
    {Field::kKvRowBytes, kRowBytes},
    {Field::kUseMha, kUseMha},
    {Field::kPrefillImpl, kPrefillImpl},
    {Field::kDenseKernel, kDenseKernel},
    {Field::kDensePrefix, kDensePrefix},
    {Field::kRope, kRope},
    {Field::kPaddedHeads, kPaddedHeads},
    {Field::kTopkBackend, kTopkBackend},
    {Field::kTopkFused, kTopkFused},
    {Field::kPagedLogits, kPagedLogits},
};

}  // namespace

std::span<const Group> dsa_groups() { return kGroups; }

}  // namespace tamis::policy
