// What context, data and expert parallelism force on each other (sheet 1.13 A2A, 1.18, 5.1).
#include <algorithm>

#include "core/policy/rule.h"

namespace tamis::policy {
namespace {

constexpr Source kContextParallel = server_args("L1680-1735");
constexpr Source kAllToAll = server_args("L2953-3005");
constexpr Source kHeuristics = server_args("L1270-1440");

bool dsa_cp(const Facts& f) { return f.context_parallel() && f.dsa_defaults() && !f.npu(); }
bool in_sequence(const Facts& f) { return one_of(f.flags().cp_mode, {"in-seq-split", "zigzag"}); }
bool cp_in_sequence(const Facts& f) { return dsa_cp(f) && in_sequence(f); }

constexpr Rule kDpAttention[] = {
    {"dp_attention.context_parallel", dsa_cp, "true", kContextParallel},
    {"dp_attention.user", [](const Facts& f) { return f.flags().dp_attention; }, "true", kHeuristics},
    {"dp_attention.off", nullptr, "false", kHeuristics},
};

std::string user_dense_tp(const Facts& f) { return std::to_string(*f.flags().moe_dense_tp); }
constexpr Rule kMoeDenseTp[] = {
    {"moe_dense_tp.context_parallel", dsa_cp, "1", kContextParallel},
    {"moe_dense_tp.user", [](const Facts& f) { return f.flags().moe_dense_tp.has_value(); }, user_dense_tp,
     kContextParallel},
    {"moe_dense_tp.none", nullptr, "", kContextParallel},
};

std::string user_a2a(const Facts& f) { return f.flags().moe_a2a; }
constexpr Rule kMoeA2a[] = {
    {"a2a.context_parallel", cp_in_sequence, "deepep", kContextParallel},
    {"a2a.user", nullptr, user_a2a, kAllToAll},
};

std::string tp_size(const Facts& f) { return std::to_string(f.tp()); }
std::string user_ep(const Facts& f) { return std::to_string(f.flags().ep.value_or(1)); }
constexpr Rule kEpSize[] = {
    {"ep.context_parallel", cp_in_sequence, tp_size, kContextParallel},
    {"ep.all_to_all", [](const Facts& f) { return !f.is(Field::kMoeA2a, "none"); }, tp_size, kAllToAll,
     kEverywhere, "every all-to-all backend forces EP = TP"},
    {"ep.user", nullptr, user_ep, kAllToAll},
};

std::string user_dp(const Facts& f) {
  return std::to_string(std::max<std::int64_t>(f.flags().dp.value_or(1), 1));
}
constexpr Rule kDpSize[] = {{"dp.user", nullptr, user_dp, kHeuristics}};

std::string tp_over_dp(const Facts& f) {
  return std::to_string(f.tp() / std::max<std::int64_t>(f.number(Field::kDpSize), 1));
}
constexpr Rule kCpSize[] = {
    {"cp.tp_over_dp", dsa_cp, tp_over_dp, kContextParallel},
    {"cp.user", [](const Facts& f) { return f.context_parallel(); },
     Answer([](const Facts& f) { return std::to_string(*f.flags().cp); }), kContextParallel, kEverywhere,
     "context parallelism of a model without DSA defaults: the sheet has no rule"},
    {"cp.off", nullptr, "1", kContextParallel},
};

constexpr Rule kCpMode[] = {
    {"cp_mode.off", [](const Facts& f) { return !f.context_parallel(); }, "", server_args("L219")},
    {"cp_mode.in_sequence", in_sequence, "in-seq-split", server_args("L219"), kApril},
    {"cp_mode.round_robin", nullptr, "round-robin-split", server_args("L219"), kApril},
    {"cp_mode.zigzag", in_sequence, "zigzag", overrides("L1595-1750"), kAugust},
    {"cp_mode.interleave", nullptr, "interleave", overrides("L1595-1750"), kAugust},
};

std::string mori_bound(const Facts& f) {
  return std::to_string(std::min(f.number(Field::kChunkByMemory), f.flags().mori_max_tokens.value_or(4096)));
}
std::string chunk_over_dp(const Facts& f) {
  return std::to_string(f.number(Field::kChunkByMemory) /
                        std::max<std::int64_t>(f.number(Field::kDpSize), 1));
}
constexpr Rule kChunk[] = {
    {"chunk.mori",
     [](const Facts& f) { return f.is(Field::kMoeA2a, "mori") && f.flags().deepep_mode == "auto"; },
     mori_bound, kAllToAll, kEverywhere,
     "mori in auto mode becomes normal, and bounds a chunk by its token buffer"},
    {"chunk.dp_attention",
     [](const Facts& f) { return f.is(Field::kDpAttention, "true") && f.number(Field::kDpSize) > 1; },
     chunk_over_dp, kHeuristics},
    {"chunk.final", nullptr, Answer([](const Facts& f) { return f.value(Field::kChunkByMemory); }),
     kHeuristics},
};

constexpr Rule kConservativeness[] = {
    {"conservativeness.dp_attention", [](const Facts& f) { return f.is(Field::kDpAttention, "true"); }, "0.3",
     kHeuristics, kEverywhere, "the sheet does not say whether one data-parallel group counts"},
    {"conservativeness.off", nullptr, "1.0", kHeuristics},
};

constexpr Rule kCudaGraph[] = {
    {"graph.deepep_normal",
     [](const Facts& f) { return f.is(Field::kMoeA2a, "deepep") && f.flags().deepep_mode == "normal"; },
     "false", kAllToAll},
    {"graph.on", nullptr, "true", kAllToAll},
};

constexpr Group kGroups[] = {
    {Field::kDpAttention, kDpAttention},
    {Field::kMoeDenseTp, kMoeDenseTp},
    {Field::kMoeA2a, kMoeA2a},
    {Field::kEpSize, kEpSize},
    {Field::kDpSize, kDpSize},
    {Field::kCpSize, kCpSize},
    {Field::kCpMode, kCpMode},
    {Field::kChunk, kChunk},
    {Field::kConservativeness, kConservativeness},
    {Field::kCudaGraph, kCudaGraph},
};

}  // namespace

std::span<const Group> parallel_groups() { return kGroups; }

}  // namespace tamis::policy
