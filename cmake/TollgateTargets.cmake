# SPDX-License-Identifier: GPL-2.0-or-later
# Every target of ours is made by one of these, so that all have the same warnings and sanitizers.

add_library(tollgate_options INTERFACE)
target_compile_options(tollgate_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wconversion;-Wshadow;-Wnon-virtual-dtor;-Werror>
  $<$<COMPILE_LANGUAGE:C>:-Wall;-Wextra;-Wconversion;-Werror>)
# "tollgate/FOLDER/x.hpp" of the core, "linux/x.hpp" and the like of the shell.
# GCC 12 sees overlaps in `"text" + string` that are not there (gcc.gnu.org PR 105329, PR 105651).
target_compile_options(tollgate_options INTERFACE
  $<$<AND:$<COMPILE_LANG_AND_ID:CXX,GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>)
target_compile_definitions(tollgate_options INTERFACE TOLLGATE_VERSION="${PROJECT_VERSION}")
target_include_directories(tollgate_options INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
if(TOLLGATE_SANITIZE)
  target_compile_options(tollgate_options INTERFACE
    -fsanitize=${TOLLGATE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # What the sanitizers put in makes GCC see uninitialized values in the standard library (<regex>).
  target_compile_options(tollgate_options INTERFACE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-maybe-uninitialized>)
  target_link_options(tollgate_options INTERFACE -fsanitize=${TOLLGATE_SANITIZE})
endif()
if(TOLLGATE_FUZZ)
  target_compile_options(tollgate_options INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(tollgate_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# tollgate_folder(NAME DEPENDS …): the target tollgate_NAME of the folder src/NAME, every *.cpp in it
# but main.cpp. DEPENDS are the folders (tollgate_…) and libraries that it may use: what is not
# named there it cannot include (tests/layers holds it to that).
function(tollgate_folder name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(sources)
    add_library(tollgate_${name} STATIC ${sources})
    target_link_libraries(tollgate_${name} PUBLIC tollgate_options ${ARG_DEPENDS})
  else()
    add_library(tollgate_${name} INTERFACE)
    target_link_libraries(tollgate_${name} INTERFACE tollgate_options ${ARG_DEPENDS})
  endif()
endfunction()

# tollgate_program(TARGET SOURCE… DEPENDS …)
function(tollgate_program name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE tollgate_options ${ARG_DEPENDS})
endfunction()
