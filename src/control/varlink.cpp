// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/control/varlink.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <utility>

namespace tollgate {

void VarlinkFramer::append(std::string_view bytes) {
  if (taken_ > 0) {
    buffer_.erase(0, taken_);
    scanned_ -= taken_;
    taken_ = 0;
  }
  buffer_.append(bytes);
}

std::optional<std::string_view> VarlinkFramer::next() {
  if (too_long_) return std::nullopt;
  const std::size_t end = buffer_.find('\0', scanned_);
  const std::size_t length = (end == std::string::npos ? buffer_.size() : end) - taken_;
  if (length > limit_) {
    too_long_ = true;
    return std::nullopt;
  }
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    return std::nullopt;
  }
  const std::string_view message = std::string_view{buffer_}.substr(taken_, length);
  taken_ = scanned_ = end + 1;
  return message;
}

namespace {

// JSON has no bounds for numbers (RFC 8259, section 6), a double has: 1e999 is read as infinite, and that
// cannot be written again.
bool is_finite(const boost::json::value& value) {
  if (const double* number = value.if_double()) return std::isfinite(*number);
  if (const auto* array = value.if_array()) return std::ranges::all_of(*array, is_finite);
  const auto* object = value.if_object();
  return object == nullptr ||
         std::ranges::all_of(*object, [](const auto& member) { return is_finite(member.value()); });
}

Result<boost::json::object, std::string> parse_object(std::string_view message) {
  boost::json::error_code broken;
  boost::json::value value = boost::json::parse(message, broken);
  if (broken) return std::string{"not JSON"};
  if (!value.is_object()) return std::string{"not an object"};
  if (!is_finite(value)) return std::string{"a number is too large"};
  return std::move(value.get_object());
}

// Members of a message that carry neither a name of the protocol nor a vendor's ("org.example").
bool is_vendors(std::string_view name) { return name.find('.') != std::string_view::npos; }

std::string member_error(std::string_view name, const char* what) {
  return "member \"" + std::string{name} + "\" " + what;
}

// Each takes a member's value over; "" or what is wrong. Null is as good as absent.
std::string take(std::string_view name, const boost::json::value& value, bool& flag) {
  if (value.is_null()) return "";
  if (!value.is_bool()) return member_error(name, "is not a boolean");
  flag = value.get_bool();
  return "";
}
std::string take(std::string_view name, const boost::json::value& value, std::string& text) {
  if (value.is_null()) return "";
  if (!value.is_string()) return member_error(name, "is not a string");
  text = value.get_string();
  return "";
}
std::string take(std::string_view name, boost::json::value& value, boost::json::object& object) {
  if (value.is_null()) return "";
  if (!value.is_object()) return member_error(name, "is not an object");
  object = std::move(value.get_object());
  return "";
}
std::string take_unknown(std::string_view name) {
  return is_vendors(name) ? "" : member_error(name, "is unknown");
}

std::string take_member(std::string_view name, boost::json::value& value, VarlinkCall& call) {
  if (name == "method") return take(name, value, call.method);
  if (name == "parameters") return take(name, value, call.parameters);
  if (name == "oneway") return take(name, value, call.oneway);
  if (name == "more") return take(name, value, call.more);
  if (name == "upgrade") return take(name, value, call.upgrade);
  return take_unknown(name);
}

std::string take_member(std::string_view name, boost::json::value& value, VarlinkReply& reply) {
  if (name == "parameters") return take(name, value, reply.parameters);
  if (name == "continues") return take(name, value, reply.continues);
  if (name == "error") return take(name, value, reply.error);
  return take_unknown(name);
}

template <class Message>
Result<Message, std::string> parse_message(std::string_view text) {
  Result<boost::json::object, std::string> object = parse_object(text);
  if (!object) return object.error();
  Message message;
  for (auto& member : *object) {
    std::string error = take_member(member.key(), member.value(), message);
    if (!error.empty()) return error;
  }
  return message;
}

std::string with_nul(const boost::json::object& object) {
  std::string text = boost::json::serialize(object);
  text.push_back('\0');
  return text;
}

}  // namespace

Result<VarlinkCall, std::string> parse_call(std::string_view message) {
  Result<VarlinkCall, std::string> call = parse_message<VarlinkCall>(message);
  if (!call) return call;
  if (call->method.empty()) return std::string{"member \"method\" is missing"};
  if (int{call->oneway} + int{call->more} + int{call->upgrade} > 1) {
    return std::string{"more than one of oneway, more, upgrade"};
  }
  return call;
}

std::string serialize(const VarlinkCall& call) {
  boost::json::object object;
  object["method"] = call.method;
  if (!call.parameters.empty()) object["parameters"] = call.parameters;
  if (call.oneway) object["oneway"] = true;
  if (call.more) object["more"] = true;
  if (call.upgrade) object["upgrade"] = true;
  return with_nul(object);
}

Result<VarlinkReply, std::string> parse_reply(std::string_view message) {
  return parse_message<VarlinkReply>(message);
}

// "parameters" is written even when empty: some clients insist on it.
std::string serialize(const VarlinkReply& reply) {
  boost::json::object object;
  if (!reply.error.empty()) object["error"] = reply.error;
  object["parameters"] = reply.parameters;
  if (reply.continues) object["continues"] = true;
  return with_nul(object);
}

}  // namespace tollgate
