// Rows of a tensor of rank 1 to 4: counted over the leading dimensions, the innermost fastest.
#include "shaders/common/types.glsl"

// Dimensions that are not there have size 1 and stride 0. Strides in bytes.
struct Planes {
  uint64_t data;
  uint64_t stride0, stride1, stride2;
  uint dim1, dim2;  // sizes of the two innermost leading dimensions
};

uint64_t plane_row(Planes planes, uint row) {
  const uint outer = row / planes.dim2;
  return planes.data + uint64_t(outer / planes.dim1) * planes.stride0 +
         uint64_t(outer % planes.dim1) * planes.stride1 + uint64_t(row % planes.dim2) * planes.stride2;
}
