# The ABI of a plug-in is C++ built against these headers: their joint hash is compiled into the library and into every
# plug-in, and the registry refuses a plug-in whose hash differs.
file(GLOB_RECURSE tamis_abi_headers CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/core/base/*.h ${CMAKE_SOURCE_DIR}/core/graph/*.h ${CMAKE_SOURCE_DIR}/core/backend/*.h
     ${CMAKE_SOURCE_DIR}/core/ops/*.h)
set(tamis_abi_text "")
foreach(header IN LISTS tamis_abi_headers)
  file(SHA256 ${header} hash)
  string(APPEND tamis_abi_text ${hash})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
endforeach()
string(SHA256 tamis_abi_hash "${tamis_abi_text}")
string(SUBSTRING ${tamis_abi_hash} 0 16 tamis_abi_hash)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/tamis_abi_hash.h CONTENT [[
// Written by cmake/abi_hash.cmake.
#pragma once
#define TAMIS_ABI_HASH "@tamis_abi_hash@"
]] @ONLY)
