# shoji_sdk_plugin(TARGET KIND SOURCES...)
# A shared object that exports nothing but shoji_plugin_open_v1, binds at once and leaves no
# symbol undefined. It is called KIND-TARGET.so; link shoji::plugin_api (C) or shoji::sdk (C++).
set(SHOJI_SDK_VERSION_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/plugin.map)

function(shoji_sdk_plugin target kind)
  add_library(${target} MODULE ${ARGN})
  set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${kind}-${target}
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(${target} PRIVATE -Wl,--version-script=${SHOJI_SDK_VERSION_SCRIPT}
    -Wl,-z,now)
  # A sanitizer's runtime stays undefined in a shared object.
  if(NOT SHOJI_SANITIZE)
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${SHOJI_SDK_VERSION_SCRIPT})
endfunction()
