// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/json.hpp>
#include <cstddef>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// As much of Varlink's interface definition language (varlink.org, Interface Definition) as it takes
// to hold interface texts to what is really sent. Throws std::runtime_error on a text that is not in
// the language.
namespace tollgate::idl {

struct Member;

struct Type {
  enum class Kind {
    boolean,
    integer,
    floating,
    string,
    object,
    named,
    structure,
    enumeration,
    array,
    map,
    nullable
  };
  Kind kind = Kind::object;
  std::string name;                // named
  std::vector<std::string> words;  // enumeration
  std::vector<Member> members;     // structure
  std::shared_ptr<Type> of;        // array, map, nullable
};

struct Member {
  std::string first;  // its name
  Type second;
};

struct Interface {
  std::string name;
  std::map<std::string, Type> types, errors;
  std::map<std::string, std::pair<Type, Type>> methods;  // in, out
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_{text} {}

  Interface parse() {
    Interface out;
    expect("interface");
    out.name = token();
    while (!peek().empty()) {
      const std::string keyword = token();
      const std::string name = token();
      if (keyword == "type") {
        add(out.types, name, parenthesized());
      } else if (keyword == "error") {
        add(out.errors, name, parenthesized());
      } else if (keyword == "method") {
        Type in = parenthesized();
        expect("->");
        add(out.methods, name, std::pair{std::move(in), parenthesized()});
      } else {
        throw std::runtime_error{"not type, method or error: " + keyword};
      }
    }
    return out;
  }

 private:
  template <class Map, class Value>
  static void add(Map& map, const std::string& name, Value value) {
    if (!map.emplace(name, std::move(value)).second) throw std::runtime_error{"twice: " + name};
  }

  static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  }
  std::string token() {
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '#') at_ = text_.find('\n', at_);
      if (text_[at_] != ' ' && text_[at_] != '\n') break;
    }
    if (at_ >= text_.size()) return "";
    const std::size_t begin = at_;
    if (text_.substr(at_, 2) == "->") return at_ += 2, "->";
    if (!is_name(text_[at_])) return std::string{text_[at_++]};
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    return std::string{text_.substr(begin, at_ - begin)};
  }
  std::string peek() {
    const std::size_t before = at_;
    std::string next = token();
    at_ = before;
    return next;
  }
  void expect(std::string_view wanted) {
    const std::string got = token();
    if (got != wanted) throw std::runtime_error{"wanted " + std::string{wanted} + ", got " + got};
  }

  // A structure or an enumeration.
  Type parenthesized() {
    Type type;
    type.kind = Type::Kind::structure;
    expect("(");
    while (peek() != ")") {
      const std::string name = token();
      if (peek() == ":") {
        expect(":");
        type.members.push_back({name, parse_type()});
      } else {
        type.kind = Type::Kind::enumeration;
        type.words.push_back(name);
      }
      if (peek() != ")") expect(",");
    }
    expect(")");
    if (!type.members.empty() && !type.words.empty()) throw std::runtime_error{"structure and enumeration"};
    return type;
  }

  Type wrap(Type::Kind kind) {
    Type type;
    type.kind = kind;
    type.of = std::make_shared<Type>(parse_type());
    return type;
  }

  Type parse_type() {
    if (peek() == "(") return parenthesized();
    const std::string word = token();
    if (word == "?") return wrap(Type::Kind::nullable);
    if (word == "[") {
      const bool map = peek() == "string";
      if (map) token();
      expect("]");
      return wrap(map ? Type::Kind::map : Type::Kind::array);
    }
    static const std::map<std::string, Type::Kind> kPlain{{"bool", Type::Kind::boolean},
                                                          {"int", Type::Kind::integer},
                                                          {"float", Type::Kind::floating},
                                                          {"string", Type::Kind::string},
                                                          {"object", Type::Kind::object}};
    Type type;
    const auto plain = kPlain.find(word);
    type.kind = plain != kPlain.end() ? plain->second : Type::Kind::named;
    if (type.kind == Type::Kind::named) type.name = word;
    return type;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// "" when the value has exactly this type (every member there, nullable ones as null, no other),
// else the place and what is wrong.
inline std::string mismatch(const boost::json::value& value, const Type& type, const Interface& interface,
                            const std::string& place = "") {
  switch (type.kind) {
    case Type::Kind::boolean:
      return value.is_bool() ? "" : place + ": not a bool";
    case Type::Kind::integer:
      return value.is_int64() || value.is_uint64() ? "" : place + ": not an int";
    case Type::Kind::floating:
      return value.is_number() ? "" : place + ": not a float";
    case Type::Kind::string:
      return value.is_string() ? "" : place + ": not a string";
    case Type::Kind::object:
      return value.is_object() ? "" : place + ": not an object";
    case Type::Kind::named:
      return mismatch(value, interface.types.at(type.name), interface, place);
    case Type::Kind::nullable:
      return value.is_null() ? "" : mismatch(value, *type.of, interface, place);
    case Type::Kind::enumeration:
      for (const std::string& word : type.words) {
        if (value.is_string() && value.get_string() == word) return "";
      }
      return place + ": not one of the words";
    case Type::Kind::array:
      if (!value.is_array()) return place + ": not an array";
      for (const boost::json::value& element : value.get_array()) {
        if (auto wrong = mismatch(element, *type.of, interface, place + "[]"); !wrong.empty()) return wrong;
      }
      return "";
    case Type::Kind::map:
      if (!value.is_object()) return place + ": not an object";
      for (const auto& element : value.get_object()) {
        if (auto wrong = mismatch(element.value(), *type.of, interface, place + "[string]"); !wrong.empty()) {
          return wrong;
        }
      }
      return "";
    case Type::Kind::structure:
      if (!value.is_object()) return place + ": not an object";
      for (const auto& [name, member] : type.members) {
        const boost::json::value* found = value.get_object().if_contains(name);
        if (found == nullptr) return place + "." + name + ": missing";
        if (auto wrong = mismatch(*found, member, interface, place + "." + name); !wrong.empty())
          return wrong;
      }
      if (value.get_object().size() != type.members.size()) return place + ": a member too many";
      return "";
  }
  return "";
}

}  // namespace tollgate::idl
