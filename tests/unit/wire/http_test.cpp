// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/http.hpp"

#include <string>

#include "catch.hpp"
#include "packet_builder.hpp"

namespace tollgate::test {
namespace {

// The host, or why there is none.
std::string host(std::string_view text) {
  const Bytes bytes = bytes_of(text);
  const auto request = parse_http_request(bytes);
  if (request) return std::string{request->connect ? "CONNECT " : ""} + std::string{request->host};
  switch (request.error()) {
    case HttpError::need_more:
      return "(more)";
    case HttpError::not_http:
      return "(not)";
    case HttpError::malformed:
      return "(malformed)";
  }
  return "";
}

TEST_CASE("HTTP: the host of a request", "[http]") {
  CHECK(host("GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n") == "www.example.org");
  CHECK(host("GET / HTTP/1.1\r\nAccept: */*\r\nhOST:\t www.example.org:8080 \r\nX: y\r\n\r\n") ==
        "www.example.org");
  CHECK(host("GET / HTTP/1.1\nHost: a\n\n") == "a");
  CHECK(host("GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n") == "2001:db8::1");
  CHECK(host("GET / HTTP/1.0\r\n\r\n") == "");
  CHECK(host("GET http://user@far.example:81/x?y HTTP/1.1\r\nHost: near.example\r\n\r\n") == "far.example");
  CHECK(host("CONNECT far.example:443 HTTP/1.1\r\n") == "CONNECT far.example");
  CHECK(host("CONNECT [2001:db8::1]:443 HTTP/1.1\r\n") == "CONNECT 2001:db8::1");
}

TEST_CASE("HTTP: more is needed until the head has ended", "[http]") {
  const std::string whole = "PROPFIND /a HTTP/1.1\r\nHost: www.example.org\r\n\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    INFO(size);
    CHECK(host(whole.substr(0, size)) == "(more)");
  }
  CHECK(host(whole) == "www.example.org");
}

TEST_CASE("HTTP: what it is not", "[http]") {
  CHECK(host("EHLO me\r\n") == "(not)");
  CHECK(host("\x16\x03\x01") == "(not)");
  CHECK(host("get / HTTP/1.1\r\n") == "(not)");
  CHECK(host("GET /\r\n") == "(not)");
  CHECK(host("GET / HTTP/2.0\r\n") == "(not)");
  CHECK(host("GET /\x01") == "(not)");
  CHECK(host(std::string(30, 'A')) == "(not)");
}

TEST_CASE("HTTP: what two servers could read differently", "[http]") {
  CHECK(host("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n") == "(malformed)");
  CHECK(host("GET / HTTP/1.1\r\nHost: a b\r\n\r\n") == "(malformed)");
  CHECK(host("GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n") == "(malformed)");
  CHECK(host("GET / HTTP/1.1\r\nno colon\r\n\r\n") == "(malformed)");
  CHECK(host("GET / HTTP/1.1\r\n: a\r\n\r\n") == "(malformed)");
  CHECK(host("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n") == "(malformed)");
  CHECK(host("CONNECT :443 HTTP/1.1\r\n") == "(malformed)");
}

}  // namespace
}  // namespace tollgate::test
