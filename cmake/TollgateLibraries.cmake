# SPDX-License-Identifier: GPL-2.0-or-later
# The libraries of others, each behind one target. Headers of others are system headers: their
# warnings are not ours.

find_package(PkgConfig REQUIRED)
find_package(Boost 1.81 REQUIRED)
pkg_check_modules(MNL REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(NFNETLINK REQUIRED IMPORTED_TARGET libnfnetlink)
pkg_check_modules(NETFILTER_QUEUE REQUIRED IMPORTED_TARGET libnetfilter_queue)
pkg_check_modules(NETFILTER_CONNTRACK REQUIRED IMPORTED_TARGET libnetfilter_conntrack)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(CAP REQUIRED IMPORTED_TARGET libcap)
pkg_check_modules(BPF REQUIRED IMPORTED_TARGET libbpf>=0.8)
pkg_check_modules(PCAP REQUIRED IMPORTED_TARGET libpcap)
pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET tomlplusplus)
find_package(CLI11 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(MAXMINDDB REQUIRED IMPORTED_TARGET libmaxminddb)
pkg_check_modules(IDN2 REQUIRED IMPORTED_TARGET libidn2)
pkg_check_modules(PSL REQUIRED IMPORTED_TARGET libpsl)
# Its headers only: the library is loaded by the daemon that has use for it. (Its .pc file wants the headers of
# everything that it is made of.)
find_path(UNBOUND_INCLUDE_DIR unbound-event.h REQUIRED)
find_package(Threads REQUIRED)

add_library(tollgate_boost INTERFACE)
target_include_directories(tollgate_boost SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_compile_definitions(tollgate_boost INTERFACE BOOST_ALL_NO_LIB BOOST_ASIO_DISABLE_THREADS
  BOOST_ASIO_NO_DEPRECATED)
target_link_libraries(tollgate_boost INTERFACE Threads::Threads)

# Boost.JSON is compiled once here (boost/json/src.hpp), whichever Boost is installed.
file(WRITE ${CMAKE_BINARY_DIR}/generated/boost_json.cpp "#include <boost/json/src.hpp>\n")
add_library(tollgate_json STATIC ${CMAKE_BINARY_DIR}/generated/boost_json.cpp)
target_include_directories(tollgate_json SYSTEM PUBLIC ${Boost_INCLUDE_DIRS})
target_compile_definitions(tollgate_json PUBLIC BOOST_JSON_NO_LIB BOOST_CONTAINER_NO_LIB)
if(TOLLGATE_SANITIZE)
  target_compile_options(tollgate_json PRIVATE -fsanitize=${TOLLGATE_SANITIZE} -fno-sanitize-recover=all)
endif()
