// SPDX-License-Identifier: GPL-2.0-or-later
// What people run, made as it really looks: scripts of several languages, Flatpaks, snaps, AppImages, and
// programs in containers. With eBPF and without.
#include <filesystem>
#include <functional>

#include "control_group.hpp"
#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

const std::array<std::string, 2> kLookups = {"auto", "proc"};
constexpr std::uint16_t kClosed = 7003;  // nobody listens there

DaemonFiles files(const std::string& policy, const std::string& lookup) {
  return {policy, "", "[process]\nlookup = \"" + lookup + "\"\ndeadline = \"30s\"\n"};
}

std::string path_of(const std::string& program) {
  return std::filesystem::canonical(find_program(program).value()).string();
}

std::string only(const std::string& fields) {
  return "[default]\noutbound = \"permanent-block\"\ninbound = \"permanent-accept\"\n" +
         rule("these", "permanent-accept", fields);
}

// What the only flow to the peer says of its program; the rule has let it pass.
ProcessEntry passed(const Scene& scene, std::uint16_t port = kClosed) {
  const FlowEntry flow = scene.daemon.flow_to(port);
  INFO(flow.process_unknown);
  REQUIRE(flow.process);
  INFO(flow.process->path << ", script " << flow.process->script << ", cgroup " << flow.process->cgroup);
  CHECK(flow.rule == "these");
  return *flow.process;
}

std::string shell(const std::string& lines) { return "set -e\n" + lines; }

Finished on_host(const Scene& scene, const std::string& lines) {
  return in(scene.net.host, [&] { return run({"sh", "-c", shell(lines)}); });
}

const std::string kConnect = "exec 3<>/dev/tcp/" + kPeer.v4 + "/" + std::to_string(kClosed);

// These are large: where they are not installed, the others have to do.
void add_node_and_java(const TemporaryDirectory& folder,
                       std::vector<std::pair<std::string, std::string>>& runs) {
  const std::string port = std::to_string(kClosed);
  if (find_program("node")) {
    const std::string script = folder.write(
        "go.js", "require('net').connect(" + port + ", '" + kPeer.v4 + "').on('error', () => {});\n");
    runs.emplace_back(script, "node " + script);
  }
  if (find_program("java") && find_program("javac") && find_program("jar")) {
    folder.write("Go.java",
                 "class Go { public static void main(String[] a) throws Exception { "
                 "try { new java.net.Socket(\"" +
                     kPeer.v4 + "\", " + port + "); } catch (java.io.IOException e) {} } }\n");
    must_run({"sh", "-c", "cd " + folder.path() + " && javac Go.java && jar cfe go.jar Go Go.class"});
    runs.emplace_back(folder.path() + "/go.jar", "java -Xmx64m -jar " + folder.path() + "/go.jar");
  }
}

}  // namespace

TEST_CASE("a rule by script goes by what the interpreter runs, in every language") {
  TOLLGATE_NEEDS("bash", "python3", "perl");
  const TemporaryDirectory folder;
  const std::string to = "'" + kPeer.v4 + "', " + std::to_string(kClosed);
  const std::string bash = folder.write("go.sh", "#!/bin/bash\n" + kConnect + "\n");
  const std::string python = folder.write(
      "go.py", "#!/usr/bin/env python3\nimport socket\nsocket.create_connection((" + to + "))\n");
  const std::string perl =
      folder.write("go.pl", "use IO::Socket::INET;\nIO::Socket::INET->new(PeerAddr => '" + kPeer.v4 +
                                "', PeerPort => " + std::to_string(kClosed) + ");\n");
  must_run({"chmod", "+x", bash, python});
  std::vector<std::pair<std::string, std::string>> runs = {
      {bash, bash},
      {bash, "bash -euo pipefail " + bash},
      {bash, "cd " + folder.path() + "; exec bash ./go.sh"},
      {python, python},
      {python, "python3 -u " + python},
      {perl, "perl -w " + perl},
  };
  add_node_and_java(folder, runs);
  for (const std::string& lookup : kLookups) {
    for (const auto& [script, command] : runs) {
      INFO(lookup << ' ' << command);
      const Scene scene{files(only("script = \"" + script + "\""), lookup)};
      on_host(scene, command);
      CHECK(passed(scene).script == script);
    }
  }
}

TEST_CASE("Flatpaks, snaps and AppImages go by their own names") {
  TOLLGATE_NEEDS("bash");
  const auto root = group_root();
  if (!root) {
    WARN("skipped: no cgroup v2 hierarchy here");
    return;
  }
  const TemporaryDirectory folder;
  const std::string mount = "/tmp/.mount_" + folder.path().substr(folder.path().size() - 6) + "abcdef";
  struct Case {
    std::string group, program, app;
  };
  const std::string user = "user.slice/user-1000.slice/user@1000.service/app.slice/";
  const std::vector<Case> cases = {
      {user + "app-flatpak-org.mozilla.firefox-4711.scope", folder.path() + "/app/lib/firefox/firefox",
       "flatpak:org.mozilla.firefox"},
      {user + "snap.firefox.firefox-3ff7d1b3-0f39-4b67-9bd2-3d2b5a1f6a1e.scope",
       folder.path() + "/usr/bin/python3", "snap:firefox"},
      {"system.slice/snap.lxd.daemon.service", folder.path() + "/bin/lxd", "snap:lxd"},
      {user + "app-gnome-demo-4712.scope", mount + "/usr/bin/demo",
       "appimage:" + folder.path().substr(folder.path().size() - 6)},
  };
  for (const std::string& lookup : kLookups) {
    for (const Case& one : cases) {
      INFO(lookup << ' ' << one.app);
      const ControlGroup group{*root, one.group};
      std::filesystem::create_directories(std::filesystem::path{one.program}.parent_path());
      std::filesystem::copy_file(path_of("bash"), one.program,
                                 std::filesystem::copy_options::overwrite_existing);
      const Scene scene{files(only("app = \"" + one.app + "\""), lookup)};
      on_host(scene,
              "echo $$ > " + group.path() + "/cgroup.procs; exec " + one.program + " -c '" + kConnect + "'");
      std::filesystem::remove_all(mount);
      const ProcessEntry process = passed(scene);
      CHECK(process.app == one.app);
      CHECK(process.path == one.program);
      CHECK(scene.daemon.tollgate({"flows", "--app", one.app}).output.find(":7003") != std::string::npos);
    }
  }
}

TEST_CASE("a program in a container goes by its path there and by the container's name") {
  TOLLGATE_NEEDS("busybox", "unshare", "pivot_root");
  const auto root = group_root();
  if (!root) {
    WARN("skipped: no cgroup v2 hierarchy here");
    return;
  }
  const TemporaryDirectory folder;
  const std::string libraries = "for file in $(ldd " + path_of("busybox") +
                                " 2>/dev/null | grep -o '/[^ )]*' || true); do\nmkdir -p .$(dirname $file)\n"
                                "cp $file .$file\ndone\n";
  // A root of its own, as a runtime makes it: mounts, pivot_root, the old root gone.
  const std::string contain = "mount -t tmpfs none " + folder.path() + "\ncd " + folder.path() +
                              "\nmkdir -p bin old\ncp " + path_of("busybox") + " bin/busybox\n" + libraries +
                              "connect='exec /bin/busybox wget -q -O - http://" + kPeer.v4 + ":" +
                              std::to_string(kClosed) +
                              "/'\nif pivot_root . old; then\n"
                              "exec /bin/busybox sh -c \"/bin/busybox umount -l /old; $connect\"\nfi\n"
                              // The first file system of all cannot be left so (runc --no-pivot).
                              "mount --move . /\nexec chroot . /bin/busybox sh -c \"$connect\"\n";
  const TemporaryDirectory scripts;
  const std::string file = scripts.write("contain.sh", shell(contain));
  const std::string id(64, 'b');
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const ControlGroup group{*root, "system.slice/docker-" + id + ".scope"};
    const Scene scene{files(only("container = \"docker:*\"\nprocess = \"/bin/busybox\""), lookup)};
    const Finished finished =
        on_host(scene, "echo $$ > " + group.path() + "/cgroup.procs; exec unshare -m sh " + file);
    INFO(finished.errors);
    const ProcessEntry process = passed(scene);
    CHECK(process.path == "/bin/busybox");
    CHECK(process.container == "docker:bbbbbbbbbbbb");
    CHECK(process.command.find("wget") != std::string::npos);
    const std::string counted = scene.daemon.tollgate({"flows", "--by", "container"}).output;
    CHECK(counted.find("docker:bbbbbbbbbbbb") != std::string::npos);
    CHECK(scene.daemon.tollgate({"flows", "--container", "docker:bbbb*"}).output.find(":7003") !=
          std::string::npos);
  }
}

TEST_CASE("a program of an overlay of two file systems has its path, command and script") {
  TOLLGATE_NEEDS("bash", "unshare");
  const TemporaryDirectory folder;
  folder.write("lower/go.sh", kConnect + "\n");
  std::filesystem::copy_file(path_of("bash"), folder.path() + "/lower/bash");
  std::filesystem::create_directories(folder.path() + "/merged");
  std::filesystem::create_directories(folder.path() + "/upper");
  const std::string merged = folder.path() + "/merged";
  const std::string lines =
      "cd " + folder.path() +
      "\nmount -t tmpfs none upper\nmkdir upper/files upper/work\nmount -t overlay none "
      "-o lowerdir=lower,upperdir=upper/files,workdir=upper/work merged\nexec merged/bash " +
      merged + "/go.sh";
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const Scene scene{files(only("script = \"" + merged + "/go.sh\""), lookup)};
    const Finished finished = on_host(scene, "exec unshare -m sh -ec '" + lines + "'");
    INFO(finished.errors);
    const ProcessEntry process = passed(scene);
    CHECK(process.path == merged + "/bash");
    CHECK(process.script == merged + "/go.sh");
  }
}
