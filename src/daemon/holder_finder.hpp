// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "aside.hpp"
#include "linux/attribution.hpp"
#include "tollgate/process/socket_census.hpp"

namespace tollgate {

// Takes a census of the sockets' holders when somebody asks for one. Aside: packets do not wait for it.
class HolderFinder {
 public:
  using Answer = std::function<void(const CensusPointer&)>;
  // `attribution` must outlive it.
  HolderFinder(boost::asio::io_context& loop, const Attribution& attribution)
      : loop_{loop}, attribution_{attribution} {}

  // `done` is called later, once. The census begins after this call: all who ask while one is under way
  // share the next.
  void take_census(Answer done);

 private:
  void begin();
  void taken(const CensusPointer& census);

  boost::asio::io_context& loop_;
  const Attribution& attribution_;
  std::vector<Answer> served_, waiting_;  // by the census under way; by the next
  std::unique_ptr<Aside> aside_;  // begins with the first census; the last to be made, the first to go
};

}  // namespace tollgate
