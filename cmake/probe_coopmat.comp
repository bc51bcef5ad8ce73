// Whether TAMIS_GLSLANG and TAMIS_SPIRV_VAL know cooperative matrices: cmake/shaders.cmake compiles this.
#version 460
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_EXT_shader_explicit_arithmetic_types : require

layout(local_size_x = 32) in;
shared float16_t operand[256];
shared float result[256];

void main() {
  coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseA> a;
  coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseB> b;
  coopMatLoad(a, operand, 0, 16, gl_CooperativeMatrixLayoutRowMajor);
  coopMatLoad(b, operand, 0, 16, gl_CooperativeMatrixLayoutColumnMajor);
  coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator> c =
      coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator>(0.0);
  c = coopMatMulAdd(a, b, c);
  coopMatStore(c, result, 0, 16, gl_CooperativeMatrixLayoutRowMajor);
}
