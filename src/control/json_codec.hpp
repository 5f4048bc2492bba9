// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/json.hpp>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "tollgate/base/ip.hpp"
#include "tollgate/flow/verdict.hpp"
#include "tollgate/wire/protocol.hpp"

// Structs to JSON objects and back, from one list of members per struct: the overload of
// `members(visitor, struct)` beside the struct's to_json. The visitor is a JsonWriter or a
// JsonReader, so the two directions cannot drift apart.
namespace tollgate {

template <class T, class Struct>
concept Like = std::same_as<std::remove_const_t<T>, Struct>;

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
inline constexpr bool kIsMap = false;
template <class T>
inline constexpr bool kIsMap<std::map<std::string, T>> = true;

// What is absent is written as null: every member is always there.
class JsonWriter {
 public:
  template <class T>
  void operator()(std::string_view name, const T& value) {
    object_[name] = encode(value);
  }
  template <class T>
  void defaulted(std::string_view name, const T& value) {
    (*this)(name, value);
  }

  template <class T>
  static boost::json::value encode(const T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::same_as<T, std::string>) {
      return boost::json::value(value);
    } else if constexpr (kIsOptional<T>) {
      return value ? encode(*value) : boost::json::value(nullptr);
    } else if constexpr (kIsVector<T>) {
      boost::json::array array;
      array.reserve(value.size());
      for (const auto& element : value) array.push_back(encode(element));
      return array;
    } else if constexpr (kIsMap<T>) {
      boost::json::object object;
      for (const auto& [key, element] : value) object[key] = encode(element);
      return object;
    } else if constexpr (std::same_as<T, Direction> || std::same_as<T, Protocol>) {
      return boost::json::value(std::string{to_string(value)});
    } else if constexpr (std::same_as<T, IpAddress>) {
      return boost::json::value(value.to_string());
    } else {
      JsonWriter writer;
      members(writer, value);
      return std::move(writer.object_);
    }
  }

 private:
  boost::json::object object_;
};

// Members that no list names: calls refuse them, replies may grow (Varlink, Interface Evolution).
enum class UnknownMembers : std::uint8_t { refuse, ignore };

// Keeps the first error, as "member: what is wrong with it" ("policy.rules: not a whole number …").
class JsonReader {
 public:
  JsonReader(const boost::json::value& value, UnknownMembers unknown)
      : object_{value.if_object()}, unknown_{unknown} {
    if (object_ == nullptr) error_ = ": not an object";
  }

  // A member that has to be there, unless it is optional.
  template <class T>
  void operator()(std::string_view name, T& out) {
    const boost::json::value* value = take(name);
    if (value == nullptr) {
      if constexpr (!kIsOptional<T>) fail(name, ": missing");
    } else {
      fail(name, decode(*value, out, unknown_));
    }
  }
  // A member that may be left out: then `out` stays what it was.
  template <class T>
  void defaulted(std::string_view name, T& out) {
    if (const boost::json::value* value = take(name)) fail(name, decode(*value, out, unknown_));
  }

  // "" when everything was as it should be. The members have all been read by now.
  std::string finish() {
    if (error_.empty() && unknown_ == UnknownMembers::refuse) {
      for (const auto& member : *object_) {
        if (!listed(member.key())) return std::string{member.key()} + ": no such member";
      }
    }
    return error_.starts_with(": ") ? error_.substr(2) : error_;
  }

  // "" or ": what is wrong" or ".member: what is wrong".
  template <class T>
  static std::string decode(const boost::json::value& value, T& out, UnknownMembers unknown) {
    if constexpr (kIsOptional<T>) {
      return decode(value, out.emplace(), unknown);
    } else if constexpr (std::same_as<T, bool>) {
      const bool* flag = value.if_bool();
      if (flag != nullptr) out = *flag;
      return flag != nullptr ? "" : ": not true or false";
    } else if constexpr (std::integral<T>) {
      return decode_integer(value, out);
    } else if constexpr (std::same_as<T, double>) {
      return decode_double(value, out);
    } else if constexpr (kIsVector<T>) {
      return decode_vector(value, out, unknown);
    } else if constexpr (kIsMap<T>) {
      return decode_map(value, out, unknown);
    } else if constexpr (std::same_as<T, std::string> || std::same_as<T, Direction> ||
                         std::same_as<T, Protocol> || std::same_as<T, IpAddress>) {
      const boost::json::string* text = value.if_string();
      return text != nullptr ? decode_word(*text, out) : ": not a string";
    } else {
      JsonReader reader{value, unknown};
      if (reader.object_ != nullptr) members(reader, out);
      const std::string error = reader.finish();
      if (error.empty()) return "";
      return reader.object_ != nullptr ? "." + error : ": " + error;
    }
  }

 private:
  // Null is as good as absent (Varlink, Nullable Fields and Absent Fields).
  const boost::json::value* take(std::string_view name) {
    names_.push_back(name);
    const boost::json::value* value = object_ != nullptr ? object_->if_contains(name) : nullptr;
    return value != nullptr && !value->is_null() ? value : nullptr;
  }
  bool listed(std::string_view name) const {
    for (std::string_view known : names_) {
      if (known == name) return true;
    }
    return false;
  }
  void fail(std::string_view name, std::string_view why) {
    if (error_.empty() && !why.empty()) error_ = std::string{name} + std::string{why};
  }

  template <class T>
  static std::string decode_integer(const boost::json::value& value, T& out) {
    boost::json::error_code refused;
    const T number = value.to_number<T>(refused);
    if (refused || !value.is_number() || value.is_double()) {
      return ": not a whole number from 0 to " + std::to_string(std::numeric_limits<T>::max());
    }
    out = number;
    return "";
  }
  static std::string decode_double(const boost::json::value& value, double& out) {
    if (!value.is_number()) return ": not a number";
    boost::json::error_code refused;
    out = value.to_number<double>(refused);
    return refused ? ": not a number" : "";
  }
  template <class T>
  static std::string decode_vector(const boost::json::value& value, std::vector<T>& out,
                                   UnknownMembers unknown) {
    const boost::json::array* array = value.if_array();
    if (array == nullptr) return ": not an array";
    out.clear();
    for (const boost::json::value& element : *array) {
      const std::string error = decode(element, out.emplace_back(), unknown);
      if (!error.empty()) return "[" + std::to_string(out.size() - 1) + "]" + error;
    }
    return "";
  }
  template <class T>
  static std::string decode_map(const boost::json::value& value, std::map<std::string, T>& out,
                                UnknownMembers unknown) {
    const boost::json::object* object = value.if_object();
    if (object == nullptr) return ": not an object";
    out.clear();
    for (const auto& member : *object) {
      const std::string key{member.key()};
      const std::string error = decode(member.value(), out[key], unknown);
      if (!error.empty()) return "." + key + error;
    }
    return "";
  }
  static std::string decode_word(std::string_view text, std::string& out) {
    out = text;
    return "";
  }
  static std::string decode_word(std::string_view text, Direction& out) {
    const std::optional<Direction> direction = parse_direction(text);
    if (!direction) return ": not outbound, inbound or forward";
    out = *direction;
    return "";
  }
  static std::string decode_word(std::string_view text, Protocol& out) {
    const std::optional<Protocol> protocol = parse_protocol(text);
    if (!protocol) return ": no such protocol (a name like tcp, or a number from 0 to 255)";
    out = *protocol;
    return "";
  }
  static std::string decode_word(std::string_view text, IpAddress& out) {
    const std::optional<IpAddress> address = IpAddress::parse(text);
    if (!address) return ": not an IPv4 or IPv6 address";
    out = *address;
    return "";
  }

  const boost::json::object* object_;
  UnknownMembers unknown_;
  std::vector<std::string_view> names_;
  std::string error_;
};

}  // namespace tollgate
