# libshoji.so for embedders, and find_package(Shoji). One shared object with our libraries and
# libsodium inside: who links it needs none of them. Debian's static Boost is not made for
# shared objects, so Boost.Program_options is the one library it brings along.
include(CMakePackageConfigHelpers)
add_library(shoji_shared SHARED include/shoji/runtime.h)  # all code is in shoji_core
set_target_properties(shoji_shared PROPERTIES OUTPUT_NAME shoji EXPORT_NAME shoji
  LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
find_library(SHOJI_BOOST_PROGRAM_OPTIONS_SHARED boost_program_options REQUIRED)
# The archive itself and not the target, whose dependency is the static Boost.
target_link_libraries(shoji_shared PRIVATE
  -Wl,--whole-archive $<TARGET_FILE:shoji_core> -Wl,--no-whole-archive
  shoji::elf shoji::minisign shoji::spawn shoji::base ${SHOJI_BOOST_PROGRAM_OPTIONS_SHARED}
  Threads::Threads ${CMAKE_DL_LIBS})
add_dependencies(shoji_shared shoji_core)
set_property(TARGET shoji_shared APPEND PROPERTY LINK_DEPENDS $<TARGET_FILE:shoji_core>)
set(script ${CMAKE_CURRENT_LIST_DIR}/libshoji.map)
target_link_options(shoji_shared PRIVATE -Wl,--version-script=${script} -Wl,-z,now)
if(NOT SHOJI_SANITIZE)
  target_link_options(shoji_shared PRIVATE -Wl,-z,defs)
endif()
set_property(TARGET shoji_shared APPEND PROPERTY LINK_DEPENDS ${script})
target_include_directories(shoji_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(shoji_shared INTERFACE cxx_std_20)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/Shoji)
install(TARGETS shoji_shared EXPORT ShojiTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library
  NAMELINK_COMPONENT library)
install(EXPORT ShojiTargets NAMESPACE shoji:: DESTINATION ${package} COMPONENT library)
install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/include/ ${CMAKE_SOURCE_DIR}/libs/status/include/
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/ShojiConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/ShojiConfig.cmake INSTALL_DESTINATION ${package})
# Before 1.0 every minor version may change the API.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/ShojiConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ShojiConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/ShojiConfigVersion.cmake
  DESTINATION ${package} COMPONENT library)
