// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "packet_builder.hpp"
#include "tollgate/wire/dns.hpp"

namespace tollgate::test {

// DNS messages, without compression.
class DnsBuilder {
 public:
  explicit DnsBuilder(std::size_t id, bool response = false, std::size_t flags = 0)
      : id_{id}, flags_{flags | (response ? 0x8180 : 0x0100)} {}

  static Bytes name(std::string_view text) {
    const auto parsed = DnsName::parse(text);
    if (!parsed) throw std::invalid_argument{"not a name"};
    return {parsed->bytes().begin(), parsed->bytes().end()};
  }

  DnsBuilder& question(std::string_view of, DnsType type = DnsType::a) {
    ++questions_;
    asked_.add(name(of)).u16(static_cast<std::uint16_t>(type)).u16(1);
    return *this;
  }
  DnsBuilder& record(std::string_view owner, DnsType type, const Bytes& data, std::size_t ttl = 300) {
    ++(extra_ ? additionals_ : answers_);
    records_.add(name(owner))
        .u16(static_cast<std::uint16_t>(type))
        .u16(1)
        .u32(ttl)
        .u16(data.size())
        .add(data);
    return *this;
  }
  DnsBuilder& a(std::string_view owner, std::string_view address, std::size_t ttl = 300) {
    const auto parsed = IpAddress::parse(address);
    if (!parsed) throw std::invalid_argument{"not an address"};
    const auto& bytes = parsed->bytes();
    const bool narrow = parsed->family() == Family::ipv4;
    return record(owner, narrow ? DnsType::a : DnsType::aaaa,
                  Bytes(bytes.begin(), bytes.begin() + (narrow ? 4 : 16)), ttl);
  }
  DnsBuilder& cname(std::string_view owner, std::string_view target, std::size_t ttl = 300) {
    return record(owner, DnsType::cname, name(target), ttl);
  }
  // What follows stands in the additional section.
  DnsBuilder& additional() {
    extra_ = true;
    return *this;
  }
  Bytes build() const {
    return ByteWriter{}
        .u16(id_)
        .u16(flags_)
        .u16(questions_)
        .u16(answers_)
        .u16(0)
        .u16(additionals_)
        .add(asked_.bytes())
        .add(records_.bytes())
        .bytes();
  }

 private:
  std::size_t id_, flags_;
  std::size_t questions_ = 0, answers_ = 0, additionals_ = 0;
  bool extra_ = false;
  ByteWriter asked_, records_;
};

}  // namespace tollgate::test
