#include "core/ops/sample/sample.h"

#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace sample_operand;

constexpr const char* kName = "sample";
constexpr std::array<OperandDef, 13> kOperands{{{"logits", Role::kIn},
                                                {"temperature", Role::kIn},
                                                {"top_k", Role::kIn},
                                                {"top_p", Role::kIn},
                                                {"min_p", Role::kIn},
                                                {"repetition", Role::kIn},
                                                {"presence", Role::kIn},
                                                {"frequency", Role::kIn},
                                                {"counts", Role::kIn, true},
                                                {"seed", Role::kIn},
                                                {"position", Role::kIn},
                                                {"token", Role::kOut},
                                                {"logprob", Role::kOut}}};

Status infer(const void*, std::span<TensorDesc> d) {
  TAMIS_RETURN_IF_ERROR(expect(kName, "logits", Elements::kF32, {kAnyDim, kAnyDim}, d[kLogits]));
  const std::int64_t rows = d[kLogits].dim(0), vocabulary = d[kLogits].dim(1);
  if (vocabulary < 1 || vocabulary > kMaxSampleVocabulary) {
    return shape_error(kName, "logits", fmt::format("1 to {} columns", kMaxSampleVocabulary), d[kLogits]);
  }
  for (int i : {kTemperature, kTopP, kMinP, kRepetition, kPresence, kFrequency}) {
    const char* operand = kOperands[static_cast<std::size_t>(i)].name;
    TAMIS_RETURN_IF_ERROR(expect(kName, operand, Elements::kF32, {rows}, d[static_cast<std::size_t>(i)]));
  }
  TAMIS_RETURN_IF_ERROR(expect(kName, "top_k", Elements::kI32, {rows}, d[kTopK]));
  TAMIS_RETURN_IF_ERROR(expect_optional(kName, "counts", Elements::kI32, {rows, vocabulary}, d[kCounts]));
  TAMIS_RETURN_IF_ERROR(expect(kName, "seed", Elements::kI32, {rows, 2}, d[kSeed]));
  TAMIS_RETURN_IF_ERROR(expect(kName, "position", Elements::kI32, {rows}, d[kPosition]));
  TAMIS_RETURN_IF_ERROR(set_output(kName, "token", {DType::kI32, {rows}}, d[kToken]));
  return set_output(kName, "logprob", {DType::kF32, {rows}}, d[kLogprob]);
}

// Penalties and a weight a logit, about thirty operations.
double flops(const OpCall& call) { return 30.0 * static_cast<double>(call[kLogits].desc.elements()); }

}  // namespace

const OpDef op::sample{
    .name = kName,
    .params_size = sizeof(SampleParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 1e-6},
    .per_token = operand_bits({sample_operand::kLogits, sample_operand::kTemperature, sample_operand::kTopK,
                               sample_operand::kTopP, sample_operand::kMinP, sample_operand::kRepetition,
                               sample_operand::kPresence, sample_operand::kFrequency, sample_operand::kCounts,
                               sample_operand::kSeed, sample_operand::kPosition, sample_operand::kToken,
                               sample_operand::kLogprob}),
};

}  // namespace tamis
