// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <openssl/ssl.h>

namespace tollgate {

// What we use of libssl, loaded when a server is first asked by TLS. (The rest of OpenSSL is there anyway.)
struct TlsLibrary {
  decltype(&::TLS_client_method) client_method = nullptr;
  decltype(&::SSL_CTX_new) new_context = nullptr;
  decltype(&::SSL_CTX_free) free_context = nullptr;
  decltype(&::SSL_CTX_ctrl) control_context = nullptr;
  decltype(&::SSL_CTX_set_verify) set_verify = nullptr;
  decltype(&::SSL_CTX_set_default_verify_paths) use_system_authorities = nullptr;
  decltype(&::SSL_CTX_load_verify_file) use_authorities = nullptr;
  decltype(&::SSL_new) new_session = nullptr;
  decltype(&::SSL_free) free_session = nullptr;
  decltype(&::SSL_ctrl) control = nullptr;
  decltype(&::SSL_set1_host) set_host = nullptr;
  decltype(&::SSL_set_bio) set_bio = nullptr;
  decltype(&::SSL_set_connect_state) set_connect_state = nullptr;
  decltype(&::SSL_do_handshake) do_handshake = nullptr;
  decltype(&::SSL_read) read = nullptr;
  decltype(&::SSL_write) write = nullptr;
  decltype(&::SSL_get_error) get_error = nullptr;
  decltype(&::SSL_get_verify_result) get_verify_result = nullptr;
};

// Throws std::runtime_error when it is not installed, or lacks something.
const TlsLibrary& tls_library();

}  // namespace tollgate
