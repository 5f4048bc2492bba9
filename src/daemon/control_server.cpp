// SPDX-License-Identifier: GPL-2.0-or-later
#include "control_server.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "control_peer.hpp"
#include "control_session.hpp"

namespace tollgate {

namespace {

using Local = boost::asio::local::stream_protocol;

std::string reason(int number) { return std::generic_category().message(number); }

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw std::runtime_error{"control socket " + path + ": " + why};
}

void make_directory(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path{path}.parent_path();
  if (directory.empty()) return;
  if (mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
    refuse(path, "cannot make its directory: " + reason(errno));
  }
}

// Makes way for our socket. What is not a socket, or is somebody's, stays.
void clear_path(boost::asio::io_context& loop, const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return;
    refuse(path, reason(errno));
  }
  if (!S_ISSOCK(found.st_mode)) refuse(path, "there is something else; move it away or set another `socket`");
  Local::socket probe{loop};
  boost::system::error_code error;
  probe.open(Local{}, error);
  probe.non_blocking(true, error);  // a full backlog is an answer too
  probe.connect(Local::endpoint{path}, error);
  if (error != boost::asio::error::connection_refused) {
    if (!error || error == boost::asio::error::would_block || error == boost::asio::error::try_again) {
      refuse(path, "another daemon answers there; stop it first or set another `socket`");
    }
    refuse(path, error.message());
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    refuse(path, "cannot remove the socket that a daemon left behind: " + reason(errno));
  }
}

}  // namespace

ControlServer::ControlServer(boost::asio::io_context& loop, ControlOptions options, ControlService& service)
    : loop_{loop},
      options_{std::move(options)},
      service_{service},
      acceptor_{loop},
      retry_{loop},
      group_{group_named(options_.group)} {
  open_socket();
  accept();
}

void ControlServer::open_socket() {
  const std::string& path = options_.path;
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    refuse(path, "the path is longer than " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                     " bytes, set a shorter `socket`");
  }
  make_directory(path);
  clear_path(loop_, path);
  boost::system::error_code error;
  acceptor_.open(Local{}, error);
  if (!error) acceptor_.bind(Local::endpoint{path}, error);
  if (error) refuse(path, error.message());
  // The group is for people who look; SO_PEERCRED is what decides. Not everybody may give it away.
  if (group_ && chown(path.c_str(), static_cast<uid_t>(-1), *group_) != 0 && errno != EPERM) {
    refuse(path, "cannot give it to group " + options_.group + ": " + reason(errno));
  }
  if (chmod(path.c_str(), 0666) != 0) refuse(path, reason(errno));
  struct stat ours {};
  if (lstat(path.c_str(), &ours) != 0) refuse(path, reason(errno));
  device_ = ours.st_dev;
  inode_ = ours.st_ino;
  acceptor_.listen(static_cast<int>(kMaxClients), error);
  if (error) refuse(path, error.message());
}

ControlServer::~ControlServer() {
  *alive_ = false;
  const std::vector<std::shared_ptr<ControlSession>> sessions = sessions_;
  for (const auto& session : sessions) session->close();
  struct stat found {};
  if (lstat(options_.path.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_) {
    unlink(options_.path.c_str());
  }
}

void ControlServer::accept() {
  acceptor_.async_accept([this, alive = alive_](boost::system::error_code error, Local::socket socket) {
    if (!*alive || error == boost::asio::error::operation_aborted) return;
    if (error) {
      ++counters_.accept_errors;
      wait_to_accept();
      return;
    }
    admit(std::move(socket));
    accept();
  });
}

// No descriptors left, say: asking again at once would spin.
void ControlServer::wait_to_accept() {
  retry_.expires_after(std::chrono::milliseconds{100});
  retry_.async_wait([this, alive = alive_](boost::system::error_code error) {
    if (*alive && !error) accept();
  });
}

void ControlServer::admit(Local::socket socket) {
  std::optional<ControlPeer> peer = peer_of(socket.native_handle());
  const Access access = peer ? access_of(*peer, geteuid(), group_) : Access::own_flows;
  // Some places are kept for those who may ask everything: nobody can lock them out.
  const auto others =
      static_cast<std::size_t>(std::count_if(sessions_.begin(), sessions_.end(), [](const auto& session) {
        return session->access() == Access::own_flows;
      }));
  const bool full = sessions_.size() >= kMaxClients || (access == Access::own_flows && others >= kMaxOthers);
  if (!peer || full) {
    ++counters_.refused;
    return;  // and with the socket goes the connection
  }
  ++counters_.accepted;
  sessions_.push_back(std::make_shared<ControlSession>(std::move(socket), *this, std::move(*peer), access));
  const std::shared_ptr<ControlSession> session = sessions_.back();
  session->start();
}

void ControlServer::watching(ControlSession& session) {
  watchers_.push_back(&session);
  if (watchers_.size() == 1) service_.watch(true);
}

void ControlServer::closed(ControlSession& session) {
  if (std::erase(watchers_, &session) > 0 && watchers_.empty()) service_.watch(false);
  std::erase_if(sessions_, [&](const auto& one) { return one.get() == &session; });
}

void ControlServer::publish(const FlowEvent& event) {
  std::vector<ControlSession*> stuck;
  for (ControlSession* watcher : watchers_) {
    if (!watcher->offer(event)) stuck.push_back(watcher);
  }
  for (ControlSession* watcher : stuck) {
    ++counters_.dropped;
    watcher->close();
  }
}

}  // namespace tollgate
