// SPDX-License-Identifier: GPL-2.0-or-later
#include "tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <stdexcept>
#include <utility>

#include "tls_library.hpp"

namespace tollgate {
namespace {

constexpr std::size_t kRecord = 16 << 10;  // RFC 8446 §5.1

// What OpenSSL noted last; everything that it noted is forgotten with that.
std::string noted(const char* otherwise) {
  const unsigned long code = ::ERR_peek_last_error();
  ::ERR_clear_error();
  const char* const text = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  return text != nullptr ? text : otherwise;
}

}  // namespace

TlsAuthorities::TlsAuthorities(const std::string& file)
    : context_{tls_library().new_context(tls_library().client_method()), tls_library().free_context} {
  const TlsLibrary& tls = tls_library();
  if (!context_) throw std::runtime_error{"nameserver: TLS: " + noted("no memory")};
  const bool read = file.empty() ? tls.use_system_authorities(context_.get()) == 1
                                 : tls.use_authorities(context_.get(), file.c_str()) == 1;
  if (!read) throw std::runtime_error{"nameserver.tls_ca: " + file + ": " + noted("cannot be read")};
  tls.control_context(context_.get(), SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, nullptr);
  tls.set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
}

TlsSession::TlsSession(const TlsAuthorities& authorities, const std::string& name)
    : session_{tls_library().new_session(authorities.context()), tls_library().free_session},
      in_{::BIO_new(::BIO_s_mem())},
      out_{::BIO_new(::BIO_s_mem())} {
  const TlsLibrary& tls = tls_library();
  if (!session_ || in_ == nullptr || out_ == nullptr) throw std::bad_alloc{};
  ::BIO_set_mem_eof_return(in_, -1);  // nothing there yet is no end
  tls.set_bio(session_.get(), in_, out_);
  tls.set_connect_state(session_.get());
  std::string host = name;
  tls.control(session_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data());
  if (tls.set_host(session_.get(), name.c_str()) != 1) throw std::bad_alloc{};
  shake_hands();  // the first message
}

bool TlsSession::fail(int result, const char* where) {
  const int error = tls_library().get_error(session_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return true;
  const long verified = tls_library().get_verify_result(session_.get());
  if (verified != X509_V_OK) {
    error_ = std::string{"certificate: "} + ::X509_verify_cert_error_string(verified);
    ::ERR_clear_error();
  } else {
    error_ = std::string{where} + ": " + noted("ended by the server");
  }
  return false;
}

bool TlsSession::shake_hands() {
  if (established_) return true;
  const int result = tls_library().do_handshake(session_.get());
  if (result != 1) return fail(result, "handshake");
  established_ = true;
  return true;
}

bool TlsSession::read() {
  std::array<std::uint8_t, kRecord> bytes;
  while (established_) {
    const int count = tls_library().read(session_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (count <= 0) return fail(count, "reading");
    received_.insert(received_.end(), bytes.begin(), bytes.begin() + count);
  }
  return true;
}

// A BIO of memory takes all that it is given.
bool TlsSession::flush() {
  if (!established_ || waiting_.empty()) return true;
  const int count = tls_library().write(session_.get(), waiting_.data(), static_cast<int>(waiting_.size()));
  if (count <= 0) return fail(count, "writing");
  waiting_.erase(waiting_.begin(), waiting_.begin() + count);
  return true;
}

bool TlsSession::go_on() { return shake_hands() && read() && flush(); }

bool TlsSession::receive(std::span<const std::uint8_t> bytes) {
  ::BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
  return go_on();
}

bool TlsSession::send(std::span<const std::uint8_t> bytes) {
  waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
  return go_on();
}

std::vector<std::uint8_t> TlsSession::take_outgoing() {
  std::vector<std::uint8_t> bytes(::BIO_ctrl_pending(out_));
  if (!bytes.empty()) ::BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

std::vector<std::uint8_t> TlsSession::take_received() { return std::exchange(received_, {}); }

}  // namespace tollgate
