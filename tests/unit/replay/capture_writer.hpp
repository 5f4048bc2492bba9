// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <pcap/pcap.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "catch.hpp"
#include "packet_builder.hpp"
#include "temporary_folder.hpp"

namespace tollgate::test {

// Writes a pcap file as libpcap does it, with nanoseconds.
class CaptureWriter {
 public:
  CaptureWriter(const std::string& path, int link_type)
      : handle_{::pcap_open_dead_with_tstamp_precision(link_type, 262144, PCAP_TSTAMP_PRECISION_NANO)},
        dumper_{::pcap_dump_open(handle_, path.c_str())} {
    REQUIRE(dumper_ != nullptr);
  }
  CaptureWriter(const CaptureWriter&) = delete;
  CaptureWriter& operator=(const CaptureWriter&) = delete;
  ~CaptureWriter() {
    ::pcap_dump_close(dumper_);
    ::pcap_close(handle_);
  }

  // `cut`: as many bytes of it were captured.
  CaptureWriter& frame(std::chrono::nanoseconds at, const Bytes& bytes, std::size_t cut = SIZE_MAX) {
    pcap_pkthdr header{};
    header.ts.tv_sec = static_cast<time_t>(at.count() / 1'000'000'000);
    header.ts.tv_usec = static_cast<suseconds_t>(at.count() % 1'000'000'000);
    header.len = static_cast<bpf_u_int32>(bytes.size());
    header.caplen = static_cast<bpf_u_int32>(std::min(bytes.size(), cut));
    ::pcap_dump(reinterpret_cast<unsigned char*>(dumper_), &header, bytes.data());
    return *this;
  }

 private:
  pcap_t* handle_;
  pcap_dumper_t* dumper_;
};

inline void write_file(const std::string& path, const Bytes& bytes) {
  std::ofstream file{path, std::ios::binary};
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.good());
}

}  // namespace tollgate::test
