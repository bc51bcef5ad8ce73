// sparse_mla: attention over the latent cache (shaders/common/latent_attention_coopmat.glsl) of the slots
// that a token was given.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/latent_attention_coopmat.glsl"
#include "shaders/sparse_mla/keys.glsl"
