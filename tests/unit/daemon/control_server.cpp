// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/control_server.hpp"

#include <sys/stat.h>

#include <fstream>

#include "catch.hpp"
#include "control_rig.hpp"
#include "tollgate/control/interface.hpp"

using namespace tollgate;
using namespace tollgate::control_rig;
using namespace std::string_literals;

TEST_CASE("control: single calls") {
  Rig rig;
  CHECK(rig.ask(R"({"method":"org.varlink.service.GetInfo"})").parameters.at("version") == "7");
  const VarlinkReply description = rig.ask(
      R"({"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"io.tollgate"}})");
  CHECK(std::string{description.parameters.at("description").as_string()} ==
        interface_description("io.tollgate"));
  CHECK(
      rig.ask(R"({"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"a.b"}})")
          .error == varlink_error::interface_not_found);
  CHECK(rig.ask(R"({"method":"io.tollgate.Status"})").parameters ==
        to_json(rig.service.status()).as_object());
  CHECK(rig.ask(R"({"method":"io.tollgate.Explain","parameters":{"direction":"outbound","protocol":"udp",)"
                R"("source":"10.0.0.1","destination":"10.0.0.2","destination_port":53}})")
            .parameters.at("verdict") == "accept");
}

TEST_CASE("control: a reload tells the policy in force, or why the old one stays") {
  Rig rig;
  CHECK(rig.ask(R"({"method":"io.tollgate.Reload"})").parameters.at("policy").at("generation") == 5);
  rig.service.reload_errors = {{"a.toml", 1, 2, "no"}};
  const VarlinkReply refused = rig.ask(R"({"method":"io.tollgate.Reload"})");
  CHECK(refused.error == varlink_error::policy_refused);
  CHECK(boost::json::serialize(refused.parameters) ==
        R"({"diagnostics":[{"file":"a.toml","line":1,"column":2,"message":"no"}],"omitted":0})");
  CHECK(rig.service.reloads == 2);
}

TEST_CASE("control: while a policy is compiled its asker waits, and nobody else") {
  Rig rig;
  rig.service.slow = true;
  Client asker{rig.path}, other{rig.path};
  std::optional<Client> gone{rig.path};
  asker.call(R"({"method":"io.tollgate.Reload"})");
  asker.call(R"({"method":"org.varlink.service.GetInfo"})");
  gone->call(R"({"method":"io.tollgate.Reload"})");
  other.call(R"({"method":"io.tollgate.Status"})");
  CHECK(other.reply(rig.loop)->parameters.at("version") == "7");
  CHECK_FALSE(asker.reply(rig.loop));
  CHECK(rig.service.reloads == 2);
  gone.reset();
  rig.poll();
  rig.service.finish();
  CHECK(asker.reply(rig.loop)->parameters.at("policy").at("generation") == 5);
  CHECK(asker.reply(rig.loop)->parameters.at("product") == "tollgated");
}

TEST_CASE("control: rules are added and removed") {
  Rig rig;
  const VarlinkReply added = rig.ask(
      R"({"method":"io.tollgate.AddRule","parameters":{"rule":{"name":"n","port":["tcp/80",443],"verdict":"drop"}}})");
  CHECK(boost::json::serialize(added.parameters) ==
        R"({"name":"n","policy":{"generation":5,"rules":0,"loaded":0E0}})");
  REQUIRE(rig.service.added.size() == 1);
  CHECK(rig.service.added[0].fields == "port = [ 'tcp/80', 443 ]\nverdict = 'drop'\n");
  CHECK_FALSE(rig.service.added[0].expires);
  rig.ask(
      R"({"method":"io.tollgate.AddRule","parameters":{"rule":{"name":"m","verdict":"drop"},"for_seconds":3600}})");
  REQUIRE(rig.service.added.size() == 2);
  CHECK(rig.service.added[1].expires);
  CHECK(rig.service.added[1].fields.find("expires = ") != std::string::npos);
  CHECK(rig.ask(R"({"method":"io.tollgate.RemoveRule","parameters":{"name":"n"}})")
            .parameters.at("policy")
            .at("generation") == 5);
  CHECK(rig.service.removed == std::vector<std::string>{"n"});
  rig.service.reload_errors = {{"", 0, 0, "rule.port must be"}};
  CHECK(rig.ask(R"({"method":"io.tollgate.AddRule","parameters":{"rule":{"verdict":"drop"}}})").error ==
        varlink_error::policy_refused);
  CHECK(rig.ask(R"({"method":"io.tollgate.RemoveRule","parameters":{"name":"n"}})").error ==
        varlink_error::policy_refused);
}

TEST_CASE("control: what a filter fits is revoked or killed, and counted over the whole table") {
  Rig rig;
  for (std::uint64_t id = 1; id <= 1000; ++id) rig.service.table.push_back(flow(id));
  VarlinkReply reply =
      rig.ask(R"({"method":"io.tollgate.Kill","parameters":{"filter":{"ids":[3,999,5000]}}})");
  CHECK(reply.error == "");
  CHECK(reply.parameters.at("matched").to_number<int>() == 2);
  CHECK(rig.service.killed == std::vector<std::uint64_t>{3, 999});
  CHECK(rig.service.most_asked < 1000);  // others had their turns
  reply = rig.ask(R"({"method":"io.tollgate.Revoke","parameters":{"all":true}})");
  CHECK(reply.parameters.at("matched").to_number<int>() == 1000);
  CHECK(rig.service.revoked.size() == 1000);
  reply = rig.ask(R"({"method":"io.tollgate.Revoke","parameters":{"filter":{"destination_port":7}}})");
  CHECK(reply.parameters.at("matched").to_number<int>() == 1);
}

TEST_CASE("control: an action goes on to its end when the caller does not wait for it") {
  Rig rig;
  for (std::uint64_t id = 1; id <= 1000; ++id) rig.service.table.push_back(flow(id));
  {
    Client client{rig.path};
    client.call(R"({"method":"io.tollgate.Kill","parameters":{"all":true},"oneway":true})");
    client.finish();
    CHECK(client.closed(rig.loop));
  }
  CHECK(rig.service.killed.size() == 1000);
}

TEST_CASE("control: calls in one piece are answered in order, oneway ones not at all") {
  Rig rig;
  Client client{rig.path};
  client.write(
      "{\"method\":\"io.tollgate.Reload\",\"oneway\":true}\0{\"method\":\"a.b.C\",\"oneway\":true}\0"
      "{\"method\":\"io.tollgate.Nope\"}\0{\"method\":\"org.varlink.service.GetInfo\"}\0"s);
  CHECK(client.reply(rig.loop)->error == varlink_error::method_not_found);
  CHECK(client.reply(rig.loop)->parameters.at("product") == "tollgated");
  CHECK(rig.service.reloads == 1);
}

TEST_CASE("control: a call in single bytes is a call") {
  Rig rig;
  Client client{rig.path};
  for (char byte : "{\"method\":\"io.tollgate.Status\"}\0"s) {
    client.write({&byte, 1});
    rig.poll();
  }
  CHECK(client.reply(rig.loop)->parameters.at("version") == "7");
}

TEST_CASE("control: who has closed their sending side still gets the answer, then the end") {
  Rig rig;
  rig.service.table = {flow(1), flow(2)};
  Client client{rig.path};
  client.call(R"({"method":"io.tollgate.ListFlows","more":true})");
  client.finish();
  CHECK(client.reply(rig.loop)->continues);
  CHECK_FALSE(client.reply(rig.loop)->continues);
  CHECK(client.closed(rig.loop));
  CHECK(rig.server->clients() == 0);
}

TEST_CASE("control: flows are listed one a reply, the last without continues") {
  Rig rig;
  const char* all = R"({"method":"io.tollgate.ListFlows","more":true})";
  CHECK(boost::json::serialize(rig.ask(all).parameters) == "{}");

  for (std::uint64_t id = 1; id <= 1000; ++id) rig.service.table.push_back(flow(id));
  Client client{rig.path};
  client.call(all);
  client.call(R"({"method":"io.tollgate.Status"})");
  for (std::uint64_t id = 1; id <= 1000; ++id) {
    const auto reply = client.reply(rig.loop);
    REQUIRE(reply);
    REQUIRE(reply->parameters.at("flow").at("id").to_number<std::uint64_t>() == id);
    REQUIRE(reply->continues == (id < 1000));
  }
  CHECK(client.reply(rig.loop)->parameters.at("version") == "7");
  CHECK(rig.service.most_asked <= 256);

  const VarlinkReply one =
      rig.ask(R"({"method":"io.tollgate.ListFlows","more":true,"parameters":{"filter":{"port":77}}})");
  CHECK(one.parameters.at("flow").at("id") == 77);
  CHECK_FALSE(one.continues);
}

TEST_CASE("control: who holds the flows' sockets is told when it is asked for, once it is known") {
  Rig rig;
  rig.service.table = {flow(1), flow(2)};
  for (std::uint32_t pid = 1; pid <= kMostHolders + 3; ++pid) rig.service.census->add(2, {pid, 0, pid});
  rig.service.census->finish();
  rig.service.slow = true;
  Client client{rig.path};
  client.call(R"({"method":"io.tollgate.ListFlows","more":true,"parameters":{"holders":true}})");
  client.call(R"({"method":"io.tollgate.ListFlows","more":true,"parameters":{"holders":false}})");
  CHECK_FALSE(client.reply(rig.loop));
  rig.service.finish();
  const auto first = client.reply(rig.loop), second = client.reply(rig.loop);
  REQUIRE(second);
  CHECK(first->parameters.at("flow").at("holders").as_array().empty());
  CHECK(second->parameters.at("flow").at("holders").as_array().size() == kMostHolders);
  CHECK(second->parameters.at("flow").at("holders").as_array().front().at("pid") == 1);
  CHECK(second->parameters.at("flow").at("holders_omitted") == 3);
  CHECK(client.reply(rig.loop)->parameters.at("flow").at("holders").is_null());
}

TEST_CASE("control: a big list waits for a slow reader instead of piling up") {
  Rig rig;
  for (std::uint64_t id = 1; id <= 20'000; ++id) rig.service.table.push_back(flow(id));
  Client client{rig.path};
  client.call(R"({"method":"io.tollgate.ListFlows","more":true})");
  for (int turn = 0; turn < 1000; ++turn) rig.poll();
  CHECK(rig.service.shown < 10'000);
  std::uint64_t last = 0;
  while (const auto reply = client.reply(rig.loop)) {
    last = reply->parameters.at("flow").at("id").to_number<std::uint64_t>();
    if (!reply->continues) break;
  }
  CHECK(last == 20'000);
}

TEST_CASE("control: rules are listed one a reply") {
  Rig rig;
  CHECK(boost::json::serialize(rig.ask(R"({"method":"io.tollgate.GetRules","more":true})").parameters) ==
        "{}");
  for (std::uint32_t i = 0; i < 600; ++i) {
    Rule rule;
    rule.name = "r" + std::to_string(i);
    rule.file = "a.toml";
    rule.line = i;
    rule.verdict = Verdict::permanent_block;
    rig.service.rules->all.push_back(rule);
  }
  Client client{rig.path};
  client.call(R"({"method":"io.tollgate.GetRules","more":true})");
  for (std::uint32_t i = 0; i < 600; ++i) {
    const auto reply = client.reply(rig.loop);
    REQUIRE(reply);
    REQUIRE(reply->parameters.at("rule").at("line").to_number<std::uint32_t>() == i);
    REQUIRE(reply->parameters.at("rule").at("hits").to_number<std::uint32_t>() == 2 * i);
    REQUIRE(reply->continues == (i < 599));
  }
}

TEST_CASE("control: a watcher sees what is there, then what changes, as long as it stays") {
  Rig rig;
  rig.service.table = {flow(1), flow(2)};
  {
    Client client{rig.path};
    client.call(
        R"({"method":"io.tollgate.WatchFlows","more":true,"parameters":{"filter":{"protocol":"tcp"}}})");
    CHECK(client.reply(rig.loop)->parameters.at("change") == "present");
    CHECK(client.reply(rig.loop)->parameters.at("flow").at("id") == 2);
    CHECK(client.reply(rig.loop)->parameters.at("change") == "listed");
    CHECK(rig.service.watched == std::vector<bool>{true});

    FlowEntry other = flow(3);
    other.protocol = "udp";
    rig.server->publish({"opened", other});
    rig.server->publish({"opened", flow(4)});
    const auto reply = client.reply(rig.loop);
    CHECK(reply->parameters.at("change") == "opened");
    CHECK(reply->parameters.at("flow").at("id") == 4);
    CHECK(reply->continues);
  }
  rig.poll();
  CHECK(rig.service.watched == std::vector<bool>{true, false});
  CHECK(rig.server->clients() == 0);
  rig.server->publish({"opened", flow(5)});
}

TEST_CASE("control: an idle watcher costs no turn of the loop") {
  Rig rig;
  Client client{rig.path};
  client.call(R"({"method":"io.tollgate.WatchFlows","more":true})");
  CHECK(client.reply(rig.loop)->parameters.at("change") == "listed");
  rig.poll();
  rig.loop.restart();
  CHECK(rig.loop.poll() == 0);
}

TEST_CASE("control: a watcher that does not read is dropped, others stay") {
  Rig rig;
  Client stuck{rig.path};
  Client awake{rig.path};
  for (Client* client : {&stuck, &awake}) {
    client->call(R"({"method":"io.tollgate.WatchFlows","more":true})");
    CHECK(client->reply(rig.loop)->parameters.at("change") == "listed");
  }
  std::uint64_t published = 0;
  while (rig.server->counters().dropped == 0 && published < 20'000) {
    rig.server->publish({"opened", flow(++published)});
    const auto seen = awake.reply(rig.loop);
    REQUIRE(seen);
    REQUIRE(seen->parameters.at("flow").at("id").to_number<std::uint64_t>() == published);
  }
  CHECK(rig.server->counters().dropped == 1);
  CHECK(rig.server->clients() == 1);
  CHECK(stuck.closed(rig.loop));
  CHECK(rig.service.watched == std::vector<bool>{true});
}

TEST_CASE("control: what is no call ends the connection and counts") {
  Rig rig;
  const std::string bad[] = {"nonsense\0"s, "{}\0"s, "{\"method\":\"a.b.C\",\"x\":1}\0"s, "\0"s};
  for (const std::string& bytes : bad) {
    Client client{rig.path};
    client.write(bytes);
    CHECK(client.closed(rig.loop));
  }
  CHECK(rig.server->counters().malformed == 4);

  Client endless{rig.path};
  const std::string chunk(65536, 'x');
  std::size_t sent = 0;
  while (rig.server->counters().malformed == 4 && sent < (4U << 20)) {
    sent += endless.write(chunk);
    rig.poll();
  }
  CHECK(rig.server->counters().malformed == 5);
  CHECK(sent >= kMaxMessage);
  CHECK(endless.closed(rig.loop));
}

TEST_CASE("control: what is sent while the connection is busy is bounded") {
  Rig rig;
  Client client{rig.path};
  client.call(R"({"method":"io.tollgate.WatchFlows","more":true})");
  CHECK(client.reply(rig.loop)->parameters.at("change") == "listed");
  std::string calls;
  while (calls.size() < 65536) calls += "{\"method\":\"io.tollgate.Status\"}\0"s;
  std::size_t sent = 0;
  while (rig.server->clients() == 1 && sent < (4U << 20)) {
    sent += client.write(calls);
    rig.poll();
  }
  CHECK(rig.server->clients() == 0);
  CHECK(sent >= kMaxMessage);
}

TEST_CASE("control: a client too many is sent away, and there is room again when one leaves") {
  Rig rig;
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < ControlServer::kMaxClients; ++i) {
    clients.push_back(std::make_unique<Client>(rig.path));
    rig.poll();
  }
  CHECK(rig.server->clients() == ControlServer::kMaxClients);
  Client late{rig.path};
  CHECK(late.closed(rig.loop));
  CHECK(rig.server->counters().refused == 1);
  clients.pop_back();
  rig.poll();
  CHECK(rig.ask(R"({"method":"io.tollgate.Status"})").error == "");
}

TEST_CASE("control: the end of the server is the end of its connections") {
  Rig rig;
  rig.service.table = {flow(1)};
  Client watcher{rig.path};
  Client lister{rig.path};
  watcher.call(R"({"method":"io.tollgate.WatchFlows","more":true})");
  CHECK(watcher.reply(rig.loop));
  lister.call(R"({"method":"io.tollgate.ListFlows","more":true})");
  rig.server.reset();
  CHECK(watcher.closed(rig.loop));
  CHECK(lister.closed(rig.loop));
  CHECK(rig.service.watched == std::vector<bool>{true, false});
  struct stat found {};
  CHECK(lstat(rig.path.c_str(), &found) != 0);
}

namespace {

std::string refusal(boost::asio::io_context& loop, Service& service, const std::string& path) {
  try {
    const ControlServer server{loop, {path, "", "7"}, service};
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("control: the socket file") {
  Directory directory;
  boost::asio::io_context loop;
  Service service;
  const std::string path = directory.path("run/sock");
  const std::string place = "control socket " + path + ": ";
  struct stat found {};

  SECTION("everybody may connect, and a missing directory is made") {
    const ControlServer server{loop, {path, "", "7"}, service};
    REQUIRE(lstat(path.c_str(), &found) == 0);
    CHECK(S_ISSOCK(found.st_mode));
    CHECK((found.st_mode & 07777) == 0666);
  }
  SECTION("what a dead daemon left is replaced") {
    mkdir(directory.path("run").c_str(), 0755);
    {
      boost::asio::local::stream_protocol::acceptor dead{loop,
                                                         boost::asio::local::stream_protocol::endpoint{path}};
    }
    REQUIRE(lstat(path.c_str(), &found) == 0);
    CHECK(refusal(loop, service, path) == "");
  }
  SECTION("a living daemon's is not") {
    const ControlServer server{loop, {path, "", "7"}, service};
    CHECK(refusal(loop, service, path) ==
          place + "another daemon answers there; stop it first or set another `socket`");
    CHECK(Client{path}.connected());
  }
  SECTION("nor is a file of somebody's") {
    mkdir(directory.path("run").c_str(), 0755);
    std::ofstream{path} << "precious";
    CHECK(refusal(loop, service, path) ==
          place + "there is something else; move it away or set another `socket`");
    CHECK(lstat(path.c_str(), &found) == 0);
  }
  SECTION("a path that is too long says so") {
    const std::string longer = directory.path(std::string(120, 'x'));
    CHECK(refusal(loop, service, longer) ==
          "control socket " + longer + ": the path is longer than 107 bytes, set a shorter `socket`");
  }
  SECTION("a socket that has become somebody else's is left alone at the end") {
    {
      const ControlServer server{loop, {path, "", "7"}, service};
      std::filesystem::remove(path);
      std::ofstream{path} << "other";
    }
    CHECK(lstat(path.c_str(), &found) == 0);
  }
}
