// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tollgate/control/varlink.hpp"
#include "traffic.hpp"

namespace tollgate::test {

// A client of the control socket, to spare a program start for each question. Connects with the
// calling thread's user; throws when nobody is there.
class ControlClient {
 public:
  explicit ControlClient(const std::string& path);
  // All replies; the last may be an error. `more`: the method answers with several.
  std::vector<VarlinkReply> call(std::string_view method, boost::json::object parameters = {},
                                 bool more = false);
  // Begins a call whose replies are read one by one.
  void send(std::string_view method, boost::json::object parameters, bool more);
  VarlinkReply next();

 private:
  Socket socket_;
  VarlinkFramer framer_;
};

}  // namespace tollgate::test
