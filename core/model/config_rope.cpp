// Rotary embedding: the two dialects in which configs describe it, and YaRN's tables.
#include <algorithm>
#include <cmath>
#include <numbers>

#include <nlohmann/json.hpp>

#include "core/model/config_parts.h"

namespace tamis {
namespace {

constexpr NumberRange kThetaRange{2.0, 1e12};

// The dimension (of dim/2) whose wave makes `rotations` turns over the original context.
double correction_dim(const RopeConfig& rope, double dim, double rotations) {
  const double positions = static_cast<double>(rope.original_max_positions);
  return dim * std::log(positions / (rotations * 2.0 * std::numbers::pi)) / (2.0 * std::log(rope.theta));
}

// transformers, _compute_yarn_parameters: what cos and sin are multiplied with. The published models come out
// at 1 (mscale equals mscale_all_dim); the graph has no such multiplier, so anything else is refused.
void check_magnitude(JsonFields& scaling, const RopeConfig& rope) {
  const double mscale = scaling.number_or("mscale", 0.0, {0.0, 100.0});
  double magnitude = yarn_mscale(rope.factor, 1.0);
  if (mscale != 0.0 && rope.mscale_all_dim != 0.0) {
    magnitude = yarn_mscale(rope.factor, mscale) / yarn_mscale(rope.factor, rope.mscale_all_dim);
  }
  magnitude = scaling.number_or("attention_factor", magnitude, {0.0, 100.0});
  if (std::abs(magnitude - 1.0) > 1e-6) {
    scaling.fail(unsupported(
        "{}: mscale: expected equal to mscale_all_dim (cos and sin unscaled), found a factor of {}",
        scaling.where(), magnitude));
  }
}

void read_yarn(JsonFields& scaling, ModelConfig& config) {
  RopeConfig& rope = config.rope;
  rope.yarn = true;
  rope.factor = scaling.number("factor", {1.0, 1e4});
  rope.beta_fast = scaling.number_or("beta_fast", 32.0, {1e-3, 1e6});
  rope.beta_slow = scaling.number_or("beta_slow", 1.0, {1e-3, 1e6});
  rope.mscale_all_dim = scaling.number_or("mscale_all_dim", 0.0, {0.0, 100.0});
  rope.original_max_positions = scaling.integer_or("original_max_position_embeddings", config.max_positions,
                                                   {1, std::int64_t{1} << 30});
  rope.truncate = scaling.boolean_or("truncate", true);
  check_magnitude(scaling, rope);
}

// `name` is rope_scaling (the original files, theta beside it) or rope_parameters (transformers 5, theta
// inside).
void read_scaling(JsonFields& fields, const char* name, ModelConfig& config) {
  JsonFields scaling(*fields.find(name), fmt::format("{}: {}", fields.where(), name));
  config.rope.theta = scaling.number_or("rope_theta", config.rope.theta, kThetaRange);
  const std::string type = scaling.string_or("rope_type", scaling.string_or("type", "default"));
  if (type == "yarn") {
    read_yarn(scaling, config);
  } else if (type != "default") {
    scaling.fail(
        unsupported("{}: type: expected \"default\" or \"yarn\", found \"{}\"", scaling.where(), type));
  }
  fields.fail(scaling.status());
}

}  // namespace

void read_rope(JsonFields& fields, ModelConfig& config) {
  config.rope.theta = fields.number_or("rope_theta", 0.0, kThetaRange);
  if (fields.has("rope_parameters")) {
    read_scaling(fields, "rope_parameters", config);
  } else if (fields.has("rope_scaling")) {
    read_scaling(fields, "rope_scaling", config);
  }
  if (config.rope.theta == 0.0) fields.fail_missing("rope_theta");
  fields.expect_boolean("rope_interleave", true);
}

double yarn_mscale(double factor, double mscale) {
  return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

std::vector<float> rope_inv_freq(const RopeConfig& rope, std::int64_t dim) {
  const double width = static_cast<double>(dim);
  double low = 0.0, high = 1.0;
  if (rope.yarn) {
    low = correction_dim(rope, width, rope.beta_fast);
    high = correction_dim(rope, width, rope.beta_slow);
    if (rope.truncate) low = std::floor(low), high = std::ceil(high);
    low = std::max(low, 0.0);
    high = std::min(high, width - 1.0);
    if (low == high) high += 0.001;  // as the published code: a step instead of a division by zero
  }
  std::vector<float> out(static_cast<std::size_t>(dim / 2));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double position = static_cast<double>(i);
    const double base = std::pow(rope.theta, -2.0 * position / width);
    const double ramp = rope.yarn ? std::clamp((position - low) / (high - low), 0.0, 1.0) : 0.0;
    out[i] = static_cast<float>(base * (1.0 - ramp) + base / rope.factor * ramp);
  }
  return out;
}

}  // namespace tamis
