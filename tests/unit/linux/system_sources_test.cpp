// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/system_sources.hpp"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "catch.hpp"
#include "temporary_folder.hpp"

using namespace tollgate;
using tollgate::test::TemporaryFolder;

namespace {
void write(const std::string& path, const std::string& text) { std::ofstream{path} << text; }
}  // namespace

TEST_CASE("what is named *.gz is unpacked") {
  const TemporaryFolder directory;
  SystemSources sources;
  // gzip -n of "10.0.0.0/8\n".
  constexpr unsigned char kPacked[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                       0x03, 0x33, 0x34, 0xd0, 0x03, 0x43, 0x7d, 0x0b, 0x2e,
                                       0x00, 0xd4, 0xd5, 0x17, 0xf4, 0x0b, 0x00, 0x00, 0x00};
  const std::string packed(reinterpret_cast<const char*>(kPacked), sizeof kPacked);
  write(directory.file("plain.txt"), packed);
  CHECK(*sources.read(directory.file("plain.txt")) == packed);
  write(directory.file("list.txt.gz"), packed);
  CHECK(*sources.read(directory.file("list.txt.gz")) == "10.0.0.0/8\n");
  write(directory.file("broken.gz"), "10.0.0.0/8\n");
  CHECK(sources.read(directory.file("broken.gz")).error().message == "not in gzip's format, or cut short");
}

TEST_CASE("a file is read whole, or the reason is the kernel's") {
  const TemporaryFolder directory;
  SystemSources sources;
  const std::string text = std::string(100'000, 'x') + '\0' + "end";
  write(directory.file("file"), text);
  CHECK(sources.read(directory.file("file")).value() == text);
  write(directory.file("empty"), "");
  CHECK(sources.read(directory.file("empty")).value().empty());

  CHECK(sources.read(directory.file("none")).error() ==
        Diagnostic{directory.file("none"), 0, 0, "No such file or directory"});
  CHECK(sources.read(directory.path()).error() == Diagnostic{directory.path(), 0, 0, "Is a directory"});
}

TEST_CASE("what is no regular file is refused, and nobody waits for the other end of a FIFO") {
  const TemporaryFolder directory;
  REQUIRE(::mkfifo(directory.file("fifo").c_str(), 0600) == 0);
  SystemSources sources;
  CHECK(sources.read(directory.file("fifo")).error() ==
        Diagnostic{directory.file("fifo"), 0, 0, "not a regular file"});
  CHECK(sources.read("/dev/zero").error() == Diagnostic{"/dev/zero", 0, 0, "not a regular file"});
}

TEST_CASE("a file of more than 64 MiB is refused, one of 64 MiB is not") {
  const TemporaryFolder directory;
  SystemSources sources;
  write(directory.file("big"), "");
  std::filesystem::resize_file(directory.file("big"), 64 << 20);  // a hole
  CHECK(sources.read(directory.file("big")).value().size() == 64 << 20);
  std::filesystem::resize_file(directory.file("big"), (64 << 20) + 1);
  CHECK(sources.read(directory.file("big")).error().message == "larger than 64 MiB");
}

TEST_CASE("the policy files of a directory are its *.toml in byte order") {
  const TemporaryFolder directory;
  for (const char* name :
       {"20-b.toml", "10-a.toml", "Z.toml", "a.toml", "notes.txt", ".hidden.toml", "x.toml~"}) {
    write(directory.file(name), "");
  }
  SystemSources sources;
  CHECK(sources.policy_files(directory.path()).value() ==
        std::vector<std::string>{directory.file("10-a.toml"), directory.file("20-b.toml"),
                                 directory.file("Z.toml"), directory.file("a.toml")});
  // A file is itself, whatever its name.
  CHECK(sources.policy_files(directory.file("notes.txt")).value() ==
        std::vector<std::string>{directory.file("notes.txt")});
  CHECK(sources.policy_files(directory.file("none")).error() ==
        Diagnostic{directory.file("none"), 0, 0, "No such file or directory"});
}

TEST_CASE("users and groups by name") {
  SystemSources sources;
  CHECK(sources.user_id("root") == 0U);
  CHECK(sources.group_id("root") == 0U);
  CHECK_FALSE(sources.user_id("no-such-user-of-tollgate"));
  CHECK_FALSE(sources.group_id("no-such-group-of-tollgate"));
  CHECK_FALSE(sources.user_id(""));
}

TEST_CASE("a configuration that cannot be read is one diagnostic") {
  const TemporaryFolder directory;
  CHECK(load_config(directory.file("none")).error() ==
        Diagnostics{{directory.file("none"), 0, 0, "No such file or directory"}});
}
