# cmake -DSOURCE=… -DTARGET=… -DBUILD=… -P write_commit.cmake: the header that says which sources were built.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --match=
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${TARGET} @ONLY CONTENT "// Generated.
#pragma once

namespace tamis::bench {
inline constexpr const char* kCommit = \"@commit@\";
inline constexpr const char* kBuild = \"@BUILD@\";
}  // namespace tamis::bench
")
