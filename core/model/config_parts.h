// The parts of parse_config(), one concern a file. Each reads its fields of config.json into `config`; errors
// stay in `fields`. Internal to core/model.
#pragma once

#include "core/checkpoint/json_fields.h"
#include "core/model/config.h"

namespace tamis {

// config_rope.cpp: rope_theta, rope_scaling, rope_parameters.
void read_rope(JsonFields& fields, ModelConfig& config);

// config_layers.cpp: which layers are MoE, which own an indexer, whose indices the others use. Needs n_layers
// and the indexer.
void read_layers(JsonFields& fields, ModelConfig& config);

}  // namespace tamis
