// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/control_peer.hpp"

#include <grp.h>
#include <sys/types.h>
#include <unistd.h>

#include "catch.hpp"
#include "control_rig.hpp"

using namespace tollgate;
using namespace tollgate::control_rig;

TEST_CASE("control: who may ask everything") {
  const std::optional<gid_t> group = 50;
  CHECK(access_of({0, 0, {}}, 100, group) == Access::everything);
  CHECK(access_of({100, 100, {}}, 100, group) == Access::everything);
  CHECK(access_of({1000, 50, {}}, 100, group) == Access::everything);
  CHECK(access_of({1000, 1000, {4, 50}}, 100, group) == Access::everything);
  CHECK(access_of({1000, 1000, {4, 51}}, 100, group) == Access::own_flows);
  CHECK(access_of({1000, 0, {0}}, 100, group) == Access::own_flows);
  CHECK(access_of({1000, 50, {50}}, 100, std::nullopt) == Access::own_flows);
}

TEST_CASE("control: groups by name") {
  CHECK(group_named("root") == std::optional<gid_t>{0});
  CHECK_FALSE(group_named(""));
  CHECK_FALSE(group_named("no-such-group-here"));
}

namespace {

// Another user for as long as it lives: SO_PEERCRED is what connect() finds.
class Disguise {
 public:
  Disguise(uid_t uid, gid_t gid, const std::vector<gid_t>& groups) {
    before_.resize(static_cast<std::size_t>(getgroups(0, nullptr)));
    before_.resize(static_cast<std::size_t>(getgroups(static_cast<int>(before_.size()), before_.data())));
    worn_ = setgroups(groups.size(), groups.data()) == 0 && setegid(gid) == 0 && seteuid(uid) == 0;
  }
  ~Disguise() {
    const bool back = seteuid(0) == 0 && setegid(0) == 0 && setgroups(before_.size(), before_.data()) == 0;
    if (!back) std::abort();  // no test may go on as somebody else
  }
  Disguise(const Disguise&) = delete;
  Disguise& operator=(const Disguise&) = delete;
  bool worn() const { return worn_; }

 private:
  std::vector<gid_t> before_;
  bool worn_ = false;
};

std::unique_ptr<Client> connect_as(const std::string& path, uid_t uid, gid_t gid,
                                   const std::vector<gid_t>& groups) {
  const Disguise disguise{uid, gid, groups};
  if (!disguise.worn()) return nullptr;
  return std::make_unique<Client>(path);
}

bool cannot_disguise() {
  if (geteuid() == 0) return false;
  WARN("skipped: becoming another user needs root");
  return true;
}

constexpr uid_t kSomebody = 54321;

}  // namespace

TEST_CASE("control: others see the flows that are theirs, and may ask nothing else") {
  if (cannot_disguise()) return;
  Rig rig{"daemon"};  // a group that every Debian has; the daemon's real one need not exist
  rig.service.table = {flow(1, 0), flow(2, kSomebody), flow(3), flow(4, kSomebody + 1)};
  const auto client = connect_as(rig.path, kSomebody, kSomebody, {kSomebody});
  REQUIRE(client);
  REQUIRE(client->connected());
  for (const char* method : {"Status", "Reload", "Explain", "GetRules"}) {
    client->call(std::string{R"({"more":true,"method":"io.tollgate.)"} + method + "\"}");
    CHECK(client->reply(rig.loop)->error == varlink_error::permission_denied);
  }
  CHECK(rig.service.reloads == 0);
  client->call(R"({"method":"io.tollgate.ListFlows","more":true})");
  const auto only = client->reply(rig.loop);
  CHECK(only->parameters.at("flow").at("id") == 2);
  CHECK_FALSE(only->continues);

  client->call(R"({"method":"io.tollgate.WatchFlows","more":true})");
  CHECK(client->reply(rig.loop)->parameters.at("flow").at("id") == 2);
  CHECK(client->reply(rig.loop)->parameters.at("change") == "listed");
  rig.server->publish({"opened", flow(5)});
  rig.server->publish({"opened", flow(6, 0)});
  rig.server->publish({"opened", flow(7, kSomebody)});
  CHECK(client->reply(rig.loop)->parameters.at("flow").at("id") == 7);
}

TEST_CASE("control: members of the group may ask everything, by primary or supplementary group") {
  if (cannot_disguise()) return;
  const std::optional<gid_t> group = group_named("daemon");
  REQUIRE(group);
  Rig rig{"daemon"};
  const char* status = R"({"method":"io.tollgate.Status"})";
  std::vector<gid_t> many;
  for (gid_t extra = 60000; extra < 60200; ++extra) many.push_back(extra);
  many.push_back(*group);
  for (const auto& client :
       {connect_as(rig.path, kSomebody, *group, {}), connect_as(rig.path, kSomebody, kSomebody, {*group}),
        connect_as(rig.path, kSomebody, kSomebody, many)}) {
    REQUIRE(client);
    client->call(status);
    CHECK(client->reply(rig.loop)->error == "");
  }
  Rig nobodys;
  const auto client = connect_as(nobodys.path, kSomebody, *group, {*group});
  REQUIRE(client);
  client->call(status);
  CHECK(client->reply(nobodys.loop)->error == varlink_error::permission_denied);
}

TEST_CASE("control: others cannot take all the places") {
  if (cannot_disguise()) return;
  Rig rig;
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < ControlServer::kMaxOthers + 3; ++i) {
    clients.push_back(connect_as(rig.path, kSomebody, kSomebody, {}));
    rig.poll();
  }
  CHECK(rig.server->clients() == ControlServer::kMaxOthers);
  CHECK(rig.server->counters().refused == 3);
  CHECK(rig.ask(R"({"method":"io.tollgate.Status"})").error == "");
}
