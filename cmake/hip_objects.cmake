# Kernels are compiled by their own compiler, one command a file; the ordinary link takes the objects.
#
# tamis_kernel_objects(RESULT NAME <name> COMPILER <path> FLAGS <flag…> SOURCES <file…>): objects of SOURCES in the
# build folder <name>/; sets RESULT to their paths. Headers that a source includes are followed.
function(tamis_kernel_objects result)
  cmake_parse_arguments(arg "" "NAME;COMPILER" "FLAGS;SOURCES" ${ARGN})
  set(objects "")
  foreach(source IN LISTS arg_SOURCES)
    file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${source})
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}/${path}.o)
    get_filename_component(folder ${object} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${TAMIS_CCACHE} ${arg_COMPILER} ${arg_FLAGS} -std=c++20 -fPIC -Wall -Wextra -Werror
              -Wno-missing-field-initializers -Wno-missing-designated-field-initializers -Wno-unknown-warning-option
              -ffp-contract=off -I${CMAKE_SOURCE_DIR} -MD -MF ${object}.d -c ${source} -o ${object}
      DEPENDS ${source}
      DEPFILE ${object}.d
      COMMENT "${arg_NAME}: ${path}"
      COMMAND_EXPAND_LISTS VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(${result} ${objects} PARENT_SCOPE)
endfunction()

file(GLOB tamis_hip_kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels_gpu/*/*.cu ${CMAKE_SOURCE_DIR}/kernels_hip/*/*.hip)
