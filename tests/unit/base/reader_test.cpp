// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/base/reader.hpp"

#include <array>
#include <vector>

#include "catch.hpp"

namespace tollgate {
namespace {

const std::vector<std::uint8_t> kBytes{0x01, 0x02, 0x03, 0x04, 0x05, 0x86, 0x07};

TEST_CASE("numbers come out of network byte order, one after the other") {
  Reader in{kBytes};
  std::uint8_t one = 0;
  std::uint16_t two = 0;
  std::uint32_t four = 0;
  CHECK(in.u8(one));
  CHECK(one == 0x01);
  CHECK(in.u16(two));
  CHECK(two == 0x0203);
  CHECK(in.u32(four));
  CHECK(four == 0x04058607);
  CHECK(in.empty());
  CHECK(in.remaining() == 0);
}

TEST_CASE("a read past the end changes nothing") {
  Reader in{std::span{kBytes}.first(3)};
  std::uint32_t four = 77;
  std::array<std::uint8_t, 4> copied{9, 9, 9, 9};
  Reader field{std::span{kBytes}.first(1)};
  CHECK_FALSE(in.u32(four));
  CHECK(four == 77);
  CHECK_FALSE(in.skip(4));
  CHECK_FALSE(in.copy(copied));
  CHECK(copied == std::array<std::uint8_t, 4>{9, 9, 9, 9});
  CHECK_FALSE(in.sub(4, field));
  CHECK(field.remaining() == 1);
  CHECK(in.remaining() == 3);

  CHECK(in.skip(2));
  std::uint16_t two = 77;
  CHECK_FALSE(in.u16(two));
  CHECK(two == 77);
  CHECK(in.skip(1));
  std::uint8_t one = 77;
  CHECK_FALSE(in.u8(one));
  CHECK(one == 77);
  CHECK(in.skip(0));
}

TEST_CASE("a reader of nothing reads nothing") {
  Reader in;
  std::uint8_t one = 0;
  CHECK(in.empty());
  CHECK_FALSE(in.u8(one));
  CHECK(in.copy({}));
  CHECK(in.rest().empty());
}

TEST_CASE("a field is a reader of its own") {
  Reader in{kBytes};
  Reader field;
  REQUIRE(in.sub(2, field));
  CHECK(field.remaining() == 2);
  CHECK(in.remaining() == 5);
  std::uint32_t four = 0;
  CHECK_FALSE(field.u32(four));
  CHECK(in.rest().front() == 0x03);
}

TEST_CASE("copy takes exactly what fits") {
  Reader in{kBytes};
  std::array<std::uint8_t, 3> copied{};
  REQUIRE(in.copy(copied));
  CHECK(copied == std::array<std::uint8_t, 3>{1, 2, 3});
  CHECK(in.remaining() == 4);
}

TEST_CASE("truncate only ever shortens") {
  Reader in{kBytes};
  in.truncate(100);
  CHECK(in.remaining() == 7);
  in.truncate(2);
  CHECK(in.remaining() == 2);
  in.truncate(0);
  CHECK(in.empty());
}

}  // namespace
}  // namespace tollgate
