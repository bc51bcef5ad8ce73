# The CUDA language. Sets tamis_cuda_missing when the backend cannot be built, to the reason.
if(TAMIS_SANITIZE)
  set(tamis_cuda_missing "a build with sanitizers")
  return()
endif()
include(CheckLanguage)
check_language(CUDA)
find_package(CUDAToolkit 12.8 QUIET)
if(NOT CMAKE_CUDA_COMPILER OR NOT CUDAToolkit_FOUND)
  set(tamis_cuda_missing "no CUDA toolkit 12.8 or later (nvcc on the PATH)")
  return()
endif()
# sm_80 with PTX runs on every later GPU; sm_90a adds what only Hopper has. More: -DTAMIS_CUDA_ARCHS="80;89-real;90a-real".
set(TAMIS_CUDA_ARCHS "80;90a-real" CACHE STRING "CUDA architectures, as CMAKE_CUDA_ARCHITECTURES takes them")
# Of kernels that multiply e4m3 by mma.sync (backends/cuda/CMakeLists.txt). PTX of 89 is compiled by the driver on every
# later GPU; without that wait on SM120: -DTAMIS_CUDA_FP8_ARCHS="89;120-real".
set(TAMIS_CUDA_FP8_ARCHS "89" CACHE STRING "CUDA architectures of the e4m3 mma.sync kernels, 89 or later")
set(CMAKE_CUDA_ARCHITECTURES ${TAMIS_CUDA_ARCHS})
set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
set(CMAKE_CUDA_STANDARD 20)
enable_language(CUDA)
if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc 12 and later have C++20
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
endif()
