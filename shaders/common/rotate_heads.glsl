// Rotation of many heads of a token. Include after shaders/common/types.glsl and defining kThreads. The
// struct is that of backends/vulkan/rotary.h.
#include "shaders/common/rotary.glsl"
#include "shaders/common/vectors.glsl"

struct Rope {
  Vectors3 x, y;
  uint64_t positions, inv_freq;
  uint tokens, heads, pairs, begin;
  float magnitude;
  uint width;
};

const uint kRopeHeads = 16;  // of a work group

// Rotates the pairs of heads [head, last) of a token, as many heads at a time as the work group holds: a
// thread takes one pair through several heads, so that a sine and a cosine serve all of them.
void rotate_heads(Rope rope, uint type, bool interleaved, uvec3 heads) {
  const uint token = heads.x, head = heads.y, last = heads.z;
  if (rope.pairs == 0u) return;
  const uint at_once = min(rope.pairs, kThreads), lanes = kThreads / at_once;
  const uint lane = gl_LocalInvocationIndex / at_once;
  if (lane >= lanes) return;
  const uint distance = pair_distance(interleaved, rope.pairs);
  for (uint pair = gl_LocalInvocationIndex % at_once; pair < rope.pairs; pair += at_once) {
    const Turn turn =
        turn_of(Ints(rope.positions).at[token], Floats(rope.inv_freq).at[pair], rope.magnitude);
    const uint at = rope.begin + pair_at(interleaved, pair);
    for (uint h = head + lane; h < last; h += lanes) {
      const uint64_t from = vector_at(rope.x, token, h), to = vector_at(rope.y, token, h);
      const vec2 result =
          rotated(vec2(load_float(type, from, at), load_float(type, from, at + distance)), turn);
      store_float(type, to, at, result.x);
      store_float(type, to, at + distance, result.y);
    }
  }
}
