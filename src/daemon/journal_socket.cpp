// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/journal_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace tollgate {
namespace {

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

bool is_socket(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

void append_length(std::uint64_t length, std::string& out) {  // little-endian
  for (unsigned shift = 0; shift < 64; shift += 8) out += static_cast<char>(length >> shift & 0xff);
}

}  // namespace

void encode_journal_entry(std::span<const JournalField> fields, std::string& out) {
  out.clear();
  for (const auto& [name, value] : fields) {
    out += name;
    // A value with a line feed cannot end at one: it comes with its length.
    if (value.find('\n') == std::string::npos) {
      out += '=';
    } else {
      out += '\n';
      append_length(value.size(), out);
    }
    out += value;
    out += '\n';
  }
}

std::optional<JournalSocket> JournalSocket::open(const std::string& path) {
  if (!address_of(path) || !is_socket(path)) return std::nullopt;
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return std::nullopt;
  return JournalSocket{fd, path};
}

JournalSocket::JournalSocket(int fd, std::string path) : fd_{fd}, path_{std::move(path)} {}

JournalSocket::JournalSocket(JournalSocket&& other) noexcept
    : fd_{std::exchange(other.fd_, -1)},
      path_{std::move(other.path_)},
      datagram_{std::move(other.datagram_)} {}

JournalSocket& JournalSocket::operator=(JournalSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(datagram_, other.datagram_);
  return *this;
}

JournalSocket::~JournalSocket() {
  if (fd_ >= 0) ::close(fd_);
}

bool JournalSocket::send(std::span<const JournalField> fields) {
  const std::optional<sockaddr_un> address = address_of(path_);
  if (!address) return false;
  encode_journal_entry(fields, datagram_);
  const ssize_t sent =
      ::sendto(fd_, datagram_.data(), datagram_.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&*address), static_cast<socklen_t>(sizeof *address));
  return sent >= 0;
}

}  // namespace tollgate
