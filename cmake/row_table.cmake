# tamis_row_table(TARGET ROOM): adds ROOM/ops/<op>.cpp of every op of core/ops.def to TARGET and writes
# generated/<room>_row_table.inc, where ROOM is a folder such as backends/cuda and <room> its last part. The table has
# one line an op, in the order of ops.def; an op without a file has a null one, which explain and the support matrix
# show as "the backend has no rows for this op". A new file is picked up at the next build: nothing lists it by name.
#
#   namespace tamis::<room> {
#   struct RowTableEntry { const char* op; std::span<const KernelRow> (*rows)(); };   // rows null: no file
#   inline constexpr RowTableEntry kRowTable[];
#   std::span<const KernelRow> find_rows(const char* op);
#   }
function(tamis_row_table target room_dir)
  get_filename_component(room ${room_dir} NAME)
  set(folder ${CMAKE_SOURCE_DIR}/${room_dir}/ops)
  file(STRINGS ${CMAKE_SOURCE_DIR}/core/ops.def op_lines REGEX "^OP\\(")
  set(declarations "")
  set(entries "")
  set(missing "")
  foreach(line IN LISTS op_lines)
    string(REGEX REPLACE "^OP\\(([a-z_0-9]+)\\).*" "\\1" op "${line}")
    if(EXISTS ${folder}/${op}.cpp)
      target_sources(${target} PRIVATE ${folder}/${op}.cpp)
      string(APPEND declarations "std::span<const KernelRow> rows_${op}();\n")
      string(APPEND entries "    {\"${op}\", &rows_${op}},\n")
    else()
      list(APPEND missing ${op})
      string(APPEND entries "    {\"${op}\", nullptr},\n")
    endif()
  endforeach()
  if(missing)
    list(LENGTH missing count)
    message(STATUS "${target}: no file in ${room_dir}/ops for ${count} ops: ${missing}")
  endif()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/${room}_row_table.inc CONTENT [[
// Written by cmake/row_table.cmake from core/ops.def and the files in @room_dir@/ops.
namespace tamis::@room@ {
@declarations@
struct RowTableEntry {
  const char* op;
  std::span<const KernelRow> (*rows)();
};
inline constexpr RowTableEntry kRowTable[] = {
@entries@};

inline std::span<const KernelRow> find_rows(const char* op) {
  for (const RowTableEntry& entry : kRowTable) {
    if (std::string_view(entry.op) == op) return entry.rows == nullptr ? std::span<const KernelRow>() : entry.rows();
  }
  return {};
}
}  // namespace tamis::@room@
]] @ONLY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/ops.def)
  file(GLOB unused CONFIGURE_DEPENDS ${folder}/*.cpp)
endfunction()
