// SPDX-License-Identifier: GPL-2.0-or-later
#include "list_reader.hpp"

#include <charconv>
#include <iterator>
#include <optional>

#include "address_key.hpp"
#include "address_range.hpp"
#include "domain_list_reader.hpp"
#include "tollgate/config/path.hpp"

namespace tollgate {
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";

// Of all files of one list. A name takes at most three times the bytes of its text (IDNA), so that the set
// stays below what it can hold.
constexpr std::size_t kMostDomainText = std::size_t{1} << 30;

// What becomes of a list with lines that are none of its forms.
enum class BrokenLines : std::uint8_t { refuse, skip };
std::string_view to_string(BrokenLines what) { return what == BrokenLines::refuse ? "refuse" : "skip"; }

// The network that has `text`'s address in it, when only the host bits are wrong.
std::optional<Prefix> without_host_bits(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = IpAddress::parse(text.substr(0, slash));
  unsigned length = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, length);
  if (!address || error != std::errc{} || stop != end || length > address->bits()) return std::nullopt;
  AddressBytes bytes = address->bytes();
  for (unsigned bit = length; bit < address->bits(); ++bit) {
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] & ~(0x80U >> bit % 8));
  }
  const IpAddress first = address->family() == Family::ipv4
                              ? IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]})
                              : IpAddress::v6(bytes);
  return Prefix{first, static_cast<std::uint8_t>(length)};
}

void parse_line(std::string_view line, std::uint32_t number, std::vector<Prefix>& prefixes,
                FileDiagnostics& found) {
  line = line.substr(0, line.find('#'));
  const std::size_t begin = line.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return;
  const std::string_view text = line.substr(begin, line.find_last_not_of(kBlanks) - begin + 1);
  if (const auto networks = parse_addresses(text)) {
    prefixes.insert(prefixes.end(), networks->begin(), networks->end());
    return;
  }
  const std::size_t blank = text.find_first_of(kBlanks);
  const bool more = blank != std::string_view::npos && parse_addresses(text.substr(0, blank));
  const std::size_t place = more ? text.find_first_not_of(kBlanks, blank) : 0;
  found.add({number, static_cast<std::uint32_t>(begin + place + 1)},
            more ? "one address or network a line, and a comment begins with #" : why_not_a_prefix(text));
}

class ListReader {
 public:
  ListReader(TomlTable table, PolicySources& sources) : table_{std::move(table)}, sources_{sources} {}

  PolicyList read(Diagnostics& broken, Diagnostics& skipped) {
    const auto lines = table_.take("broken_lines");
    const bool skip = lines && lines->word({BrokenLines::refuse, BrokenLines::skip}) == BrokenLines::skip;
    file_diagnostics_ = skip ? &skipped : &broken;
    PolicyList list;
    list.of_addresses = read_addresses();
    list.of_domains = read_domains();
    const std::size_t errors_before = table_.found().size();
    table_.refuse_rest();
    const bool misspelled = table_.found().size() != errors_before;
    if (!list.of_addresses && !list.of_domains && !misspelled) {
      table_.error(table_.name() +
                   " needs addresses or domains (files), entries (networks) or names (domains)");
    }
    list.addresses = AddressList{prefixes_};
    list.domains = std::move(domains_).build();
    return list;
  }

 private:
  // Whether there are any of its keys.
  bool read_addresses() {
    const auto files = table_.take("addresses");
    const auto entries = table_.take("entries");
    if (files) {
      for (const TomlValue& file : files->each()) {
        read_file(file, [&](std::string_view text, FileDiagnostics& found) {
          const std::vector<Prefix> lines = parse_list_file(text, found);
          prefixes_.insert(prefixes_.end(), lines.begin(), lines.end());
        });
      }
    }
    if (entries) {
      for (const TomlValue& entry : entries->each()) read_entry(entry);
    }
    return files || entries;
  }

  bool read_domains() {
    const auto files = table_.take("domains");
    const auto names = table_.take("names");
    const auto allow = table_.take("allow");
    const auto allow_files = table_.take("allow_domains");
    if (files) read_domain_files(*files, false);
    if (allow_files) read_domain_files(*allow_files, true);
    if (names) read_names(*names, false);
    if (allow) read_names(*allow, true);
    return files || names;
  }

  void read_domain_files(const TomlValue& files, bool except) {
    for (const TomlValue& file : files.each()) {
      read_file(file, [&](std::string_view text, FileDiagnostics& found) {
        domain_text_ += text.size();
        if (domain_text_ > kMostDomainText)
          return file.error(table_.name() + " has more than 1 GiB of domains");
        parse_domain_list(text, except, domains_, found);
      });
    }
  }

  void read_names(const TomlValue& names, bool except) {
    for (const TomlValue& value : names.each()) {
      const auto text = value.string();
      if (!text) continue;
      const auto pattern = DomainPattern::parse(*text);
      if (pattern) {
        domains_.add(*pattern, except);
      } else {
        value.wrong(R"(a domain or what is below one, like "example.org" or "*.example.org")");
      }
    }
  }

  template <class Parse>
  void read_file(const TomlValue& value, Parse&& parse) {
    const auto name = value.string();
    if (!name) return;
    const std::string path = path_beside(value.file(), *name);
    const auto text = sources_.read(path);
    if (!text) return value.error("cannot read " + in_quotes(path) + ": " + text.error().message);
    FileDiagnostics found{path};
    parse(*text, found);
    const Diagnostics wrong = found.take();
    file_diagnostics_->insert(file_diagnostics_->end(), wrong.begin(), wrong.end());
  }

  void read_entry(const TomlValue& value) {
    const auto text = value.string();
    if (!text) return;
    const auto networks = parse_addresses(*text);
    if (!networks) return value.error(why_not_a_prefix(*text));
    prefixes_.insert(prefixes_.end(), networks->begin(), networks->end());
  }

  TomlTable table_;
  PolicySources& sources_;
  Diagnostics* file_diagnostics_ = nullptr;
  std::vector<Prefix> prefixes_;
  DomainSet::Builder domains_;
  std::size_t domain_text_ = 0;  // bytes that were read
};

}  // namespace

std::optional<std::vector<Prefix>> parse_addresses(std::string_view text) {
  if (const auto prefix = Prefix::parse(text)) return std::vector{*prefix};
  return parse_range(text);
}

std::string why_not_a_prefix(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash != std::string_view::npos && IpAddress::parse(text.substr(0, dash)) &&
      IpAddress::parse(text.substr(dash + 1))) {
    return "the range " + in_quotes(text) + " ends before it begins, or its ends are of two families";
  }
  if (const auto network = without_host_bits(text); network && !Prefix::parse(text)) {
    return in_quotes(text) + " has bits set past its length; the network is " + network->to_string();
  }
  return in_quotes(text) + " is not an address or a network";
}

std::vector<Prefix> parse_list_file(std::string_view text, FileDiagnostics& found) {
  std::vector<Prefix> prefixes;
  for (std::uint32_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    parse_line(text.substr(0, end), number, prefixes, found);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return prefixes;
}

PolicyList read_list(TomlTable table, PolicySources& sources, Diagnostics& broken, Diagnostics& skipped) {
  return ListReader{std::move(table), sources}.read(broken, skipped);
}

}  // namespace tollgate
