// SPDX-License-Identifier: GPL-2.0-or-later
#include "tls_library.hpp"

#include "shared_library.hpp"

namespace tollgate {
namespace {

TlsLibrary load() {
  const SharedLibrary library{"libssl.so.3"};
  TlsLibrary loaded;
  library.find("TLS_client_method", loaded.client_method);
  library.find("SSL_CTX_new", loaded.new_context);
  library.find("SSL_CTX_free", loaded.free_context);
  library.find("SSL_CTX_ctrl", loaded.control_context);
  library.find("SSL_CTX_set_verify", loaded.set_verify);
  library.find("SSL_CTX_set_default_verify_paths", loaded.use_system_authorities);
  library.find("SSL_CTX_load_verify_file", loaded.use_authorities);
  library.find("SSL_new", loaded.new_session);
  library.find("SSL_free", loaded.free_session);
  library.find("SSL_ctrl", loaded.control);
  library.find("SSL_set1_host", loaded.set_host);
  library.find("SSL_set_bio", loaded.set_bio);
  library.find("SSL_set_connect_state", loaded.set_connect_state);
  library.find("SSL_do_handshake", loaded.do_handshake);
  library.find("SSL_read", loaded.read);
  library.find("SSL_write", loaded.write);
  library.find("SSL_get_error", loaded.get_error);
  library.find("SSL_get_verify_result", loaded.get_verify_result);
  return loaded;
}

}  // namespace

const TlsLibrary& tls_library() {
  static const TlsLibrary library = load();
  return library;
}

}  // namespace tollgate
