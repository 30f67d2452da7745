# Where everything goes on a host.
#
# Programs, manual pages and shared data follow the prefix (GNUInstallDirs). What the daemon reads and writes at fixed
# places of a host, /etc/dmv and the store, stays there whatever the prefix is: design.md, "On the disk".

set(DMV_PRIVATE_LIBEXECDIR ${CMAKE_INSTALL_LIBEXECDIR}/dmv)
set(DMV_CONFDIR "/etc/dmv" CACHE PATH "Settings, streams and trust anchors of a host")
set(DMV_STOREDIR "/usr/lib/dmv/store" CACHE PATH "Installed releases of a host")
# Everything below is searched in PREFIX/lib, never in PREFIX/lib64: systemd.unit(5), depmod.d(5), sysusers.d(5).
set(DMV_UNITDIR "lib/systemd/system" CACHE STRING "systemd units, relative to the prefix")
set(DMV_PRESETDIR "lib/systemd/system-preset" CACHE STRING "systemd presets, relative to the prefix")
set(DMV_CATALOGDIR "lib/systemd/catalog" CACHE STRING "journal message catalogs, relative to the prefix")
set(DMV_TMPFILESDIR "lib/tmpfiles.d" CACHE STRING "tmpfiles.d, relative to the prefix")
set(DMV_DEPMODDIR "lib/depmod.d" CACHE STRING "depmod.d, relative to the prefix")

# ---- programs ----
function(dmv_install_program target folder)
  if(TARGET ${target})
    install(TARGETS ${target} RUNTIME DESTINATION ${folder})
  endif()
endfunction()
foreach(program dmvd dmv-fetch dmv-apply dmv-guest)
  dmv_install_program(${program} ${DMV_PRIVATE_LIBEXECDIR})
endforeach()
dmv_install_program(dmvctl ${CMAKE_INSTALL_BINDIR})
dmv_install_program(dmv-publish ${CMAKE_INSTALL_BINDIR})
dmv_install_program(driver-tool ${CMAKE_INSTALL_SBINDIR})

# ---- interfaces, examples ----
file(GLOB interfaces CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/lib/varlink/io.dmv.*.varlink)
install(FILES ${interfaces} DESTINATION ${CMAKE_INSTALL_DATADIR}/dmv/varlink)
install(FILES data/dmv.conf data/stream.conf DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# ---- completions ----
function(dmv_install_completions shell folder)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/data/completions/*.${shell})
  foreach(file ${files})
    get_filename_component(command ${file} NAME_WE)
    if(shell STREQUAL "bash")
      set(name ${command})
    elseif(shell STREQUAL "zsh")
      set(name _${command})
    else()
      set(name ${command}.${shell})
    endif()
    install(FILES ${file} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder} RENAME ${name})
  endforeach()
endfunction()
dmv_install_completions(bash bash-completion/completions)
dmv_install_completions(zsh zsh/site-functions)
dmv_install_completions(fish fish/vendor_completions.d)

# ---- systemd ----
set(DMV_BINDIR ${CMAKE_INSTALL_FULL_BINDIR})
set(DMV_FULL_LIBEXECDIR ${CMAKE_INSTALL_FULL_LIBEXECDIR}/dmv)
get_filename_component(DMV_STORE_PARENT ${DMV_STOREDIR} DIRECTORY)
file(GLOB units CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/systemd/*.in)
foreach(source ${units})
  get_filename_component(name ${source} NAME)
  string(REGEX REPLACE "\\.in$" "" name ${name})
  configure_file(${source} ${CMAKE_BINARY_DIR}/systemd/${name} @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/systemd/${name} DESTINATION ${DMV_UNITDIR})
endforeach()
install(FILES systemd/90-dmv.preset DESTINATION ${DMV_PRESETDIR})
install(FILES systemd/dmv.tmpfiles DESTINATION ${DMV_TMPFILESDIR} RENAME dmv.conf)
install(FILES data/dmv.catalog DESTINATION ${DMV_CATALOGDIR})

# ---- polkit ----
install(FILES data/polkit-1/actions/io.dmv.policy DESTINATION ${CMAKE_INSTALL_DATADIR}/polkit-1/actions)

# ---- depmod ----
# The template hides the folders of releases that nobody selected. depmod knows "exclude" since kmod 30 and warns about
# the line before that; then dmv reaches the same by overrides.
find_program(DMV_DEPMOD depmod PATHS /usr/sbin /sbin)
set(depmod_exclude ON)
if(DMV_DEPMOD)
  execute_process(COMMAND ${DMV_DEPMOD} --version OUTPUT_VARIABLE said ERROR_QUIET)
  if(said MATCHES "kmod version ([0-9]+)" AND CMAKE_MATCH_1 LESS 30)
    set(depmod_exclude OFF)
  endif()
endif()
option(DMV_DEPMOD_EXCLUDE "depmod of the hosts knows exclude (kmod 30)" ${depmod_exclude})
file(READ ${CMAKE_SOURCE_DIR}/data/depmod.d/00-dmv.conf depmod_text)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/data/depmod.d/00-dmv.conf)
if(NOT DMV_DEPMOD_EXCLUDE)
  string(REGEX REPLACE "\nexclude [^\n]*" "" depmod_text "${depmod_text}")
endif()
file(WRITE ${CMAKE_BINARY_DIR}/generated/00-dmv.conf "${depmod_text}")
install(FILES ${CMAKE_BINARY_DIR}/generated/00-dmv.conf DESTINATION ${DMV_DEPMODDIR})

# ---- empty folders ----
install(DIRECTORY DESTINATION ${DMV_CONFDIR}/dmv.conf.d)
install(DIRECTORY DESTINATION ${DMV_CONFDIR}/streams.d)
install(DIRECTORY DESTINATION ${DMV_CONFDIR}/trust/rpm)
install(DIRECTORY DESTINATION ${DMV_CONFDIR}/trust/modules)
install(DIRECTORY DESTINATION ${DMV_STOREDIR})

# A kernel that comes or goes is looked at before its first boot (kernel-install(8)).
install(PROGRAMS ${CMAKE_SOURCE_DIR}/data/kernel-install/90-dmv.install DESTINATION lib/kernel/install.d)
# Debian's kernel packages do not call that.
foreach(folder postinst.d postrm.d)
  install(PROGRAMS ${CMAKE_SOURCE_DIR}/data/kernel/dmv DESTINATION /etc/kernel/${folder})
endforeach()

# ---- images of early boot ----
# Each tool looks into its own folder only, so that the hooks of the others do no harm.
install(PROGRAMS data/initrd/list-selected DESTINATION ${DMV_PRIVATE_LIBEXECDIR})
function(dmv_install_hook source folder name)
  configure_file(${source} ${CMAKE_BINARY_DIR}/generated/hooks/${name} @ONLY)
  install(PROGRAMS ${CMAKE_BINARY_DIR}/generated/hooks/${name} DESTINATION ${folder})
endfunction()
dmv_install_hook(data/dracut/90dmv/module-setup.sh.in lib/dracut/modules.d/90dmv module-setup.sh)
dmv_install_hook(data/initramfs-tools/dmv.in share/initramfs-tools/hooks dmv)

# ---- health ----
dmv_install_hook(data/health/check-health.in ${DMV_PRIVATE_LIBEXECDIR} check-health)
install(PROGRAMS data/health/dmv-reboot DESTINATION lib/systemd/system-shutdown)
install(DIRECTORY DESTINATION ${DMV_CONFDIR}/health.d)
