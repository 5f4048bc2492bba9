// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>
#include <optional>

#include "tollgate/base/reader.hpp"
#include "tollgate/inspect/inspectors.hpp"
#include "tollgate/wire/text.hpp"

namespace tollgate {
namespace {

constexpr std::size_t kMaxLine = 1000;  // RFC 5321 §4.5.3.1.6 allows what is longest
constexpr Inspected kNotThis{Finding::not_this, 0}, kNeedMore{Finding::need_more, 0};

Inspected in_clear(Spoken protocol, Findings& out) {
  out.protocol = protocol;
  out.encrypted = false;
  return {Finding::found, 0};
}

// TLS has been asked for: what follows has to be it.
Inspected behind_starttls(Spoken protocol, StreamBytes rest, Findings& out) {
  if (rest.empty()) return kNeedMore;
  const Inspected hello = inspect_tls(rest, out);
  if (hello.finding == Finding::not_this) return in_clear(protocol, out);
  if (hello.finding != Finding::need_more) out.protocol = protocol;
  return {hello.finding, 0};
}

// A protocol of lines, and what may be said in it before TLS.
struct LineProtocol {
  Spoken protocol;
  std::string_view greeting;  // how the server's first line begins
  bool tagged;                // a tag stands in front of the word (RFC 9051 §2.2.1)
  std::string_view starts;    // the word that asks for TLS
  std::array<std::string_view, 6> harmless;
  std::array<std::string_view, 3> introductions;  // tell the protocol when the greeting was not seen
};

constexpr std::array kLineProtocols{
    LineProtocol{Spoken::smtp,
                 "220",
                 false,
                 "STARTTLS",
                 {"EHLO", "HELO", "LHLO", "NOOP", "RSET", "HELP"},
                 {"EHLO", "HELO", "LHLO"}},
    LineProtocol{Spoken::imap, "* ", true, "STARTTLS", {"CAPABILITY", "NOOP", "ID", "LOGOUT"}, {}},
    LineProtocol{Spoken::pop3, "+OK", false, "STLS", {"CAPA", "NOOP", "QUIT"}, {"CAPA", "STLS"}},
};

std::string_view first_word(std::string_view text) { return text.substr(0, text.find(' ')); }

template <class Words>
bool is_one_of(std::string_view word, const Words& words) {
  return std::ranges::any_of(
      words, [&](std::string_view other) { return !other.empty() && equals_ignoring_case(word, other); });
}

// The word of a line; nullopt when there should be a tag and is none.
std::optional<std::string_view> word_of(const LineProtocol& language, std::string_view line) {
  if (!language.tagged) return first_word(line);
  const std::size_t space = line.find(' ');
  if (space == 0 || space == std::string_view::npos) return {};
  return first_word(line.substr(space + 1));
}

// Of SMTP and FTP the greeting is the same: there the client has to introduce itself as well.
bool speaks(const LineProtocol& language, std::string_view client, std::string_view server) {
  std::string_view line;
  take_line(client, line);
  const bool introduced = is_one_of(first_word(line), language.introductions);
  if (language.protocol == Spoken::smtp) return introduced && may_start_with(server, language.greeting);
  return server.empty() ? introduced : server.starts_with(language.greeting);
}

Inspected inspect_lines(const LineProtocol& language, StreamBytes client, Findings& out) {
  std::string_view text = as_text(client), line;
  while (take_line(text, line)) {
    const auto word = word_of(language, line);
    if (word && equals_ignoring_case(*word, language.starts)) {
      return behind_starttls(language.protocol, client.last(text.size()), out);
    }
    if (!word || !is_one_of(*word, language.harmless)) return in_clear(language.protocol, out);
  }
  return text.size() > kMaxLine ? in_clear(language.protocol, out) : kNeedMore;
}

// The text behind the tag that `text` begins with; nullopt when it does not end here.
std::optional<std::string_view> behind_tag(std::string_view text) {
  const std::size_t end = text.find('>');
  if (end == std::string_view::npos) return {};
  return text.substr(end + 1);
}

std::string_view without_blanks(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == std::string_view::npos ? std::string_view{} : text.substr(begin);
}

// The tags that a client sends before TLS: a declaration, its stream's beginning, and the wish.
Inspected inspect_xmpp(StreamBytes client, Findings& out) {
  constexpr std::string_view kDeclaration = "<?xml", kStream = "<stream:stream", kStart = "<starttls",
                             kStartEnd = "</starttls>";
  std::string_view text = without_blanks(as_text(client));
  if (text.starts_with(kDeclaration)) {
    const auto rest = behind_tag(text);
    if (!rest) return kNeedMore;
    text = without_blanks(*rest);
    if (!may_start_with(text, kStream)) return kNotThis;
  }
  if (!may_start_with(text, kStream) && !may_start_with(text, kDeclaration)) return kNotThis;
  const auto stream = text.starts_with(kStream) ? behind_tag(text) : std::nullopt;
  if (!stream) return kNeedMore;
  text = without_blanks(*stream);
  if (!may_start_with(text, kStart)) return in_clear(Spoken::xmpp, out);
  const auto start = behind_tag(text);
  if (!start) return kNeedMore;
  const bool closed = text[text.size() - start->size() - 2] == '/';
  text = *start;
  if (!closed) {
    if (!may_start_with(text, kStartEnd)) return in_clear(Spoken::xmpp, out);
    if (text.size() < kStartEnd.size()) return kNeedMore;
    text.remove_prefix(kStartEnd.size());
  }
  return behind_starttls(Spoken::xmpp, client.last(text.size()), out);
}

// PostgreSQL, "Message Formats": SSLRequest, GSSENCRequest, StartupMessage of protocol 3.
Inspected inspect_postgresql(StreamBytes client, Findings& out) {
  constexpr std::uint32_t kSsl = 80877103, kGss = 80877104, kVersion3 = 196608, kRequest = 8;
  for (Reader in{client};;) {
    std::uint32_t length = 0, code = 0;
    Reader start = in;
    if (start.u32(length) && length >= 0x10000) return kNotThis;
    if (!start.u32(code)) {
      std::uint8_t zero = 0;
      in.u8(zero);
      return zero == 0 ? kNeedMore : kNotThis;
    }
    if (code >> 16 == kVersion3 >> 16 && length > kRequest) return in_clear(Spoken::postgresql, out);
    if (length != kRequest || (code != kSsl && code != kGss)) {
      return start.remaining() + kRequest == client.size() ? kNotThis : in_clear(Spoken::postgresql, out);
    }
    if (code == kSsl) return behind_starttls(Spoken::postgresql, start.rest(), out);
    in = start;
    if (in.empty()) return kNeedMore;
  }
}

}  // namespace

Inspected inspect_starttls(StreamBytes client, StreamBytes server, Findings& out) {
  if (client.empty()) {
    // A server that greets: what it speaks is for the client to say.
    const std::string_view greeting = as_text(server);
    const bool may = std::ranges::any_of(kLineProtocols, [&](const LineProtocol& language) {
      return may_start_with(greeting, language.greeting);
    });
    return may ? kNeedMore : kNotThis;
  }
  const Inspected xmpp = inspect_xmpp(client, out);
  if (xmpp.finding != Finding::not_this) return xmpp;
  const Inspected postgresql = inspect_postgresql(client, out);
  if (postgresql.finding != Finding::not_this) return postgresql;
  for (const LineProtocol& language : kLineProtocols) {
    if (speaks(language, as_text(client), as_text(server))) return inspect_lines(language, client, out);
  }
  // A word that has not ended may yet be an introduction.
  const std::string_view text = as_text(client);
  const bool unfinished =
      text.size() < 8 && text.find_first_of(" \r\n") == std::string_view::npos &&
      std::ranges::all_of(text, [](char c) { return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'; });
  return unfinished ? kNeedMore : kNotThis;
}

}  // namespace tollgate
