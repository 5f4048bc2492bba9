// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tollgate/base/result.hpp"

// Varlink's wire protocol (varlink.org, Method Call): JSON objects, each ended by a NUL byte.
namespace tollgate {

inline constexpr std::size_t kMaxMessage = 1 << 20;  // bytes, without the NUL

// Cuts a stream of bytes into messages. Holds no more than what was appended and not yet taken.
class VarlinkFramer {
 public:
  explicit VarlinkFramer(std::size_t limit = kMaxMessage) : limit_{limit} {}

  void append(std::string_view bytes);
  // The next whole message without its NUL, good until the next call of append or next; nullopt
  // when none is complete. Nothing comes any more once a message was too long.
  std::optional<std::string_view> next();
  // The message at the head is longer than the limit: the stream is of no use any more.
  bool too_long() const { return too_long_; }
  // Bytes appended and not yet taken.
  std::size_t waiting() const { return buffer_.size() - taken_; }

 private:
  std::size_t limit_;
  std::string buffer_;
  std::size_t taken_ = 0;    // bytes at the head that were handed out
  std::size_t scanned_ = 0;  // no NUL between taken_ and here
  bool too_long_ = false;
};

struct VarlinkCall {
  std::string method;  // "io.tollgate.Status"
  boost::json::object parameters;
  bool oneway = false;  // answer nothing, not even an error
  bool more = false;    // several replies are welcome
  bool upgrade = false;
};

// A call that cannot be read has no answer: the connection is to be closed. The error says why, for
// tests and logs: "not JSON", "unknown member \"foo\"", …
Result<VarlinkCall, std::string> parse_call(std::string_view message);
std::string serialize(const VarlinkCall& call);  // with its NUL

struct VarlinkReply {
  boost::json::object parameters;
  bool continues = false;
  std::string error;  // "" for none; "org.varlink.service.MethodNotFound"
};
Result<VarlinkReply, std::string> parse_reply(std::string_view message);
std::string serialize(const VarlinkReply& reply);  // with its NUL

// Errors that every service has (org.varlink.service).
namespace varlink_error {
inline constexpr const char* interface_not_found = "org.varlink.service.InterfaceNotFound";
inline constexpr const char* method_not_found = "org.varlink.service.MethodNotFound";
inline constexpr const char* method_not_implemented = "org.varlink.service.MethodNotImplemented";
inline constexpr const char* invalid_parameter = "org.varlink.service.InvalidParameter";
inline constexpr const char* permission_denied = "org.varlink.service.PermissionDenied";
inline constexpr const char* expected_more = "org.varlink.service.ExpectedMore";
// And ours.
inline constexpr const char* policy_refused = "io.tollgate.PolicyRefused";
}  // namespace varlink_error

}  // namespace tollgate
