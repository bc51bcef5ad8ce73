// hadamard: a work group takes 512 values at a time, four vectors of 128, through log2(D) stages of
// butterflies in shared memory, a barrier each. Vectors wider than 4096 are cut into chunks of that width,
// whose transforms go to the workspace for shaders/hadamard/stage.comp. Bytes: x read, y written; bound by
// the barriers of the stages. 16 KB of shared memory at most.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/types.glsl"
#include "shaders/common/vectors.glsl"

const uint kThreads = 128;
layout(local_size_x = 128) in;

layout(constant_id = 0) const uint kType = 0;
layout(constant_id = 1) const uint kValues = 512;  // of a work group, a multiple of `width`
layout(constant_id = 2) const uint kCut = 0;       // chunks go to the workspace

layout(push_constant) uniform Arguments {
  Vectors3 x, y;
  uint64_t workspace;
  uint heads, chunks, width;  // chunks in all; their width
  uint chunks_each;           // of a vector
  float factor;
};

shared float values[kValues];
#include "shaders/common/butterflies.glsl"

void main() {
  const uint each = kValues / width, first = group_index() * each;
  if (first >= chunks) return;
  const uint size = min(each, chunks - first) * width;
  for (uint i = gl_LocalInvocationIndex; i < size; i += kThreads) {
    const uint chunk = first + i / width, vector = chunk / chunks_each;
    const uint at = chunk % chunks_each * width + i % width;
    values[i] = load_float(kType, vector_at(x, vector / heads, vector % heads), at);
  }
  hadamard_butterflies(width, size);
  for (uint i = gl_LocalInvocationIndex; i < size; i += kThreads) {
    const uint chunk = first + i / width;
    if (kCut != 0u) {
      Floats(workspace + 4ul * chunk * width).at[i % width] = values[i];
    } else {
      store_float(kType, vector_at(y, chunk / heads, chunk % heads), i % width, values[i] * factor);
    }
  }
}
