// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/system_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aside.hpp"
#include "tollgate/config/config.hpp"
#include "tollgate/engine/event.hpp"
#include "tollgate/policy/added_rules.hpp"

namespace tollgate {

// The policy in force and how it becomes another one: files that are read anew, rules that are added and
// removed, rules that expire. Each new one is read, compiled and (when it has other added rules) put on
// disk aside, while the loop goes on with the old one; then it is swapped whole or refused whole. One
// change at a time, in the order of asking.
class LivePolicy {
 public:
  // What came of a change: nothing, or why all stays as it was.
  using Done = std::function<void(const Diagnostics& why)>;
  struct Swap {
    PolicyReplaced replaced;
    std::string what;                            // for the log; "" when the files were read
    std::optional<std::set<std::string>> lists;  // that the files speak of, when they were read
    bool config_differs = false;                 // the configuration's file says otherwise by now
    std::string not_saved;                       // why the added rules are not on disk
  };

  // `swap` puts a policy in force. The timers of rules begin to run.
  LivePolicy(boost::asio::io_context& loop, std::string config_path, const Config& config,
             PolicyPointer policy, AddedRules added, std::function<void(const Swap&)> swap);

  // Whoever asks before the last asked-for reading has begun shares it.
  void reload(Done done);
  // A rule without a name gets one. `told` hears the name, or why it is refused.
  void add(AddedRule rule, std::function<void(const Result<std::string, Diagnostics>&)> told);
  // Of those that were added.
  void remove(const std::string& name, Done done);

  const AddedRules& added() const { return added_; }

 private:
  // What somebody wants of the policy.
  struct Request {
    Cause cause = Cause::policy;  // policy: the files are read
    // Changes the added rules when its turn has come, and says what it did for the log; or why not.
    std::function<Diagnostics(AddedRules& added, std::string& what)> change;
    std::vector<Done> done;
  };
  struct Work;

  void request(Request request);
  void next();
  void finish(const Request& request, Work& work);
  static void tell(const Request& request, const Diagnostics& why);
  void watch_expiry();

  const std::string config_path_;
  const Config config_;
  const std::string file_;  // of the added rules
  PolicyPointer policy_;
  AddedRules added_;
  std::function<void(const Swap&)> swap_;
  boost::asio::system_timer expiry_;
  std::deque<Request> waiting_;  // callers of the control socket and of signals, each for one
  bool busy_ = false;
  Aside aside_;  // the last: it may be at work for the others
};

}  // namespace tollgate
