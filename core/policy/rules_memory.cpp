// Chunk size, graph size and the static part of memory, from the device's memory (sheet 1.18; NPU: 1.5).
#include <algorithm>

#include "core/policy/rule.h"

namespace tamis::policy {
namespace {

bool below(const Facts& f, std::int64_t gib) {
  return f.in.device.memory_mib > 0 && f.in.device.memory_mib < gib * 1024;
}
bool at_most(const Facts& f, std::int64_t gib) { return f.in.device.memory_mib <= gib * 1024; }
bool many_ranks(const Facts& f) { return f.tp() >= 4; }
bool unknown(const Facts& f) { return f.in.device.memory_mib == 0; }

constexpr Source kHeuristics = server_args("L1270-1440");
constexpr Source kNpuUtils = {"python/sglang/srt/hardware_backend/npu/utils.py", "L45-95"};

std::string user_chunk(const Facts& f) { return std::to_string(*f.flags().chunk); }

constexpr Rule kChunkByMemory[] = {
    {"chunk.user", [](const Facts& f) { return f.flags().chunk.has_value(); }, user_chunk, kHeuristics},
    {"chunk.unknown_memory", unknown, "", kTamis, kEverywhere,
     "the device's memory is not known: --memory-gib"},
    {"chunk.npu_32", [](const Facts& f) { return f.npu() && at_most(f, 32); }, "4096", kNpuUtils},
    {"chunk.npu_64", [](const Facts& f) { return f.npu() && at_most(f, 64); }, "8192", kNpuUtils},
    {"chunk.20", [](const Facts& f) { return below(f, 20); }, "2048", kHeuristics},
    {"chunk.35", [](const Facts& f) { return below(f, 35); }, "2048", kHeuristics},
    {"chunk.60", [](const Facts& f) { return below(f, 60); }, "4096", kHeuristics},
    {"chunk.90", [](const Facts& f) { return below(f, 90); }, "8192", kHeuristics},
    {"chunk.160", [](const Facts& f) { return below(f, 160); }, "8192", kHeuristics},
    {"chunk.larger", nullptr, "16384", kHeuristics},
};

std::string user_graph(const Facts& f) { return std::to_string(*f.flags().graph_max_batch); }
std::string by_ranks(const Facts& f, const char* few, const char* many) { return many_ranks(f) ? many : few; }

constexpr Rule kGraphMaxBatch[] = {
    {"graph.user", [](const Facts& f) { return f.flags().graph_max_batch.has_value(); }, user_graph,
     kHeuristics},
    {"graph.unknown_memory", unknown, "", kTamis, kEverywhere,
     "the device's memory is not known: --memory-gib"},
    {"graph.npu_32", [](const Facts& f) { return f.npu() && at_most(f, 32); },
     Answer([](const Facts& f) { return by_ranks(f, "16", "64"); }), kNpuUtils},
    {"graph.npu_64", [](const Facts& f) { return f.npu() && at_most(f, 64); },
     Answer([](const Facts& f) { return by_ranks(f, "64", "256"); }), kNpuUtils},
    {"graph.20", [](const Facts& f) { return below(f, 20); }, "8", kHeuristics},
    {"graph.35", [](const Facts& f) { return below(f, 35); },
     Answer([](const Facts& f) { return by_ranks(f, "24", "80"); }), kHeuristics},
    {"graph.60", [](const Facts& f) { return below(f, 60); },
     Answer([](const Facts& f) { return by_ranks(f, "32", "160"); }), kHeuristics},
    {"graph.90", [](const Facts& f) { return below(f, 90); },
     Answer([](const Facts& f) { return by_ranks(f, "256", "512"); }), kHeuristics},
    {"graph.160", [](const Facts& f) { return below(f, 160); },
     Answer([](const Facts& f) { return by_ranks(f, "256", "512"); }), kHeuristics},
    {"graph.larger", nullptr, "512", kHeuristics},
};

bool no_piecewise_model(const Facts& f) {
  return f.dsa() || f.is(Field::kArchitecture, {"DeepseekV32ForCausalLM", "GlmMoeDsaForCausalLM"});
}

// Early, before the MoE runner is known; rules_moe.cpp has the last word.
constexpr Rule kPiecewise[] = {
    {"piecewise.model",
     no_piecewise_model,
     "false",
     {"python/sglang/srt/configs/model_config.py", "L1375-1381"},
     kEverywhere,
     "the list has DeepseekV32ForCausalLM; the sheet (7.5) says that V3.2 has no piecewise graphs, though "
     "its "
     "rewritten name is not listed"},
    {"piecewise.flag", [](const Facts& f) { return f.flags().disable_piecewise; }, "false", kHeuristics},
    {"piecewise.not_cuda", [](const Facts& f) { return !f.cuda(); }, "false", kTamis, kEverywhere,
     "the sheet speaks of CUDA graphs only"},
    {"piecewise.on", nullptr, "true", kHeuristics},
};

constexpr Rule kPiecewiseMax[] = {
    {"piecewise.max_off", [](const Facts& f) { return f.is(Field::kPiecewise, "false"); }, "", kHeuristics},
    {"piecewise.max_mla", nullptr, "2048", kHeuristics},
};

// Reserved memory in MiB. The order of the terms is the sheet's; data-parallel attention is the user's flag
// here, because context parallelism switches it on only later.
double reserved_mib(const Facts& f) {
  const double graph = static_cast<double>(f.number(Field::kGraphMaxBatch));
  const double chunk = static_cast<double>(std::max<std::int64_t>(f.number(Field::kChunkByMemory), 2048));
  double reserved = 512 + 1.5 * chunk + 2 * graph + static_cast<double>(f.tp() * f.pp()) / 8 * 1024;
  if (f.flags().dp_attention) {
    const double dp = static_cast<double>(f.flags().dp.value_or(1));
    reserved += 3 * graph * dp + (graph > 300 ? 1.5 * graph * dp : 0);
  }
  if (f.is(Field::kPiecewise, "true")) reserved += 1.5 * 1024;
  if (f.in.device.memory_mib > 60 * 1024) reserved = std::max(reserved, 10.0 * 1024);
  if (f.is(Field::kSpecAlgorithm, {"EAGLE", "EAGLE3"})) reserved += 4 * 1024;
  if (f.is(Field::kSpecAlgorithm, "STANDALONE")) reserved += 6 * 1024;
  return reserved;
}

std::string fraction(const Facts& f) {
  const double memory = static_cast<double>(f.in.device.memory_mib);
  return fmt::format("{:.3f}", (memory - reserved_mib(f)) / memory);
}

bool too_small(const Facts& f) { return reserved_mib(f) >= static_cast<double>(f.in.device.memory_mib); }

constexpr Rule kMemFraction[] = {
    {"memory.unknown", unknown, "", kTamis, kEverywhere, "the device's memory is not known: --memory-gib"},
    {"memory.too_small", too_small, "0.000", kTamis, kEverywhere, "the reserved part is all there is"},
    {"memory.fraction", nullptr, fraction, kHeuristics, kEverywhere,
     "printed to three decimals; EAGLE3 counts as EAGLE; piecewise graphs are counted as 1.5 GiB, the sheet "
     "says about that much"},
};

constexpr Group kGroups[] = {
    {Field::kChunkByMemory, kChunkByMemory}, {Field::kGraphMaxBatch, kGraphMaxBatch},
    {Field::kPiecewise, kPiecewise},         {Field::kPiecewiseMax, kPiecewiseMax},
    {Field::kMemFraction, kMemFraction},
};

}  // namespace

std::span<const Group> memory_groups() { return kGroups; }

}  // namespace tamis::policy
