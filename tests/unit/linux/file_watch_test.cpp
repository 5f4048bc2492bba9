// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/file_watch.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "catch.hpp"

using namespace tollgate;

namespace {

struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("tollgate-watch-" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
  void write(const std::string& name) const { std::ofstream{path / name} << "text\n"; }
};

FileWatch watching(const std::vector<std::string>& files) {
  auto watch = FileWatch::open();
  REQUIRE(watch);
  CHECK(watch->watch(files).empty());
  CHECK_FALSE(watch->changed());
  return std::move(*watch);
}

}  // namespace

TEST_CASE("a file that is written, replaced, removed, and one that comes") {
  const Folder folder;
  folder.write("list");
  auto watch = watching({folder.file("list"), folder.file("later")});
  folder.write("list");
  CHECK(watch.changed());
  CHECK_FALSE(watch.changed());
  folder.write("list.new");
  CHECK_FALSE(watch.changed());
  std::filesystem::rename(folder.file("list.new"), folder.file("list"));
  CHECK(watch.changed());
  std::filesystem::remove(folder.file("list"));
  CHECK(watch.changed());
  folder.write("later");
  CHECK(watch.changed());
}

TEST_CASE("what is behind a symbolic link, and the link itself") {
  const Folder folder;
  std::filesystem::create_directory(folder.path / "there");
  folder.write("there/list");
  folder.write("there/other");
  std::filesystem::create_symlink(folder.file("there/list"), folder.file("link"));
  auto watch = watching({folder.file("link")});
  folder.write("there/list");
  CHECK(watch.changed());
  folder.write("there/other");
  CHECK_FALSE(watch.changed());
  std::filesystem::remove(folder.file("link"));
  std::filesystem::create_symlink(folder.file("there/other"), folder.file("link"));
  CHECK(watch.changed());
}

TEST_CASE("what is watched no longer is silent, and a folder that goes is a change") {
  const Folder folder;
  for (const char* name : {"a", "b"}) {
    std::filesystem::create_directory(folder.path / name);
    folder.write(std::string{name} + "/list");
  }
  auto watch = watching({folder.file("a/list"), folder.file("b/list")});
  CHECK(watch.watch(std::vector<std::string>{folder.file("b/list")}).empty());
  folder.write("a/list");
  CHECK_FALSE(watch.changed());
  std::filesystem::remove_all(folder.path / "b");
  CHECK(watch.changed());
}

TEST_CASE("a file whose folder is not there cannot be watched") {
  auto watch = FileWatch::open();
  REQUIRE(watch);
  const std::vector<std::string> files{"/nowhere/at/all"};
  CHECK(watch->watch(files) == files);
}
