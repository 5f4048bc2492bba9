// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "tollgate/base/result.hpp"
#include "tollgate/base/time.hpp"
#include "tollgate/wire/link_layer.hpp"

struct pcap;

namespace tollgate {

// One frame of a capture.
struct Frame {
  Time time{};                          // never before that of the frame ahead of it
  std::span<const std::uint8_t> bytes;  // as captured; good until the next one is read
  std::size_t wire_length = 0;          // as it was on the wire; at least bytes.size()
};

// A pcap or pcapng file, read from its beginning to its end. Not seekable, so a pipe will do.
class CaptureFile {
 public:
  // "-" is standard input. Errors name file and cause: what is no capture, or has a link type that
  // link_layer.hpp does not know.
  static Result<CaptureFile, std::string> open(const std::string& path);

  LinkType link_type() const { return link_type_; }
  // The next frame; nullopt at the end; an error where the file breaks off or makes no sense.
  Result<std::optional<Frame>, std::string> next();

 private:
  struct Close {
    void operator()(pcap* handle) const;
  };
  CaptureFile(std::string path, std::unique_ptr<pcap, Close> handle, LinkType type);

  std::string path_;
  std::unique_ptr<pcap, Close> handle_;
  LinkType link_type_;
  Time now_{};
};

}  // namespace tollgate
