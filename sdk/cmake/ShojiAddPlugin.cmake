# shoji_add_plugin(TARGET name KIND kind SOURCES file...)
#   A shared object KIND-TARGET.so as the host wants it: it exports nothing but
#   shoji_plugin_open_v1, binds at once, leaves no symbol undefined, and its addresses are
#   read-only afterwards. It sees the headers of the SDK: shoji::sdk, or shoji::plugin_api when
#   all sources are C. KIND is one of SHOJI_PLUGIN_KINDS.
#
# shoji_plugin_test(TARGET name [ARGS argument...])
#   Adds the ctest test NAME_validate, which runs the conformance kit on the plugin. Without an
#   installed shoji-validate there is no such test, and a line says so.
set(SHOJI_PLUGIN_KINDS store hypervisor factory shim proxy agent network)
set(SHOJI_PLUGIN_INSTALL_DIR lib/shoji/plugins)
set(SHOJI_PLUGIN_VERSION_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/plugin.map)

# Ends the configuration with a text that names the caller's mistake and the right form.
macro(_shoji_usage text form)
  message(FATAL_ERROR "${CMAKE_CURRENT_FUNCTION}: ${text}; write ${form}")
endmacro()

function(shoji_add_plugin)
  set(form "shoji_add_plugin(TARGET name KIND kind SOURCES file...)")
  cmake_parse_arguments(PARSE_ARGV 0 ARG "" "TARGET;KIND" "SOURCES")
  if(ARG_UNPARSED_ARGUMENTS)
    list(JOIN ARG_UNPARSED_ARGUMENTS " " words)
    _shoji_usage("does not understand \"${words}\"" "${form}")
  endif()
  foreach(name TARGET KIND SOURCES)
    if(NOT ARG_${name})
      _shoji_usage("${name} is missing or has no value" "${form}")
    endif()
  endforeach()
  if(NOT ARG_KIND IN_LIST SHOJI_PLUGIN_KINDS)
    list(JOIN SHOJI_PLUGIN_KINDS ", " kinds)
    _shoji_usage("KIND \"${ARG_KIND}\" is not known; the kinds are ${kinds}" "${form}")
  endif()
  if(NOT ARG_TARGET MATCHES "^[A-Za-z0-9_.-]+$")
    _shoji_usage("TARGET \"${ARG_TARGET}\" is not made of A-Z a-z 0-9 _ . -" "${form}")
  endif()
  if(TARGET ${ARG_TARGET})
    _shoji_usage("there is a target \"${ARG_TARGET}\" already" "another name for TARGET")
  endif()

  add_library(${ARG_TARGET} MODULE ${ARG_SOURCES})
  set_target_properties(${ARG_TARGET} PROPERTIES PREFIX "" SUFFIX ".so"
    OUTPUT_NAME ${ARG_KIND}-${ARG_TARGET}
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON)
  set(cxx ${ARG_SOURCES})
  list(FILTER cxx EXCLUDE REGEX "\\.[cChH]$|\\.hh$|\\.hpp$")
  if(cxx)
    target_link_libraries(${ARG_TARGET} PRIVATE shoji::sdk)
    target_compile_features(${ARG_TARGET} PRIVATE cxx_std_20)
  else()
    target_link_libraries(${ARG_TARGET} PRIVATE shoji::plugin_api)
  endif()
  # Unique symbols keep an object in memory and shared between two copies of it.
  target_compile_options(${ARG_TARGET} PRIVATE
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(${ARG_TARGET} PRIVATE
    -Wl,--version-script=${SHOJI_PLUGIN_VERSION_SCRIPT} -Wl,-z,now -Wl,-z,relro
    -Wl,-z,noexecstack -Wl,--build-id)
  # A sanitizer's runtime stays undefined in a shared object.
  get_directory_property(options COMPILE_OPTIONS)
  if(NOT "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS} ${options}" MATCHES "-fsanitize")
    target_link_options(${ARG_TARGET} PRIVATE -Wl,-z,defs)
  endif()
  set_property(TARGET ${ARG_TARGET} APPEND PROPERTY LINK_DEPENDS ${SHOJI_PLUGIN_VERSION_SCRIPT})
  set_property(TARGET ${ARG_TARGET} PROPERTY SHOJI_PLUGIN_KIND ${ARG_KIND})
endfunction()

function(shoji_plugin_test)
  set(form "shoji_plugin_test(TARGET name [ARGS argument...])")
  cmake_parse_arguments(PARSE_ARGV 0 ARG "" "TARGET" "ARGS")
  if(ARG_UNPARSED_ARGUMENTS OR NOT ARG_TARGET)
    _shoji_usage("TARGET is missing, or there are words too many" "${form}")
  endif()
  if(NOT TARGET ${ARG_TARGET})
    _shoji_usage("there is no target \"${ARG_TARGET}\"" "shoji_add_plugin() before it")
  endif()
  get_target_property(kind ${ARG_TARGET} SHOJI_PLUGIN_KIND)
  if(NOT kind)
    _shoji_usage("target \"${ARG_TARGET}\" was not made by shoji_add_plugin()" "${form}")
  endif()
  if(NOT SHOJI_VALIDATE)
    message(STATUS "shoji-validate is not installed: ${ARG_TARGET} is not validated by ctest; "
                   "set SHOJI_VALIDATE to its path")
    return()
  endif()
  add_test(NAME ${ARG_TARGET}_validate
    COMMAND ${SHOJI_VALIDATE} ${ARG_ARGS} $<TARGET_FILE:${ARG_TARGET}>)
  set_tests_properties(${ARG_TARGET}_validate PROPERTIES TIMEOUT 600)
endfunction()
