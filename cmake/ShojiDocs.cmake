# Manual pages and shell completion: made by the program itself when it is built, from the
# registries of commands and options. Included when all plugins are known.

set(docs_dir ${CMAKE_BINARY_DIR}/share)
set(bash_file ${docs_dir}/bash-completion/completions/shoji)
set(zsh_file ${docs_dir}/zsh/vendor-completions/_shoji)
set(fish_file ${docs_dir}/fish/vendor_completions.d/shoji.fish)
set(man_stamp ${docs_dir}/man/made)
get_property(docs_plugins GLOBAL PROPERTY SHOJI_PLUGINS)

foreach(shell bash zsh fish)
  get_filename_component(dir ${${shell}_file} DIRECTORY)
  file(MAKE_DIRECTORY ${dir})
  add_custom_command(OUTPUT ${${shell}_file}
    COMMAND shoji completion ${shell} > ${${shell}_file}
    DEPENDS shoji VERBATIM)
endforeach()

# Pages of commands that are gone must not stay.
add_custom_command(OUTPUT ${man_stamp}
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${docs_dir}/man
  COMMAND shoji --plugins.path=${SHOJI_PLUGIN_DIR} __manual ${docs_dir}/man/man1
  COMMAND ${CMAKE_COMMAND} -E make_directory ${docs_dir}/man/man5
  COMMAND ${CMAKE_COMMAND} -E rename ${docs_dir}/man/man1/shoji.toml.5
          ${docs_dir}/man/man5/shoji.toml.5
  COMMAND ${CMAKE_COMMAND} -E touch ${man_stamp}
  DEPENDS shoji ${docs_plugins} VERBATIM)

add_custom_target(shoji-docs ALL DEPENDS ${bash_file} ${zsh_file} ${fish_file} ${man_stamp})

install(FILES ${bash_file} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${zsh_file} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${fish_file} DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(DIRECTORY ${docs_dir}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}
  FILES_MATCHING PATTERN "*.[15]")
