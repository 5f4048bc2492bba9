// SPDX-License-Identifier: GPL-2.0-or-later
#include "message_records.hpp"

namespace tollgate {
namespace {

constexpr std::uint8_t kPointer = 0xc0;

Reader from(std::span<const std::uint8_t> message, std::size_t at) { return Reader{message.subspan(at)}; }

// Where the names are that may be compressed in the data of these types (RFC 3597 §4): behind so many bytes,
// so many of them.
struct Layout {
  std::size_t before = 0;
  unsigned names = 0;
};

Layout layout_of(DnsType type) {
  switch (static_cast<std::uint16_t>(type)) {
    case 2:   // NS
    case 3:   // MD
    case 4:   // MF
    case 5:   // CNAME
    case 7:   // MB
    case 8:   // MG
    case 9:   // MR
    case 12:  // PTR
    case 39:  // DNAME
      return {0, 1};
    case 6:   // SOA
    case 14:  // MINFO
    case 17:  // RP
      return {0, 2};
    case 15:  // MX
    case 18:  // AFSDB
    case 21:  // RT
    case 36:  // KX
      return {2, 1};
    case 26:  // PX
      return {2, 2};
    case 33:  // SRV
      return {6, 1};
  }
  return {};
}

}  // namespace

std::optional<std::size_t> RecordWalk::open() {
  auto in = DnsReader::open(whole_);
  if (!in.ok()) return std::nullopt;
  at_ = 12;
  for (unsigned i = 0; i < in->header().questions; ++i) {
    DnsName name;
    Reader rest = from(whole_, at_);
    if (i == kMaxDnsQuestions || read_dns_name(Reader{whole_}, at_, rest, name) || !rest.skip(4))
      return std::nullopt;
    at_ = whole_.size() - rest.remaining();
  }
  left_ = {in->header().answers, in->header().authorities, in->header().additionals};
  return at_;
}

bool RecordWalk::next(RawRecord& out) {
  std::size_t section = 0;
  while (section < left_.size() && left_[section] == 0) ++section;
  if (section == left_.size() || !good_) return false;
  --left_[section];
  DnsName owner;
  Reader in = from(whole_, at_);
  std::uint16_t type = 0, length = 0;
  if (read_dns_name(Reader{whole_}, at_, in, owner)) return fail();
  if (!(in.u16(type) && in.u16(out.record_class) && in.u32(out.ttl) && in.u16(length))) return fail();
  out.section = static_cast<DnsSection>(section);
  out.type = DnsType{type};
  out.begin = at_;
  out.data = whole_.size() - in.remaining();
  if (!in.skip(length)) return fail();
  out.end = at_ = out.data + length;
  return true;
}

bool RecordWalk::copy(const RawRecord& record, MessageWriter& out) const {
  std::size_t at = record.begin;
  if (!copy_name(at, record.end, out)) return false;
  out.u16(static_cast<std::uint16_t>(record.type)).u16(record.record_class).u32(record.ttl);
  const std::size_t length_at = out.size();
  out.u16(0);
  if (!copy_data(record, out)) return false;
  const std::size_t length = out.size() - length_at - 2;
  if (length > 0xffff) return false;
  out.set_u16(length_at, static_cast<std::uint16_t>(length));
  return true;
}

bool RecordWalk::copy_data(const RawRecord& record, MessageWriter& out) const {
  const Layout layout = layout_of(record.type);
  std::size_t at = record.data;
  if (layout.before > record.end - at) return false;
  out.add(whole_.subspan(at, layout.before));
  at += layout.before;
  for (unsigned i = 0; i < layout.names; ++i) {
    if (!copy_name(at, record.end, out)) return false;
  }
  out.add(whole_.subspan(at, record.end - at));
  return true;
}

// Leaves `at` behind the name, which ends before `end`. The letters stay as they are.
bool RecordWalk::copy_name(std::size_t& at, std::size_t end, MessageWriter& out) const {
  DnsName checked;
  Reader behind{whole_.subspan(at, end - at)};
  // What it accepts ends, and is no longer than names may be.
  if (read_dns_name(Reader{whole_}, at, behind, checked)) return false;
  Reader in = from(whole_, at);
  at = end - behind.remaining();
  for (std::uint8_t length = 0; in.u8(length) && length != 0;) {
    Reader label;
    if ((length & kPointer) == kPointer) {
      std::uint8_t low = 0;
      if (!in.u8(low)) return false;
      in = from(whole_, static_cast<std::size_t>(length & ~kPointer) << 8 | low);
      continue;
    }
    if (!in.sub(length, label)) return false;
    out.u8(length).add(label.rest());
  }
  out.u8(0);
  return true;
}

}  // namespace tollgate
