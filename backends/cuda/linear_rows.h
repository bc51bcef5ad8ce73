// Rows of linear, in order of preference: wgmma on e4m3 (Hopper; a few tokens, any), a few tokens times a
// short 16-bit matrix, cuBLASLt on e4m3 (Hopper) and on other types, mma.sync on e4m3 (sm_89 on) and on 16
// bits.
#pragma once

#include "backends/cuda/weight_tiles.h"

namespace tamis::cuda {

Reason accept_linear_decode(const DeviceInfo& device, const OpCall& call);
Status launch_linear_decode(Queue& queue, const OpCall& call, const Scratch& scratch);

Reason accept_linear_wgmma(const DeviceInfo& device, const OpCall& call);
std::int64_t linear_fp8_workspace(const DeviceInfo& device, const OpCall& call);
Status launch_linear_wgmma(Queue& queue, const OpCall& call, const Scratch& scratch);

Reason accept_linear_gemv(const DeviceInfo& device, const OpCall& call);
Reason prefer_linear_gemv(const DeviceInfo& device, const OpCall& call);
Status launch_linear_gemv(Queue& queue, const OpCall& call, const Scratch& scratch);

Reason accept_linear_cublas(const DeviceInfo& device, const OpCall& call);
std::int64_t linear_cublas_workspace(const DeviceInfo& device, const OpCall& call);
Status launch_linear_cublas(Queue& queue, const OpCall& call, const Scratch& scratch);

// Weights as stored, in whole blocks of 128 x 128 with f32 scales.
Reason accept_linear_cublas_fp8(const DeviceInfo& device, const OpCall& call);
std::int64_t linear_cublas_fp8_workspace(const DeviceInfo& device, const OpCall& call);
Status launch_linear_cublas_fp8(Queue& queue, const OpCall& call, const Scratch& scratch);

Reason accept_linear_mma_fp8(const DeviceInfo& device, const OpCall& call);
Status launch_linear_mma_fp8(Queue& queue, const OpCall& call, const Scratch& scratch);

Reason accept_linear_mma(const DeviceInfo& device, const OpCall& call);
std::int64_t linear_mma_workspace(const DeviceInfo& device, const OpCall& call);
Status launch_linear_mma(Queue& queue, const OpCall& call, const Scratch& scratch);

inline constexpr KernelRow kLinearDecode{.name = "cuda.linear.decode_wgmma_sm90_fp8",
                                         .op = "linear",
                                         .families = "wgmma deep_gemm",
                                         .needs = {.arch_min = 90, .arch_max = 100},
                                         .numerics = {.accuracy = "e4m3_act"},
                                         .accepts = accept_linear_decode,
                                         .weight_layout = tiles_layout,
                                         .pack = pack_tiles,
                                         .workspace = linear_fp8_workspace,
                                         .launch = launch_linear_decode};
inline constexpr KernelRow kLinearWgmma{
    .name = "cuda.linear.wgmma_sm90_fp8",
    .op = "linear",
    .families = "wgmma deep_gemm",
    .needs = {.arch_min = 90, .arch_max = 100},
    .numerics = {.accuracy = "e4m3_act", .invariance = Invariance::kBatch},
    .accepts = accept_linear_wgmma,
    .weight_layout = tiles_layout,
    .pack = pack_tiles,
    .workspace = linear_fp8_workspace,
    .launch = launch_linear_wgmma};
inline constexpr KernelRow kLinearGemv{.name = "cuda.linear.gemv_sm80",
                                       .op = "linear",
                                       .families = "triton",
                                       .needs = {.arch_min = 80},
                                       .accepts = accept_linear_gemv,
                                       .prefers = prefer_linear_gemv,
                                       .launch = launch_linear_gemv};
inline constexpr KernelRow kLinearCublas{.name = "cuda.linear.cublaslt",
                                         .op = "linear",
                                         .families = "cutlass",
                                         .needs = {.arch_min = 80},
                                         .accepts = accept_linear_cublas,
                                         .workspace = linear_cublas_workspace,
                                         .launch = launch_linear_cublas};
// Behind kLinearWgmma, which takes as long (docs/cuda.md) and keeps weights in tiles, as rows for a few
// tokens want them, too; a setting names this one.
inline constexpr KernelRow kLinearCublasFp8{.name = "cuda.linear.cublaslt_sm90_fp8",
                                            .op = "linear",
                                            .families = "cutlass",
                                            .needs = {.arch_min = 90, .arch_max = 100},
                                            .numerics = {.accuracy = "e4m3_act"},
                                            .accepts = accept_linear_cublas_fp8,
                                            .workspace = linear_cublas_fp8_workspace,
                                            .launch = launch_linear_cublas_fp8};
inline constexpr KernelRow kLinearMmaFp8{
    .name = "cuda.linear.mma_sm89_fp8",
    .op = "linear",
    .families = "mma",
    .needs = {.arch_min = 89},
    .numerics = {.accuracy = "e4m3_act", .invariance = Invariance::kBatch},
    .accepts = accept_linear_mma_fp8,
    .weight_layout = tiles_layout,
    .pack = pack_tiles,
    .workspace = linear_fp8_workspace,
    .launch = launch_linear_mma_fp8};
inline constexpr KernelRow kLinearMma{.name = "cuda.linear.mma_sm80",
                                      .op = "linear",
                                      .families = "mma",
                                      .needs = {.arch_min = 80},
                                      .numerics = {.invariance = Invariance::kBatch},
                                      .accepts = accept_linear_mma,
                                      .weight_layout = tiles_layout,
                                      .pack = pack_tiles,
                                      .workspace = linear_mma_workspace,
                                      .launch = launch_linear_mma};

}  // namespace tamis::cuda
