// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string_view>

#include "tollgate/base/known.hpp"
#include "tollgate/flow/five_tuple.hpp"
#include "tollgate/flow/verdict.hpp"
#include "tollgate/inspect/findings.hpp"
#include "tollgate/names/name_source.hpp"
#include "tollgate/process/process_field.hpp"

namespace tollgate {

// What is known of a flow when it is decided (DESIGN.md §1). Views must outlive the decision.
struct Evidence {
  FiveTuple tuple;
  Direction direction = Direction::outbound;
  // The interface of the first packet: the one it leaves by (outbound, forward) or came in by
  // (inbound). Empty when the kernel did not say, or in a capture that does not.
  Known<std::string_view> interface;
  // Owner of the socket, as the queue message says (NFQA_UID, NFQA_GID).
  Known<std::uint32_t> uid;
  Known<std::uint32_t> gid;
  // Whose it is (never null when known). What is not known of a known process is empty too: the
  // container of a program that runs in none.
  Known<const Process*> process;
  // The SHA-256 of a known process's program is still being computed.
  bool hash_awaited = false;
  bool awaits(ProcessField field) const {
    return process.is_awaited() || (field == ProcessField::sha256 && hash_awaited && process.is_known());
  }
  // The name that it was meant for, canonical: lower case, IDNA in its ASCII form, no dot at the end.
  Known<std::string_view> domain;
  NameSource domain_source = NameSource::dns;  // of a known domain
  // What its first bytes say (never null when known). Awaited while they are still being looked at; empty
  // when nobody does.
  Known<const Findings*> findings;
  Known<bool> encrypted;      // that may be known while the rest is awaited
  Known<bool> name_mismatch;  // it asked for another name than those its address was resolved from
  // Asked again about a flow that had a verdict before.
  bool reauthorize = false;
  // Before or after resolving: a question for `domain`, or for a name that it stands for, and no flow yet
  // (Policy::match_name). Nothing is known of protocol, ports and interface then, of the destination only
  // what `addressed` says.
  Stage at = Stage::link;
  std::uint16_t query_type = 0;  // IANA's number
  bool addressed = true;         // the destination's address is one that was answered
};

}  // namespace tollgate
