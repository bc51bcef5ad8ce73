// The arguments of attention over the latent cache. The including shader defines which slots a token attends
// to:
//   uint key_count(uint token);         entries
//   int key_slot(uint token, uint i);   the slot of one, -1 for none
#include "shaders/common/caches.glsl"
#include "shaders/common/vectors.glsl"

// LatentAttention of backends/vulkan/latent_attention.h.
layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Arguments {
  Vectors3 q_latent, q_rope, result;
  KvCache cache;
  PageTable table;                     // dense
  uint64_t sequence, ke;               // dense
  uint64_t slots, slots_stride;        // sparse
  uint64_t lengths, sink;              // sparse; 0: absent
  uint64_t lse, max_logits;            // max_logits 0: not asked for
  uint64_t part_values, part_states;   // [tokens, heads, parts, c] and [tokens, heads, parts, 2]
  uint tokens, heads, entries, parts;  // entries: of slots
  float scale;
};
layout(push_constant) uniform Push { Arguments arguments; };

uint key_count(uint token);
int key_slot(uint token, uint i);
