// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/place_file.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "catch.hpp"
#include "mmdb_writer.hpp"

namespace tollgate::test {
namespace {

// A file of the test's own, removed with it.
class File {
 public:
  explicit File(const Bytes& bytes) { write(bytes); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { std::filesystem::remove(path_); }
  void write(const Bytes& bytes) const {
    std::ofstream out{path_, std::ios::binary | std::ios::trunc};
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  const std::string& path() const { return path_; }

 private:
  static inline int count_ = 0;
  std::string path_ = (std::filesystem::temp_directory_path() /
                       ("tollgate-places-" + std::to_string(::getpid()) + "-" + std::to_string(++count_)))
                          .string();
};

IpAddress address(const char* text) { return *IpAddress::parse(text); }

std::string country(const PlaceDatabase& places, const char* text) {
  const auto found = places.country(address(text));
  return found ? found->to_string() : "";
}

TEST_CASE("places: countries and autonomous systems of both families") {
  const File file{MmdbWriter{}
                      .country("192.0.2.0/24", "DE")
                      .country("198.51.100.7", "FR")
                      .country("2001:db8::/32", "JP")
                      .asn("203.0.113.0/24", 64500)
                      .build()};
  const auto places = open_place_file(file.path());
  REQUIRE(places.ok());
  CHECK(country(**places, "192.0.2.0") == "DE");
  CHECK(country(**places, "192.0.2.255") == "DE");
  CHECK(country(**places, "192.0.3.0") == "");
  CHECK(country(**places, "198.51.100.7") == "FR");
  CHECK(country(**places, "198.51.100.8") == "");
  CHECK(country(**places, "2001:db8::7") == "JP");
  CHECK(country(**places, "203.0.113.1") == "");
  CHECK((*places)->asn(address("203.0.113.1")) == 64500U);
  CHECK_FALSE((*places)->asn(address("192.0.2.1")));
}

TEST_CASE("places: what becomes of the file afterwards does not matter") {
  const File file{MmdbWriter{}.country("192.0.2.0/24", "DE").build()};
  const auto places = open_place_file(file.path());
  REQUIRE(places.ok());
  file.write({});
  CHECK(country(**places, "192.0.2.1") == "DE");
}

TEST_CASE("places: files that are no database say so") {
  const File file{bytes_of("not a database")};
  const auto places = open_place_file(file.path());
  REQUIRE_FALSE(places.ok());
  CHECK(places.error().file == file.path());
  CHECK_FALSE(places.error().message.empty());
  CHECK(open_place_file("/nowhere/at/all").error().message == "No such file or directory");
  CHECK(open_place_file("/").error().message == "not a regular file");
}

}  // namespace
}  // namespace tollgate::test
