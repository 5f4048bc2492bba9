// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/process/cgroup_path.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace tollgate {
namespace {

constexpr std::size_t kFullId = 64;    // hexadecimal digits of a container's id
constexpr std::size_t kShownId = 12;   // those that docker and podman show
constexpr std::size_t kMountName = 6;  // what an AppImage's runtime adds at random

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// "0123…" of 64 digits, shortened; nullopt for anything else.
std::optional<std::string> container_id(std::string_view text) {
  if (text.size() != kFullId || !is_hex(text)) return std::nullopt;
  return std::string{text.substr(0, kShownId)};
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}
bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix) || text.size() == suffix.size()) return false;
  text.remove_suffix(suffix.size());
  return true;
}

// systemd writes what a unit's name may not hold as \xHH (systemd.unit(5)).
std::string unescaped(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("\\x") && i + 3 < text.size() && is_hex(text.substr(i + 2, 2))) {
      out += static_cast<char>(digit(text[i + 2]) * 16 + digit(text[i + 3]));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// The kubelet's "pod0123_4567…" and "kubepods-burstable-pod0123_4567….slice"; dashes of the id are
// underscores where the name is a slice's.
std::optional<std::string> pod_id(std::string_view name) {
  const bool slice = take_suffix(name, ".slice");
  if (slice) {
    const std::size_t at = name.find("-pod");
    if (!name.starts_with("kubepods") || at == std::string_view::npos) return std::nullopt;
    name.remove_prefix(at + 1);
  }
  if (!take_prefix(name, "pod") || name.empty()) return std::nullopt;
  std::string id{name};
  std::ranges::replace(id, '_', '-');
  return id;
}

class Reading {
 public:
  void read(std::string_view name) {
    kubernetes_ = kubernetes_ || name.starts_with("kubepods");
    if (kubernetes_) {
      if (auto pod = pod_id(name)) pod_ = std::move(*pod);
    }
    read_unit(name);
    read_container(name);
    before_ = name;
  }
  GroupNames result() && { return std::move(found_); }

 private:
  void read_unit(std::string_view name) {
    if (name.ends_with(".slice")) {
      found_.slice = name;
      return;
    }
    if (!name.ends_with(".service") && !name.ends_with(".scope") && !name.ends_with(".socket") &&
        !name.ends_with(".mount") && !name.ends_with(".swap"))
      return;
    found_.unit = name;
    std::string_view scope = name;
    if (!take_suffix(scope, ".scope") && !take_suffix(scope, ".service")) return;
    if (std::string_view session = scope; take_prefix(session, "session-")) found_.session = session;
    read_app(scope);
  }

  // "app-flatpak-ID-PID", and what desktops put around it: "app-gnome-…" says nothing certain;
  // "snap.NAME.COMMAND-UUID" and "snap.NAME.COMMAND".
  void read_app(std::string_view scope) {
    if (take_prefix(scope, "app-flatpak-")) {
      const std::string name = unescaped(scope.substr(0, scope.rfind('-')));
      if (!name.empty()) found_.app = "flatpak:" + name;
      return;
    }
    if (!take_prefix(scope, "snap.")) return;
    const std::string_view name = scope.substr(0, scope.find('.'));
    if (!name.empty()) found_.app = "snap:" + std::string{name};
  }

  void found(const char* kind, const std::string& id) {
    found_.container =
        kubernetes_ ? "kubernetes:" + (pod_.empty() ? id : pod_ + '/' + id) : kind + (':' + id);
  }

  void read_container(std::string_view name) {
    take_suffix(name, ".scope");
    static constexpr std::array<std::pair<std::string_view, const char*>, 5> kPrefixes = {
        {{"docker-", "docker"},
         {"libpod-", "podman"},
         {"cri-containerd-", "containerd"},
         {"crio-", "cri-o"},
         {"nerdctl-", "containerd"}}};
    for (const auto& [prefix, kind] : kPrefixes) {
      std::string_view id = name;
      if (!take_prefix(id, prefix)) continue;
      if (const auto shown = container_id(id)) return found(kind, *shown);
    }
    if (const auto shown = container_id(name)) {
      if (kubernetes_) return found("", *shown);
      if (before_ == "docker") return found("docker", *shown);
      if (before_ == "libpod_parent" || before_ == "libpod") return found("podman", *shown);
      return;
    }
    if (take_prefix(name, "lxc.payload.") || (before_ == "lxc" && !name.empty())) {
      return found("lxc", std::string{name});
    }
    if (found_.slice == "machine.slice" && take_prefix(name, "machine-") && !name.empty()) {
      found("nspawn", unescaped(name));
    }
  }

  GroupNames found_;
  bool kubernetes_ = false;
  std::string pod_;
  std::string_view before_;
};

}  // namespace

GroupNames read_cgroup_path(std::string_view path) {
  Reading reading;
  while (!path.empty()) {
    const std::string_view name = path.substr(0, path.find('/'));
    if (!name.empty()) reading.read(name);
    path.remove_prefix(std::min(name.size() + 1, path.size()));
  }
  return std::move(reading).result();
}

std::string app_of_path(std::string_view path) {
  const auto first_name = [](std::string_view rest) { return rest.substr(0, rest.find('/')); };
  constexpr std::string_view kMount = "/.mount_";
  if (const std::size_t at = path.find(kMount); at != std::string_view::npos) {
    const std::string_view rest = path.substr(at + kMount.size());
    std::string_view name = first_name(rest);
    if (name.size() <= kMountName || name.size() == rest.size()) return {};
    name.remove_suffix(kMountName);
    return "appimage:" + std::string{name};
  }
  for (const std::string_view folder : {"/snap/", "/var/lib/snapd/snap/"}) {
    std::string_view rest = path;
    if (!take_prefix(rest, folder)) continue;
    const std::string_view name = first_name(rest);
    if (name.empty() || name == "bin" || name.size() == rest.size()) return {};
    return "snap:" + std::string{name};
  }
  return {};
}

}  // namespace tollgate
