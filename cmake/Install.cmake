# SPDX-License-Identifier: GPL-2.0-or-later
# What is installed besides the programs.
set(TOLLGATE_UNIT_DIR "lib/systemd/system" CACHE STRING "Where systemd looks for units, under the prefix")
install(FILES systemd/tollgated.service systemd/tollgate-base.service DESTINATION ${TOLLGATE_UNIT_DIR})
install(FILES systemd/tollgate.sysusers.conf DESTINATION lib/sysusers.d RENAME tollgate.conf)
install(FILES iptables/tollgate.nft iptables/tollgate.v4.rules iptables/tollgate.v6.rules iptables/README.md
  DESTINATION ${CMAKE_INSTALL_DATADIR}/tollgate/rules)
# Examples stay examples: an installation never overwrites a configuration.
install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DATADIR}/tollgate/examples)
install(FILES docs/man/tollgate.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/man/tollgate.toml.5 docs/man/tollgate-policy.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES docs/man/tollgated.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES scripts/completion/tollgate.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
  RENAME tollgate)
install(FILES scripts/completion/_tollgate DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES scripts/completion/tollgate.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
