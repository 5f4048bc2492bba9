// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/process/cgroup_path.hpp"

#include "catch.hpp"

using namespace tollgate;

namespace {

const std::string kId(64, 'a');
const std::string kShown(12, 'a');

}  // namespace

TEST_CASE("systemd: unit and slice, the innermost of each") {
  CHECK(read_cgroup_path("/system.slice/nginx.service") ==
        GroupNames{"nginx.service", "system.slice", "", "", ""});
  const GroupNames template_unit =
      read_cgroup_path("/system.slice/system-getty.slice/getty@tty1.service/sub");
  CHECK(template_unit.unit == "getty@tty1.service");
  CHECK(template_unit.slice == "system-getty.slice");
  CHECK(read_cgroup_path("/") == GroupNames{});
  CHECK(read_cgroup_path("") == GroupNames{});
  CHECK(read_cgroup_path("/init.scope").unit == "init.scope");
}

TEST_CASE("systemd: sessions and what runs in them") {
  const GroupNames session = read_cgroup_path("/user.slice/user-1000.slice/session-3.scope");
  CHECK(session.session == "3");
  CHECK(session.slice == "user-1000.slice");
  const GroupNames app = read_cgroup_path(
      "/user.slice/user-1000.slice/user@1000.service/app.slice/app-flatpak-org.mozilla.firefox-123.scope");
  CHECK(app.unit == "app-flatpak-org.mozilla.firefox-123.scope");
  CHECK(app.slice == "app.slice");
  CHECK(app.app == "flatpak:org.mozilla.firefox");
}

TEST_CASE("applications: what desktops write escaped, and snaps") {
  CHECK(read_cgroup_path("/app-flatpak-org.a\\x2db-1.scope").app == "flatpak:org.a-b");
  CHECK(read_cgroup_path("/user.slice/snap.firefox.firefox-0a1b.scope").app == "snap:firefox");
  CHECK(read_cgroup_path("/system.slice/snap.lxd.daemon.service").app == "snap:lxd");
  CHECK(read_cgroup_path("/app-gnome-firefox-12.scope").app.empty());
  CHECK(read_cgroup_path("/app-flatpak-.scope").app.empty());
}

TEST_CASE("containers, by both drivers") {
  const auto container = [](const std::string& path) { return read_cgroup_path(path).container; };
  CHECK(container("/system.slice/docker-" + kId + ".scope") == "docker:" + kShown);
  CHECK(container("/docker/" + kId) == "docker:" + kShown);
  CHECK(container("/docker/" + kId + "/system.slice/inner.service") == "docker:" + kShown);
  CHECK(container("/machine.slice/libpod-" + kId + ".scope/container") == "podman:" + kShown);
  CHECK(container("/user.slice/user-1.slice/user@1.service/user.slice/libpod-" + kId + ".scope") ==
        "podman:" + kShown);
  CHECK(container("/libpod_parent/" + kId) == "podman:" + kShown);
  CHECK(container("/lxc.payload.web1/init.scope") == "lxc:web1");
  CHECK(container("/lxc/web1") == "lxc:web1");
  CHECK(container("/machine.slice/machine-web\\x2d1.scope") == "nspawn:web-1");
  CHECK(container("/system.slice/docker-" + kId.substr(1) + ".scope").empty());
  CHECK(container("/elsewhere/" + kId).empty());
  CHECK(container("/system.slice/docker.service").empty());
}

TEST_CASE("Kubernetes: the pod and the container in it") {
  const auto container = [](const std::string& path) { return read_cgroup_path(path).container; };
  CHECK(
      container("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12_34.slice/cri-containerd-" +
                kId + ".scope") == "kubernetes:12-34/" + kShown);
  CHECK(container("/kubepods/besteffort/pod12-34/" + kId) == "kubernetes:12-34/" + kShown);
  CHECK(container("/kubepods.slice/kubepods-pod12_34.slice/crio-" + kId + ".scope") ==
        "kubernetes:12-34/" + kShown);
  CHECK(container("/kubepods/besteffort").empty());
}

TEST_CASE("applications by their files") {
  CHECK(app_of_path("/tmp/.mount_Cursorabc123/usr/bin/cursor") == "appimage:Cursor");
  CHECK(app_of_path("/home/a/tmp/.mount_Cursorabc123/AppRun") == "appimage:Cursor");
  CHECK(app_of_path("/snap/firefox/4173/usr/lib/firefox/firefox") == "snap:firefox");
  CHECK(app_of_path("/var/lib/snapd/snap/lxd/1/bin/lxd") == "snap:lxd");
  for (const char* path :
       {"/usr/bin/curl", "/snap/bin/firefox", "/snap/firefox", "/tmp/.mount_abc/x", "/tmp/.mount_", ""})
    CHECK(app_of_path(path).empty());
}
