// A tensor [T, h, D], or [T, D] as one head: VectorArguments of backends/vulkan/caches.h. Include after
// shaders/common/types.glsl.
struct Vectors3 {
  uint64_t data;
  uint64_t stride, head_stride;  // bytes
};

uint64_t vector_at(Vectors3 x, uint token, uint head) {
  return x.data + token * x.stride + head * x.head_stride;
}
