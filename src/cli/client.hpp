// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>

#include "tollgate/control/varlink.hpp"

namespace tollgate::cli {

// One connection to the daemon. Blocks; throws Failure when the daemon cannot be reached, goes away
// or does not permit what is asked.
class Client {
 public:
  explicit Client(const std::string& socket_path);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Errors of the standard become Failures; others are the caller's.
  VarlinkReply call(const std::string& method, boost::json::object parameters = {});
  // Calls with "more"; `each` sees every reply that has parameters.
  void stream(const std::string& method, boost::json::object parameters,
              const std::function<void(const boost::json::object&)>& each);

 private:
  void send(const VarlinkCall& call);
  VarlinkReply receive();
  void check(const std::string& method, const VarlinkReply& reply) const;

  std::string path_;
  int fd_ = -1;
  VarlinkFramer framer_;
};

}  // namespace tollgate::cli
