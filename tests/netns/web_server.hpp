// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "scene.hpp"

// nginx and curl.
namespace tollgate::test {

inline std::string bracketed(const std::string& address) {
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

// Waits until somebody listens there, both families.
inline void wait_for_listener(const NetworkNamespace& where, Process& server,
                              const std::vector<Endpoint>& places) {
  const Inside inside{where};
  for (const Endpoint& place : places) {
    wait_until("the server's start", [&] {
      if (!server.running()) throw std::runtime_error{"it ended: " + server.output() + server.errors()};
      const Socket probe = begin(Transport::tcp, place);
      return finish_connect(probe) == 0;
    });
  }
}

// A web server that has a megabyte to give.
struct WebServer {
  WebServer(const NetworkNamespace& where, const Addresses& at) : process{start(where, at)} {
    wait_for_listener(where, process, {{at.v4, 80}, {at.v6, 80}});
  }
  Process start(const NetworkNamespace& where, const Addresses& at) const {
    files.write("www/small", "it works\n");
    files.write("www/large", std::string(1 << 20, 'x'));
    // Hours of it: what is under way stays under way until somebody ends it.
    files.write("www/slow", std::string(64 << 20, 'x'));
    const std::string config = files.write(
        "nginx.conf", "daemon off; master_process off; user root; pid " + files.path() +
                          "/pid; error_log stderr; events {} http { access_log off; client_body_temp_path " +
                          files.path() + "; proxy_temp_path " + files.path() + "; fastcgi_temp_path " +
                          files.path() + "; uwsgi_temp_path " + files.path() + "; scgi_temp_path " +
                          files.path() + "; server { listen " + at.v4 + ":80; listen [" + at.v6 +
                          "]:80; root " + files.path() + "/www; location = /slow { limit_rate 16k; } } }");
    return in(where, [&] { return Process{{"nginx", "-p", files.path(), "-e", "stderr", "-c", config}}; });
  }
  TemporaryDirectory files;
  Process process;
};

inline Finished curl(const NetworkNamespace& from, const std::string& address, const std::string& page) {
  return in(from, [&] {
    return run({"curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "100", "--globoff",
                "http://" + bracketed(address) + "/" + page});
  });
}

}  // namespace tollgate::test
