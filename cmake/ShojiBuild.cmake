# How everything in this tree is compiled, and the few functions the rooms use.

option(SHOJI_TESTS "Build the tests" ON)
option(SHOJI_BENCHMARKS "Build the benchmarks" ON)
option(SHOJI_WERROR "Warnings are errors" ON)
set(SHOJI_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# The build tree looks like an installation: bin/shoji finds ../lib/shoji/plugins and
# ../share/shoji in both.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(SHOJI_PLUGIN_DIR ${CMAKE_BINARY_DIR}/lib/shoji/plugins)
set(SHOJI_TEST_DIR ${CMAKE_BINARY_DIR}/tests/bin)

find_program(CCACHE ccache)
if(CCACHE)
  # What one checkout compiled, another need not compile again, whoever calls and from where:
  # ccache counts the language and the path to what it compiles among its inputs.
  set(CMAKE_C_COMPILER_LAUNCHER env LC_ALL=C.UTF-8 LANG=C.UTF-8 CCACHE_NOHASHDIR=1
    CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
endif()

add_library(shoji_flags INTERFACE)
target_compile_options(shoji_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  # g++ 12 sees overlaps in std::string's operator+ that are not there (GCC bug 105651).
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>
  $<$<BOOL:${SHOJI_WERROR}>:-Werror>)
target_compile_definitions(shoji_flags INTERFACE _GNU_SOURCE
  $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
set(SHOJI_SANITIZED 0)  # for tests that count memory
if(SHOJI_SANITIZE)
  set(SHOJI_SANITIZED 1)
  add_compile_options(-fsanitize=${SHOJI_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SHOJI_SANITIZE})
endif()

# shoji_library(NAME SOURCES... [DEPENDS targets...])
# A static library shoji_NAME (alias shoji::NAME) with its headers in include/.
function(shoji_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(shoji_${name} STATIC ${ARG_SOURCES})
  add_library(shoji::${name} ALIAS shoji_${name})
  target_include_directories(shoji_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include)
  target_link_libraries(shoji_${name} PUBLIC ${ARG_DEPENDS}
                                      PRIVATE shoji_flags ${ARG_PRIVATE_DEPENDS})
endfunction()

# shoji_plugin(KIND ID SOURCES... [DEPENDS targets...])
# The shared object lib/shoji/plugins/KIND-ID.so with its one exported function.
function(shoji_plugin kind id)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  set(target plugin_${kind}_${id})
  add_library(${target} MODULE ${ARG_SOURCES})
  set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${kind}-${id}
    LIBRARY_OUTPUT_DIRECTORY ${SHOJI_PLUGIN_DIR})
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
  target_link_libraries(${target} PRIVATE shoji_flags shoji::sdk ${ARG_DEPENDS})
  set(script ${CMAKE_SOURCE_DIR}/sdk/cmake/plugin.map)
  target_link_options(${target} PRIVATE -Wl,--version-script=${script} -Wl,-z,now)
  # A sanitizer's runtime stays undefined in a shared object, so -z defs cannot hold then.
  if(NOT SHOJI_SANITIZE)
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${script})
  set_property(GLOBAL APPEND PROPERTY SHOJI_PLUGINS ${target})
  install(TARGETS ${target} LIBRARY DESTINATION lib/shoji/plugins)
endfunction()

# shoji_test(NAME SOURCES... [DEPENDS targets...] [LABELS ...] [TIMEOUT seconds])
# A GoogleTest program, one ctest test.
function(shoji_test name)
  if(NOT SHOJI_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPENDS;LABELS;ARGS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${SHOJI_TEST_DIR})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  # Half of the time to compile a test went into optimising what runs once.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O0 -U_FORTIFY_SOURCE>)
  target_link_libraries(${name} PRIVATE shoji_flags ${ARG_DEPENDS} GTest::gmock_main)
  add_test(NAME ${name} COMMAND ${name} ${ARG_ARGS})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
