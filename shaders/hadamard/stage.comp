// One stage of hadamard over vectors too wide for shared memory, f32 one after another in the workspace: a
// thread per butterfly. The last stage writes y. Bound by memory, or by the few launches.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/types.glsl"
#include "shaders/common/vectors.glsl"

const uint kThreads = 256;
layout(local_size_x = 256) in;

layout(constant_id = 0) const uint kType = 0;
layout(constant_id = 1) const uint kLast = 0;

layout(push_constant) uniform Arguments {
  Vectors3 y;
  uint64_t workspace;
  uint heads, vectors, width;
  uint half_width;
  float factor;
};

void main() {
  const uint parts = (width / 2u + kThreads - 1u) / kThreads;
  const uint vector = group_index() / parts, p = group_index() % parts * kThreads + gl_LocalInvocationIndex;
  if (vector >= vectors || p >= width / 2u) return;
  const uint i = p / half_width * 2u * half_width + p % half_width;
  const uint64_t row = workspace + 4ul * vector * width;
  const float a = Floats(row).at[i], b = Floats(row).at[i + half_width];
  if (kLast != 0u) {
    const uint64_t to = vector_at(y, vector / heads, vector % heads);
    store_float(kType, to, i, (a + b) * factor);
    store_float(kType, to, i + half_width, (a - b) * factor);
  } else {
    Floats(row).at[i] = a + b;
    Floats(row).at[i + half_width] = a - b;
  }
}
