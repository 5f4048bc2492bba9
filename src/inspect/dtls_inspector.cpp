// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/inspect/dtls_inspector.hpp"

#include "hello_findings.hpp"

namespace tollgate {

Finding DtlsInspector::on_client(std::span<const std::uint8_t> datagram, Findings& out) {
  const auto broken = [&] {
    if (!hello_) return Finding::not_this;
    out.protocol = Spoken::dtls;
    out.malformed = true;
    return Finding::malformed;
  };
  for (Reader in{datagram}; !in.empty();) {
    const Result<DtlsFragment, TlsError> fragment = parse_dtls_handshake(in);
    if (!fragment || fragment->message_type != tls::kClientHello ||
        fragment->message_length > tls::kMaxRecord) {
      return broken();
    }
    // The answer to a HelloVerifyRequest is another message, whole again.
    if (!hello_ || hello_->sequence != fragment->message_sequence) {
      hello_ = Message{fragment->message_sequence, fragment->message_length, StreamHead{tls::kMaxRecord}};
    }
    if (fragment->message_length != hello_->length ||
        hello_->body.add(fragment->offset, fragment->bytes) == StreamHead::Added::conflict) {
      return broken();
    }
    const auto body = hello_->body.prefix();
    if (body.size() < hello_->length) continue;
    const auto hello = parse_client_hello(body, TlsTransport::datagram);
    if (!hello) return broken();
    out.protocol = Spoken::dtls;
    take_hello(*hello, out);
    return Finding::found;
  }
  return hello_ ? Finding::need_more : Finding::not_this;
}

}  // namespace tollgate
