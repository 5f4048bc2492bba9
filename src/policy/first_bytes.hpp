// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "tollgate/config/toml_reader.hpp"
#include "tollgate/policy/policy.hpp"

// The fields of a rule that speak of a flow's first bytes: sni, alpn, protocol_seen, encrypted and
// name_mismatch. As long as the bytes are not all there, such a rule matches only perhaps.
namespace tollgate {

// Reads them; bad values are reported and left out.
FirstBytesMatch read_first_bytes(TomlTable& table);

struct FirstBytesTest {
  FirstBytesMatch wanted;
  bool demands_encryption = false;  // then `encrypted` matches in either case: Rule::demands_encryption
};

// no, yes or inspects. Allocates nothing.
Match match_first_bytes(const FirstBytesTest& test, const Evidence& seen);

// The same, field by field, with the reasons.
struct FirstBytesAnswer {
  std::string no;     // why it does not match; "" when nothing rules it out
  std::string waits;  // the first field that is awaited; "" when none is
};
FirstBytesAnswer explain_first_bytes(const FirstBytesTest& test, const Evidence& seen);

}  // namespace tollgate
