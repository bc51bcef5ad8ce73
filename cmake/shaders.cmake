# tamis_shaders(TARGET): compiles shaders/<op>/<variant>.comp to SPIR-V and embeds it in TARGET. A new shader is found
# at the next build; nothing lists it by name. Written under the build folder, for #include by one source of TARGET:
#
#   generated/shaders/<op>_<variant>.inc   const uint32_t tamis_spirv_<op>_<variant>[] = {…};
#   generated/shaders/table.inc            includes all of them and lists {"<op>/<variant>", words, bytes}
#
# Needs TAMIS_GLSLANG; TAMIS_SPIRV_VAL, where found, checks every module. Shaders named <variant>_coopmat.comp are left
# out where the compiler does not know cooperative matrices: TAMIS_COOPMAT says whether it does.

# Compiles a small shader, since what a version can do depends on who packaged it.
function(tamis_probe_coopmat folder)
  set(module ${folder}/probe_coopmat.spv)
  execute_process(COMMAND ${TAMIS_GLSLANG} --quiet --target-env vulkan1.2 -o ${module}
                          ${CMAKE_SOURCE_DIR}/cmake/probe_coopmat.comp
                  RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  set(TAMIS_COOPMAT OFF PARENT_SCOPE)
  set(TAMIS_SPIRV_VAL_COOPMAT OFF PARENT_SCOPE)
  if(NOT failed EQUAL 0)
    return()
  endif()
  set(TAMIS_COOPMAT ON PARENT_SCOPE)
  if(TAMIS_SPIRV_VAL)
    execute_process(COMMAND ${TAMIS_SPIRV_VAL} --target-env vulkan1.2 ${module}
                    RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
    if(failed EQUAL 0)
      set(TAMIS_SPIRV_VAL_COOPMAT ON PARENT_SCOPE)
    endif()
  endif()
endfunction()

function(tamis_shaders target)
  file(GLOB shaders CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/shaders/*/*.comp)
  file(GLOB includes CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/shaders/*/*.glsl)
  set(folder ${CMAKE_BINARY_DIR}/generated/shaders)
  file(MAKE_DIRECTORY ${folder})
  tamis_probe_coopmat(${folder})
  set(TAMIS_COOPMAT ${TAMIS_COOPMAT} PARENT_SCOPE)
  set(outputs "")
  set(lines "")
  set(entries "")
  foreach(shader IN LISTS shaders)
    get_filename_component(variant ${shader} NAME_WE)
    get_filename_component(op ${shader} DIRECTORY)
    get_filename_component(op ${op} NAME)
    set(coopmat OFF)
    if(variant MATCHES "_coopmat$")
      set(coopmat ON)
      if(NOT TAMIS_COOPMAT)
        continue()
      endif()
    endif()
    set(symbol ${op}_${variant})
    set(module ${folder}/${symbol}.spv)
    set(compile ${TAMIS_GLSLANG} --quiet --target-env vulkan1.2 -I${CMAKE_SOURCE_DIR})
    set(check "")
    if(TAMIS_SPIRV_VAL AND (NOT coopmat OR TAMIS_SPIRV_VAL_COOPMAT))
      set(check COMMAND ${TAMIS_SPIRV_VAL} --target-env vulkan1.2 ${module})
    endif()
    # Any common file may be included by any shader: there are few, and a shader compiles in 0.1 s.
    add_custom_command(
      OUTPUT ${folder}/${symbol}.inc
      COMMAND ${compile} -o ${module} ${shader}
      ${check}
      COMMAND ${compile} --vn tamis_spirv_${symbol} -o ${folder}/${symbol}.inc ${shader}
      DEPENDS ${shader} ${includes}
      COMMENT "shader ${op}/${variant}"
      VERBATIM)
    list(APPEND outputs ${folder}/${symbol}.inc)
    string(APPEND lines "#include \"shaders/${symbol}.inc\"\n")
    string(APPEND entries "    {\"${op}/${variant}\", tamis_spirv_${symbol}, sizeof(tamis_spirv_${symbol})},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${folder}/table.inc CONTENT [[
// Written by cmake/shaders.cmake from shaders/*/*.comp.
@lines@
struct ShaderModule {
  const char* name;
  const std::uint32_t* words;
  std::size_t bytes;
};
inline constexpr ShaderModule kShaderModules[] = {
@entries@};
]] @ONLY)
  target_sources(${target} PRIVATE ${outputs})
  # For tools that read the sources and not the library: scripts/lint.sh.
  add_custom_target(${target}_shaders DEPENDS ${outputs})
  add_dependencies(${target} ${target}_shaders)
  add_dependencies(tamis_generated ${target}_shaders)
endfunction()
