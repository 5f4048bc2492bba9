// SPDX-License-Identifier: GPL-2.0-or-later
#include "quic_protection.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "tollgate/base/reader.hpp"

namespace tollgate {
namespace {

using Salt = std::array<std::uint8_t, 20>;
using Secret = std::array<std::uint8_t, 32>;  // SHA-256
using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kTag = 16;
constexpr std::size_t kMaxPacketNumber = 4;

struct Context {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Context>;

const Salt& salt(QuicVersion version) {
  // RFC 9001 §5.2, RFC 9369 §3.3.1, draft-ietf-quic-tls-29 §5.2; draft 33 has RFC 9001's.
  static constexpr Salt kV1{0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                            0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
  static constexpr Salt kV2{0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
                            0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9};
  static constexpr Salt kDraft29{0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
                                 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99};
  switch (version) {
    case QuicVersion::v1:
    case QuicVersion::draft33:
      break;
    case QuicVersion::v2:
      return kV2;
    case QuicVersion::draft29:
      return kDraft29;
  }
  return kV1;
}

bool hmac(Bytes key, Bytes message, Secret& out) {
  unsigned length = 0;
  return HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
              out.data(), &length) != nullptr &&
         length == out.size();
}

// HKDF-Expand-Label (RFC 8446 §7.1) without context, for what fits one block of SHA-256.
bool expand(Bytes secret, std::string_view label, std::span<std::uint8_t> out) {
  std::vector<std::uint8_t> info{0, static_cast<std::uint8_t>(out.size()),
                                 static_cast<std::uint8_t>(6 + label.size())};
  for (const char c : std::string_view{"tls13 "}) info.push_back(static_cast<std::uint8_t>(c));
  for (const char c : label) info.push_back(static_cast<std::uint8_t>(c));
  info.push_back(0);
  info.push_back(1);  // the block's number, RFC 5869 §2.3
  Secret block{};
  if (!hmac(secret, info, block)) return false;
  std::copy_n(block.begin(), out.size(), out.begin());
  return true;
}

// What hides the packet number: one block of AES-ECB over the sample (RFC 9001 §5.4.3).
bool header_mask(const QuicKeys& keys, Bytes sample, std::array<std::uint8_t, 16>& mask) {
  const CipherContext context{EVP_CIPHER_CTX_new()};
  int length = 0;
  return context &&
         EVP_EncryptInit_ex(context.get(), EVP_aes_128_ecb(), nullptr, keys.header.data(), nullptr) == 1 &&
         EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1 &&
         EVP_EncryptUpdate(context.get(), mask.data(), &length, sample.data(),
                           static_cast<int>(sample.size())) == 1;
}

bool decrypt(const QuicKeys& keys, Bytes nonce, Bytes header, Bytes sealed, std::vector<std::uint8_t>& out) {
  const CipherContext context{EVP_CIPHER_CTX_new()};
  const Bytes text = sealed.first(sealed.size() - kTag);
  std::array<std::uint8_t, kTag> tag{};
  std::ranges::copy(sealed.last(kTag), tag.begin());
  out.resize(text.size());
  int length = 0;
  return context &&
         EVP_DecryptInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, keys.key.data(), nonce.data()) == 1 &&
         EVP_DecryptUpdate(context.get(), nullptr, &length, header.data(), static_cast<int>(header.size())) ==
             1 &&
         EVP_DecryptUpdate(context.get(), out.data(), &length, text.data(), static_cast<int>(text.size())) ==
             1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(context.get(), out.data() + length, &length) == 1;
}

}  // namespace

bool client_initial_keys(QuicVersion version, std::span<const std::uint8_t> id, QuicKeys& out) {
  Secret initial{}, client{};
  const bool v2 = version == QuicVersion::v2;
  return hmac(salt(version), id, initial) && expand(initial, "client in", client) &&
         expand(client, v2 ? "quicv2 key" : "quic key", out.key) &&
         expand(client, v2 ? "quicv2 iv" : "quic iv", out.iv) &&
         expand(client, v2 ? "quicv2 hp" : "quic hp", out.header);
}

bool open_initial(const QuicKeys& keys, const QuicPacket& packet, std::vector<std::uint8_t>& out) {
  Reader in{packet.payload}, sample;
  std::array<std::uint8_t, 16> mask{};
  Reader ahead = in;
  if (!ahead.skip(kMaxPacketNumber) || !ahead.sub(kQuicSample, sample)) return false;
  if (!header_mask(keys, sample.rest(), mask)) return false;

  std::vector<std::uint8_t> header(packet.header.begin(), packet.header.end());
  header.front() = static_cast<std::uint8_t>(header.front() ^ (mask[0] & 0x0f));
  // A client's Initial packets are few: the number that was sent is the whole number (RFC 9000 §17.1).
  const std::size_t number_length = (header.front() & 3U) + 1;
  std::array<std::uint8_t, 12> nonce = keys.iv;
  for (std::size_t i = 0; i < number_length; ++i) {
    std::uint8_t byte = 0;
    in.u8(byte);
    byte = static_cast<std::uint8_t>(byte ^ mask[1 + i]);
    header.push_back(byte);
    std::uint8_t& place = nonce[nonce.size() - number_length + i];
    place = static_cast<std::uint8_t>(place ^ byte);
  }
  return in.remaining() >= kTag && decrypt(keys, nonce, header, in.rest(), out);
}

}  // namespace tollgate
