# SPDX-License-Identifier: GPL-2.0-or-later
# What is installed besides the programs.
set(TOLLGATE_UNIT_DIR "lib/systemd/system" CACHE STRING "Where systemd looks for units, under the prefix")
install(FILES systemd/tollgated.service systemd/tollgate-base.service DESTINATION ${TOLLGATE_UNIT_DIR})
install(FILES systemd/tollgate.sysusers.conf DESTINATION lib/sysusers.d RENAME tollgate.conf)
install(FILES iptables/tollgate.nft iptables/tollgate.v4.rules iptables/tollgate.v6.rules iptables/README.md
  DESTINATION ${CMAKE_INSTALL_DATADIR}/tollgate/rules)
# Examples stay examples: an installation never overwrites a configuration.
install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DATADIR}/tollgate/examples)
