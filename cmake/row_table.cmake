# tamis_row_table(TARGET ROOM [SHARED FOLDER] [INTO FOLDER]): adds ROOM/ops/<op>.cpp of every op of core/ops.def to TARGET and writes
# generated/<room>_row_table.inc, where ROOM is a folder such as backends/cuda and <room> its last part. With SHARED,
# FOLDER/ops/<op>.cpp is added, too (namespace tamis::<shared>): rows that several rooms have in common, behind the
# room's own. An op without any file has null entries, which explain and the support matrix show as "the backend has no
# rows for this op". A new file is picked up at the next build: nothing lists it by name. INTO: instead of generated/.
#
#   namespace tamis::<room> {
#   std::span<const KernelRow> find_rows(const char* op);   // the room's own, then the shared ones
#   }
function(tamis_row_table target room_dir)
  cmake_parse_arguments(arg "" "SHARED;INTO" "" ${ARGN})
  if(NOT arg_INTO)
    set(arg_INTO ${CMAKE_BINARY_DIR}/generated)
  endif()
  get_filename_component(room ${room_dir} NAME)
  get_filename_component(shared "${arg_SHARED}" NAME)
  file(STRINGS ${CMAKE_SOURCE_DIR}/core/ops.def op_lines REGEX "^OP\\(")
  set(declarations "")
  set(shared_declarations "")
  set(entries "")
  set(missing "")
  foreach(line IN LISTS op_lines)
    string(REGEX REPLACE "^OP\\(([a-z_0-9]+)\\).*" "\\1" op "${line}")
    set(own_rows nullptr)
    set(shared_rows nullptr)
    set(file ${CMAKE_SOURCE_DIR}/${room_dir}/ops/${op}.cpp)
    if(EXISTS ${file})
      target_sources(${target} PRIVATE ${file})
      string(APPEND declarations "std::span<const KernelRow> rows_${op}();\n")
      set(own_rows "&rows_${op}")
    endif()
    set(file ${CMAKE_SOURCE_DIR}/${arg_SHARED}/ops/${op}.cpp)
    if(arg_SHARED AND EXISTS ${file})
      target_sources(${target} PRIVATE ${file})
      string(APPEND shared_declarations "std::span<const KernelRow> rows_${op}();\n")
      set(shared_rows "&${shared}::rows_${op}")
    endif()
    if(own_rows STREQUAL "nullptr" AND shared_rows STREQUAL "nullptr")
      list(APPEND missing ${op})
    endif()
    string(APPEND entries "    {\"${op}\", ${own_rows}, ${shared_rows}},\n")
  endforeach()
  if(missing)
    list(LENGTH missing count)
    message(STATUS "${target}: no file in ${room_dir}/ops for ${count} ops: ${missing}")
  endif()
  if(arg_SHARED)
    set(shared_declarations "namespace tamis::${shared} {\n${shared_declarations}}\n")
  endif()
  file(CONFIGURE OUTPUT ${arg_INTO}/${room}_row_table.inc CONTENT [[
// Written by cmake/row_table.cmake from core/ops.def and the files in @room_dir@/ops.
#include <map>
#include <string>
#include <string_view>
@shared_declarations@namespace tamis::@room@ {
@declarations@
struct RowTableEntry {
  const char* op;
  std::span<const KernelRow> (*rows)();
  std::span<const KernelRow> (*shared)();
};
inline constexpr RowTableEntry kRowTable[] = {
@entries@};

inline std::span<const KernelRow> find_rows(const char* op) {
  static const auto tables = [] {
    std::map<std::string, std::vector<KernelRow>, std::less<>> made;
    for (const RowTableEntry& entry : kRowTable) {
      std::vector<KernelRow>& rows = made[entry.op];
      for (auto* part : {entry.rows, entry.shared}) {
        if (part == nullptr) continue;
        const std::span<const KernelRow> some = part();
        rows.insert(rows.end(), some.begin(), some.end());
      }
    }
    return made;
  }();
  const auto found = tables.find(std::string_view(op));
  return found == tables.end() ? std::span<const KernelRow>() : std::span<const KernelRow>(found->second);
}
}  // namespace tamis::@room@
]] @ONLY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/ops.def)
  file(GLOB unused CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${room_dir}/ops/*.cpp)
  if(arg_SHARED)
    file(GLOB unused CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${arg_SHARED}/ops/*.cpp)
  endif()
endfunction()
