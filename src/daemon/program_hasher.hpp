// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "aside.hpp"
#include "linux/program_hash.hpp"
#include "tollgate/engine/event.hpp"

namespace tollgate {

// Completes what was found of flows' owners by the SHA-256 of their programs, while a rule asks for it.
// Files are read aside: what has to be read first is told twice, without it and then with it.
class ProgramHasher {
 public:
  using Answer = std::function<void(const ProcessFound&)>;
  // `later` is for the second answers.
  ProgramHasher(boost::asio::io_context& loop, Answer later);

  void want(bool wanted) { wanted_ = wanted; }
  bool wanted() const { return wanted_; }

  // With the hash, or hash_follows.
  ProcessFound complete(const ProcessFound& found);

  std::uint64_t unknown() const { return unknown_; }  // programs whose hash was not to be had

  static constexpr std::size_t kMostWaiting = 1024;  // programs; past it a hash is not known
  static constexpr std::size_t kMostKnown = 4096;    // when it is full all are forgotten; files stay known

 private:
  void read(const ProcessPointer& process);
  void told(const ProcessPointer& process, const ProcessPointer& hashed);

  boost::asio::io_context& loop_;
  Answer later_;
  bool wanted_ = false;
  std::uint64_t unknown_ = 0;
  std::unordered_map<ProcessPointer, std::vector<FlowRef>> waiting_;
  // By the process that is asked about: the same with its hash, or itself when there is none.
  std::unordered_map<ProcessPointer, ProcessPointer> known_;
  ProgramHashes hashes_;          // the thread's, while there is one
  std::unique_ptr<Aside> aside_;  // begins with the first file; the last to be made, the first to go
};

}  // namespace tollgate
