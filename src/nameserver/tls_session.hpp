// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tollgate {

// Whom to believe about certificates, for all sessions.
class TlsAuthorities {
 public:
  // `file`: certificates in PEM; "": those that the system believes. Throws std::runtime_error when they
  // cannot be read.
  explicit TlsAuthorities(const std::string& file);
  SSL_CTX* context() const { return context_.get(); }

 private:
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
};

// The client's side of one TLS connection, without the socket: bytes in, bytes out. TLS 1.2 or later; the
// certificate has to be for `name`.
class TlsSession {
 public:
  TlsSession(const TlsAuthorities& authorities, const std::string& name);

  // From the other end. False: this goes no further, error() says why.
  bool receive(std::span<const std::uint8_t> bytes);
  // For the other end, in the clear. Kept until the handshake is done.
  bool send(std::span<const std::uint8_t> bytes);
  // What is to be sent, encrypted, and what was received, decrypted: taken out.
  std::vector<std::uint8_t> take_outgoing();
  std::vector<std::uint8_t> take_received();
  bool established() const { return established_; }
  const std::string& error() const { return error_; }

 private:
  bool go_on();
  bool shake_hands();
  bool read();
  bool flush();
  bool fail(int result, const char* where);

  std::unique_ptr<SSL, void (*)(SSL*)> session_;
  BIO* in_ = nullptr;   // the session's
  BIO* out_ = nullptr;  // the session's
  bool established_ = false;
  std::vector<std::uint8_t> waiting_;  // to be sent
  std::vector<std::uint8_t> received_;
  std::string error_;
};

}  // namespace tollgate
