// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/process/process_table.hpp"

#include <vector>

#include "catch.hpp"

using namespace tollgate;

namespace {

Process process(std::uint32_t pid, std::uint64_t start, const std::string& path) {
  Process process;
  process.id = {pid, 0, start};
  process.path = path;
  return process;
}

}  // namespace

TEST_CASE("a pid that is used again is another process") {
  ProcessTable table;
  table.keep(process(7, 100, "/old"));
  table.keep(process(7, 101, "/new"));
  CHECK(table.find({7, 0, 100})->path == "/old");
  CHECK(table.find({7, 0, 101})->path == "/new");
  CHECK(table.find({7, 1, 101}) == nullptr);
}

TEST_CASE("what is looked at again replaces what was known, for those who ask from then on") {
  ProcessTable table;
  const ProcessPointer before = table.keep(process(7, 100, "/a"));
  table.keep(process(7, 100, "/b"));
  CHECK(table.size() == 1);
  CHECK(before->path == "/a");
  CHECK(table.find({7, 0, 100})->path == "/b");
}

TEST_CASE("at the limit the one goes that nobody holds and nobody asked for") {
  ProcessTable table{3};
  const ProcessPointer held = table.keep(process(1, 1, "/held"));
  table.keep(process(2, 1, "/asked"));
  table.keep(process(3, 1, "/old"));
  table.find({2, 0, 1});
  table.keep(process(4, 1, "/new"));
  CHECK(table.size() == 3);
  CHECK(table.find({1, 0, 1}) == held);
  CHECK(table.find({2, 0, 1}) != nullptr);
  CHECK(table.find({3, 0, 1}) == nullptr);
}

TEST_CASE("a table of held processes takes no more, and says so") {
  ProcessTable table{2};
  std::vector<ProcessPointer> held = {table.keep(process(1, 1, "/a")), table.keep(process(2, 1, "/b"))};
  CHECK(table.keep(process(3, 1, "/c")) == nullptr);
  CHECK(table.refused() == 1);
  held.clear();
  CHECK(table.keep(process(3, 1, "/c")) != nullptr);
  CHECK(table.size() == 2);
}

TEST_CASE("what is forgotten stays with those who hold it") {
  ProcessTable table;
  const ProcessPointer held = table.keep(process(1, 1, "/a"));
  table.forget({1, 0, 1});
  CHECK(table.find({1, 0, 1}) == nullptr);
  CHECK(held->path == "/a");
}
