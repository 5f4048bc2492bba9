// SPDX-License-Identifier: GPL-2.0-or-later
#include "place_file.hpp"

#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "netlink_socket.hpp"

namespace tollgate {
namespace {

constexpr std::size_t kMaxSize = std::size_t{512} << 20;

// The library maps the file that it is given. A file that somebody overwrites in place would take the
// ground from under us (SIGBUS): it maps a copy in memory, which nobody else has.
Result<FileDescriptor, std::string> copy_in_memory(const std::string& path) {
  const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!file.valid()) return error_text(errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return error_text(errno);
  if (!S_ISREG(status.st_mode)) return std::string{"not a regular file"};
  FileDescriptor copy{::memfd_create("tollgate-places", MFD_CLOEXEC)};
  if (!copy.valid()) return error_text(errno);
  std::array<char, 65536> part{};
  for (std::size_t total = 0; total <= kMaxSize;) {
    const ssize_t size = ::read(file.get(), part.data(), part.size());
    if (size == 0) return copy;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return error_text(errno);
    for (ssize_t written = 0; written < size;) {
      const ssize_t more =
          ::write(copy.get(), part.data() + written, static_cast<std::size_t>(size - written));
      if (more < 0 && errno != EINTR) return error_text(errno);
      written += std::max<ssize_t>(more, 0);
    }
    total += static_cast<std::size_t>(size);
  }
  return std::string{"larger than 512 MiB"};
}

class PlaceFile final : public PlaceDatabase {
 public:
  // Takes over an opened database.
  explicit PlaceFile(const MMDB_s& database) : database_{database} {}
  PlaceFile(const PlaceFile&) = delete;
  PlaceFile& operator=(const PlaceFile&) = delete;
  ~PlaceFile() override { MMDB_close(&database_); }

  std::optional<Country> country(const IpAddress& address) const override {
    constexpr std::array<const char*, 3> kPath{"country", "iso_code", nullptr};
    const auto found = value(address, kPath.data());
    if (!found || found->type != MMDB_DATA_TYPE_UTF8_STRING) return {};
    return Country::parse({found->utf8_string, found->data_size});
  }

  std::optional<std::uint32_t> asn(const IpAddress& address) const override {
    constexpr std::array<const char*, 2> kPath{"autonomous_system_number", nullptr};
    const auto found = value(address, kPath.data());
    if (!found || found->type != MMDB_DATA_TYPE_UINT32) return {};
    return found->uint32;
  }

  std::string edition() const override {
    const MMDB_metadata_s& about = database_.metadata;
    return std::string{about.database_type != nullptr ? about.database_type : ""} + ' ' +
           std::to_string(about.build_epoch) + ' ' + std::to_string(about.node_count);
  }

 private:
  std::optional<MMDB_entry_data_s> value(const IpAddress& address, const char* const* path) const {
    int error = MMDB_SUCCESS;
    MMDB_lookup_result_s found = look_up(address, error);
    MMDB_entry_data_s data{};
    if (error != MMDB_SUCCESS || !found.found_entry) return {};
    if (MMDB_aget_value(&found.entry, &data, path) != MMDB_SUCCESS || !data.has_data) return {};
    return data;
  }

  MMDB_lookup_result_s look_up(const IpAddress& address, int& error) const {
    const auto& bytes = address.bytes();
    if (address.family() == Family::ipv4) {
      sockaddr_in four{};
      four.sin_family = AF_INET;
      std::memcpy(&four.sin_addr, bytes.data(), sizeof four.sin_addr);
      return MMDB_lookup_sockaddr(&database_, reinterpret_cast<const sockaddr*>(&four), &error);
    }
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    std::memcpy(&six.sin6_addr, bytes.data(), sizeof six.sin6_addr);
    return MMDB_lookup_sockaddr(&database_, reinterpret_cast<const sockaddr*>(&six), &error);
  }

  MMDB_s database_;
};

}  // namespace

Result<std::shared_ptr<const PlaceDatabase>, Diagnostic> open_place_file(const std::string& path) {
  const Result<FileDescriptor, std::string> copy = copy_in_memory(path);
  if (!copy) return Diagnostic{path, 0, 0, copy.error()};
  MMDB_s database{};
  const std::string name = "/proc/self/fd/" + std::to_string(copy->get());
  const int error = MMDB_open(name.c_str(), MMDB_MODE_MMAP, &database);
  if (error != MMDB_SUCCESS) return Diagnostic{path, 0, 0, MMDB_strerror(error)};
  return std::shared_ptr<const PlaceDatabase>{std::make_shared<PlaceFile>(database)};
}

}  // namespace tollgate
