// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/capture_file.hpp"

#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <utility>

namespace tollgate {
namespace {

// The year 2255: beyond it nanoseconds and the deadlines added to them leave 64 bits.
constexpr std::int64_t kLatestSecond = 9'000'000'000;

Time time_of(const timeval& stamp) {  // with nanosecond precision tv_usec counts nanoseconds
  const std::int64_t second = std::clamp<std::int64_t>(stamp.tv_sec, 0, kLatestSecond);
  const std::int64_t nanosecond = std::clamp<std::int64_t>(stamp.tv_usec, 0, 999'999'999);
  return Time{std::chrono::seconds{second} + std::chrono::nanoseconds{nanosecond}};
}

std::string error_of(const std::string& path, const std::string& cause) {
  // libpcap names the file in some of its messages.
  return cause.starts_with(path + ": ") ? cause : path + ": " + cause;
}

}  // namespace

void CaptureFile::Close::operator()(pcap* handle) const { ::pcap_close(handle); }

CaptureFile::CaptureFile(std::string path, std::unique_ptr<pcap, Close> handle, LinkType type)
    : path_{std::move(path)}, handle_{std::move(handle)}, link_type_{type} {}

Result<CaptureFile, std::string> CaptureFile::open(const std::string& path) {
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  std::unique_ptr<pcap, Close> handle{
      ::pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error.data())};
  if (!handle) return error_of(path, error.data());
  const int number = ::pcap_datalink(handle.get());
  const std::optional<LinkType> type = tollgate::link_type(number);
  if (!type) {
    const char* name = ::pcap_datalink_val_to_name(number);
    return error_of(path, "link type " + (name != nullptr ? std::string{name} : std::to_string(number)) +
                              " is not supported");
  }
  return CaptureFile{path, std::move(handle), *type};
}

Result<std::optional<Frame>, std::string> CaptureFile::next() {
  pcap_pkthdr* header = nullptr;
  const unsigned char* bytes = nullptr;
  const int got = ::pcap_next_ex(handle_.get(), &header, &bytes);
  if (got == PCAP_ERROR_BREAK) return std::optional<Frame>{};
  if (got != 1) return error_of(path_, ::pcap_geterr(handle_.get()));
  now_ = std::max(now_, time_of(header->ts));
  Frame frame;
  frame.time = now_;
  frame.bytes = {bytes, header->caplen};
  frame.wire_length = std::max<std::size_t>(header->len, header->caplen);
  return std::optional<Frame>{frame};
}

}  // namespace tollgate
