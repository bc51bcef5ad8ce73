#include "backends/cuda/cublas_lt.h"

#include <dlfcn.h>

#include <array>
#include <memory>
#include <mutex>

#include "backends/cuda/error.h"

namespace tamis::cuda {
namespace {

constexpr const char* kLibrary = "libcublasLt.so.13";
static_assert(CUBLAS_VER_MAJOR == 13, "kLibrary must name the version of cublasLt.h");

// The entry points; null unless the library was opened and has them all.
struct Library {
  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtMatmul) matmul = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
  decltype(&cublasLtMatmulDescCreate) desc_create = nullptr;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) layout_create = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;
  bool opened = false;
};

template <class F>
bool find(void* library, const char* name, F* function) {
  *function = reinterpret_cast<F>(dlsym(library, name));
  return *function != nullptr;
}

Library open_library() {
  Library lib;
  void* handle = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return lib;
  lib.opened = find(handle, "cublasLtCreate", &lib.create) && find(handle, "cublasLtMatmul", &lib.matmul) &&
               find(handle, "cublasLtMatmulAlgoGetHeuristic", &lib.heuristic) &&
               find(handle, "cublasLtMatmulDescCreate", &lib.desc_create) &&
               find(handle, "cublasLtMatmulDescDestroy", &lib.desc_destroy) &&
               find(handle, "cublasLtMatmulDescSetAttribute", &lib.desc_set) &&
               find(handle, "cublasLtMatrixLayoutCreate", &lib.layout_create) &&
               find(handle, "cublasLtMatrixLayoutDestroy", &lib.layout_destroy) &&
               find(handle, "cublasLtMatmulPreferenceCreate", &lib.preference_create) &&
               find(handle, "cublasLtMatmulPreferenceDestroy", &lib.preference_destroy) &&
               find(handle, "cublasLtMatmulPreferenceSetAttribute", &lib.preference_set);
  return lib;
}

// Opened once and kept: unloading would run the library's own exit code before the driver's.
const Library& library() {
  static const Library lib = open_library();
  return lib;
}

Status to_status(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return {};
  return internal_error("{}: cuBLASLt status {}", what, static_cast<int>(status));
}

// A handle per device, made by the first product on it.
Result<cublasLtHandle_t> handle_of_device() {
  constexpr std::size_t kMaxDevices = 64;
  static std::mutex mutex;
  static std::array<cublasLtHandle_t, kMaxDevices> handles{};
  int device = 0;
  TAMIS_CUDA_RETURN_IF_ERROR(cudaGetDevice(&device));
  if (device < 0 || static_cast<std::size_t>(device) >= kMaxDevices)
    return unsupported("cuBLASLt on device {}: expected 0 to {}", device, kMaxDevices - 1);
  const std::lock_guard lock(mutex);
  cublasLtHandle_t& handle = handles[static_cast<std::size_t>(device)];
  if (handle == nullptr) TAMIS_RETURN_IF_ERROR(to_status(library().create(&handle), "cublasLtCreate"));
  return handle;
}

cudaDataType_t data_type(Element type) {
  switch (type) {
    case Element::kBF16: return CUDA_R_16BF;
    case Element::kF16: return CUDA_R_16F;
    case Element::kE4M3: return CUDA_R_8F_E4M3;
    default: return CUDA_R_32F;
  }
}

template <class T, class Destroy>
auto owned(T object, Destroy destroy) {
  return std::unique_ptr<std::remove_pointer_t<T>, Destroy>(object, destroy);
}

// A row-major [rows, cols] matrix is column-major [cols, rows].
Result<cublasLtMatrixLayout_t> layout(Element type, std::int64_t rows, std::int64_t cols,
                                      std::int64_t stride) {
  cublasLtMatrixLayout_t made = nullptr;
  TAMIS_RETURN_IF_ERROR(
      to_status(library().layout_create(&made, data_type(type), static_cast<std::uint64_t>(cols),
                                        static_cast<std::uint64_t>(rows), stride),
                "cublasLtMatrixLayoutCreate"));
  return made;
}

template <class T>
Status set(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute, const T& value,
           const char* what) {
  return to_status(library().desc_set(desc, attribute, &value, sizeof(value)), what);
}

// The library's A is w, its B x. Fast accumulation stays off: sums are promoted to f32 every 128 of k.
Status set_operands(cublasLtMatmulDesc_t desc, const LtBlockScales& scales) {
  TAMIS_RETURN_IF_ERROR(set(desc, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T, "transpose"));
  if (scales.w == nullptr) return {};
  TAMIS_RETURN_IF_ERROR(set(desc, CUBLASLT_MATMUL_DESC_A_SCALE_MODE,
                            CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F, "scale mode of w"));
  TAMIS_RETURN_IF_ERROR(set(desc, CUBLASLT_MATMUL_DESC_B_SCALE_MODE, CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F,
                            "scale mode of x"));
  TAMIS_RETURN_IF_ERROR(set(desc, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, scales.w, "scales of w"));
  return set(desc, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, scales.x, "scales of x");
}

Status set_preference(cublasLtMatmulPreference_t preference) {
  const std::size_t bytes = kCublasLtWorkspace;
  TAMIS_RETURN_IF_ERROR(to_status(
      library().preference_set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof(bytes)),
      "preference"));
  const std::uint32_t schemes =
      CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;  // besides none: f32, in a fixed order
  return to_status(library().preference_set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &schemes,
                                            sizeof(schemes)),
                   "preference");
}

}  // namespace

Reason cublas_lt_available() { return library().opened ? accept() : reject("{} not found", kLibrary); }

Status cublas_lt_product(const LtProduct& p, cudaStream_t stream) {
  const Library& lib = library();
  if (!lib.opened) return unsupported("{} not found", kLibrary);
  TAMIS_ASSIGN_OR_RETURN(cublasLtHandle_t handle, handle_of_device());
  cublasLtMatmulDesc_t raw_desc = nullptr;
  TAMIS_RETURN_IF_ERROR(
      to_status(lib.desc_create(&raw_desc, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate"));
  const auto desc = owned(raw_desc, lib.desc_destroy);
  TAMIS_RETURN_IF_ERROR(set_operands(desc.get(), p.scales));
  TAMIS_ASSIGN_OR_RETURN(cublasLtMatrixLayout_t raw_w, layout(p.w.type, p.n, p.k, p.w.row_stride));
  const auto w = owned(raw_w, lib.layout_destroy);
  TAMIS_ASSIGN_OR_RETURN(cublasLtMatrixLayout_t raw_x, layout(p.x.type, p.tokens, p.k, p.x.row_stride));
  const auto x = owned(raw_x, lib.layout_destroy);
  TAMIS_ASSIGN_OR_RETURN(cublasLtMatrixLayout_t raw_y, layout(p.y.type, p.tokens, p.n, p.y.row_stride));
  const auto y = owned(raw_y, lib.layout_destroy);
  cublasLtMatmulPreference_t raw_preference = nullptr;
  TAMIS_RETURN_IF_ERROR(to_status(lib.preference_create(&raw_preference), "cublasLtMatmulPreferenceCreate"));
  const auto preference = owned(raw_preference, lib.preference_destroy);
  TAMIS_RETURN_IF_ERROR(set_preference(preference.get()));
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  TAMIS_RETURN_IF_ERROR(to_status(lib.heuristic(handle, desc.get(), w.get(), x.get(), y.get(), y.get(),
                                                preference.get(), 1, &found, &count),
                                  "cublasLtMatmulAlgoGetHeuristic"));
  const float one = 1.0f, zero = 0.0f;
  return to_status(lib.matmul(handle, desc.get(), &one, p.w.data, w.get(), p.x.data, x.get(), &zero, p.y.data,
                              y.get(), p.y.data, y.get(), &found.algo, p.workspace,
                              static_cast<std::size_t>(kCublasLtWorkspace), stream),
                   "cublasLtMatmul");
}

}  // namespace tamis::cuda
