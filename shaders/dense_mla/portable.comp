// dense_mla: attention over the latent cache (shaders/common/latent_attention.glsl) of all keys that a token
// sees of its own paged sequence.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/latent_attention.glsl"
#include "shaders/dense_mla/keys.glsl"
