# Finds what compiles HIP kernels: a ROCm installation, or Debian 12's HIP 5.2.3 together with a current clang.
#
# tamis_find_hip() sets in the caller's scope
#   TAMIS_HIP_WHY_NOT    empty, or what is missing
#   TAMIS_HIP_CLANG      the compiler
#   TAMIS_HIP_FLAGS      how it finds headers and device library
#   TAMIS_HIP_INCLUDE    folder of hip/hip_runtime_api.h
#   TAMIS_HIP_LIBRARY    libamdhip64.so
#   TAMIS_HIP_VERSION    "5.2", "6.3"
set(TAMIS_HIP_ARCHS "gfx90a;gfx942;gfx1100" CACHE STRING "AMD architectures that the HIP kernels are compiled for")

function(tamis_hip_version root result)
  set(version "")
  foreach(file share/hip/version .info/version)
    if(version STREQUAL "" AND EXISTS ${root}/${file})
      file(READ ${root}/${file} text)
      if(text MATCHES "(HIP_VERSION_MAJOR=|^)([0-9]+)(\n[^\n]*HIP_VERSION_MINOR=|\\.)([0-9]+)")
        set(version "${CMAKE_MATCH_2}.${CMAKE_MATCH_4}")
      endif()
    endif()
  endforeach()
  set(${result} "${version}" PARENT_SCOPE)
endfunction()

# One constant of the device library as a bitcode file: those of architectures and code object versions that came after
# HIP 5.2.
function(tamis_hip_constant clang folder file symbol value)
  if(EXISTS ${folder}/${file}.bc)
    return()
  endif()
  set(attributes "address_space(4), visibility(\"protected\")")
  file(WRITE ${folder}/${file}.c "__attribute__((${attributes}, weak)) extern const int ${symbol};\n"
       "__attribute__((${attributes})) const int ${symbol} = ${value};\n")
  execute_process(COMMAND ${clang} -x c --target=amdgcn-amd-amdhsa -nogpulib -O2 -emit-llvm -c ${folder}/${file}.c
                          -o ${folder}/${file}.bc RESULT_VARIABLE status ERROR_VARIABLE why)
  if(status)
    message(WARNING "HIP: ${file}.bc: ${why}")
  endif()
endfunction()

# Debian 12's HIP 5.2.3 as a ROCm root in the build folder, with the parts that a current clang misses.
function(tamis_hip_debian_root clang root)
  set(bitcode ${root}/amdgcn/bitcode)
  file(MAKE_DIRECTORY ${bitcode} ${root}/lib)
  foreach(folder include bin share)
    file(CREATE_LINK /usr/${folder} ${root}/${folder} SYMBOLIC)
  endforeach()
  file(GLOB packaged /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/amdgcn/bitcode/*.bc)
  foreach(file IN LISTS packaged)
    get_filename_component(name ${file} NAME)
    file(CREATE_LINK ${file} ${bitcode}/${name} SYMBOLIC)
  endforeach()
  # major * 1000 + minor * 100 + stepping
  foreach(isa 942:9402 950:9500 1100:11000 1101:11001 1102:11002 1150:11500 1151:11501 1200:12000 1201:12001)
    string(REPLACE ":" ";" isa ${isa})
    list(GET isa 0 name)
    list(GET isa 1 value)
    tamis_hip_constant(${clang} ${bitcode} oclc_isa_version_${name} __oclc_ISA_version ${value})
  endforeach()
  tamis_hip_constant(${clang} ${bitcode} oclc_abi_version_600 __oclc_ABI_version 600)
endfunction()

function(tamis_find_hip_in root)
  set(flags "--rocm-path=${root}")
  find_program(TAMIS_HIP_ROCM_CLANG NAMES amdclang++ clang++ PATHS ${root}/bin ${root}/llvm/bin ${root}/lib/llvm/bin
               NO_DEFAULT_PATH)
  find_library(TAMIS_HIP_ROCM_LIBRARY amdhip64 PATHS ${root}/lib NO_DEFAULT_PATH)
  if(NOT TAMIS_HIP_ROCM_CLANG OR NOT TAMIS_HIP_ROCM_LIBRARY OR NOT EXISTS ${root}/include/hip/hip_runtime_api.h)
    set(TAMIS_HIP_WHY_NOT "no ROCm in ${root}" PARENT_SCOPE)
    return()
  endif()
  tamis_hip_version(${root} version)
  set(TAMIS_HIP_WHY_NOT "" PARENT_SCOPE)
  set(TAMIS_HIP_CLANG ${TAMIS_HIP_ROCM_CLANG} PARENT_SCOPE)
  set(TAMIS_HIP_FLAGS ${flags} PARENT_SCOPE)
  set(TAMIS_HIP_INCLUDE ${root}/include PARENT_SCOPE)
  set(TAMIS_HIP_LIBRARY ${TAMIS_HIP_ROCM_LIBRARY} PARENT_SCOPE)
  set(TAMIS_HIP_VERSION "${version}" PARENT_SCOPE)
endfunction()

function(tamis_find_hip_debian)
  tamis_hip_version(/usr version)
  find_program(TAMIS_HIP_DEBIAN_CLANG NAMES clang++-22 clang++-21 clang++-20)
  find_library(TAMIS_HIP_DEBIAN_LIBRARY amdhip64)
  if(NOT version STREQUAL "5.2" OR NOT TAMIS_HIP_DEBIAN_LIBRARY)
    set(TAMIS_HIP_WHY_NOT "neither ROCm nor Debian's libamdhip64-dev 5.2 found" PARENT_SCOPE)
    return()
  endif()
  file(GLOB packaged /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/amdgcn/bitcode/ockl.bc)
  if(NOT TAMIS_HIP_DEBIAN_CLANG OR NOT packaged)
    set(TAMIS_HIP_WHY_NOT "HIP 5.2 of Debian needs clang-20 to 22, clang-tools, lld and rocm-device-libs" PARENT_SCOPE)
    return()
  endif()
  set(root ${CMAKE_BINARY_DIR}/hip_root)
  tamis_hip_debian_root(${TAMIS_HIP_DEBIAN_CLANG} ${root})
  set(TAMIS_HIP_WHY_NOT "" PARENT_SCOPE)
  set(TAMIS_HIP_CLANG ${TAMIS_HIP_DEBIAN_CLANG} PARENT_SCOPE)
  set(TAMIS_HIP_FLAGS --rocm-path=${root} -include ${CMAKE_SOURCE_DIR}/cmake/hip_compat/hip_5_2.h PARENT_SCOPE)
  set(TAMIS_HIP_INCLUDE /usr/include PARENT_SCOPE)
  set(TAMIS_HIP_LIBRARY ${TAMIS_HIP_DEBIAN_LIBRARY} PARENT_SCOPE)
  set(TAMIS_HIP_VERSION 5.2 PARENT_SCOPE)
endfunction()

macro(tamis_find_hip)
  set(TAMIS_HIP_WHY_NOT "no ROCm found")
  foreach(root "$ENV{ROCM_PATH}" /opt/rocm)
    if(TAMIS_HIP_WHY_NOT AND root AND EXISTS ${root})
      tamis_find_hip_in(${root})
    endif()
  endforeach()
  if(TAMIS_HIP_WHY_NOT)
    tamis_find_hip_debian()
  endif()
endmacro()
