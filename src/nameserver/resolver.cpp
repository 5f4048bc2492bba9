// SPDX-License-Identifier: GPL-2.0-or-later
#include "resolver.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "unbound_library.hpp"

namespace tollgate {
namespace {

constexpr int kInternet = 1;
constexpr int kServerFailure = 2;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error{"nameserver: " + what}; }

// A file without a place, for a library that reads its configuration from files only.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view text) : fd_{::memfd_create("unbound.conf", MFD_CLOEXEC)} {
    if (fd_ < 0 || ::write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      const int error = errno;
      if (fd_ >= 0) ::close(fd_);
      throw std::system_error{error, std::generic_category(), "nameserver: memfd"};
    }
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(fd_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace

Resolver::Resolver(boost::asio::io_context& loop, const NameserverOptions& options,
                   const RelayPort& relay_port, UnboundEvents::Own own)
    : events_{std::move(own)}, readable_{loop, events_.fd()}, context_{nullptr, unbound_library().destroy} {
  context_.reset(unbound_library().create(events_.base()));
  if (!context_) fail("no memory for the resolver");
  configure(unbound_config(options, relay_port));
  begin(options);
  wait();
}

Resolver::~Resolver() {
  context_.reset();     // takes its events with it
  readable_.release();  // it is events_'s
}

void Resolver::configure(const std::string& text) {
  const MemoryFile file{text};
  unbound_library().debug_output(context_.get(), nullptr);  // it would write to stderr
  const int error = unbound_library().configure(context_.get(), file.path().c_str());
  if (error != 0)
    fail(std::string{"the resolver refuses its configuration: "} + unbound_library().error_text(error));
}

// The first question makes it read its files: better now than when somebody waits. No server is asked it.
void Resolver::begin(const NameserverOptions& options) {
  const int error = unbound_library().resolve(
      context_.get(), "localhost", static_cast<int>(DnsType::a), kInternet, nullptr,
      [](void*, int, void*, int, int, char*, int) {}, nullptr);
  if (error == 0) return;
  const std::string why = unbound_library().error_text(error);
  fail("the resolver does not start (" + why + ")" +
       (options.root_anchor.empty() ? "" : "; can it read the anchors in " + options.root_anchor + "?"));
}

void Resolver::wait() {
  readable_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [this](boost::system::error_code error) {
                         if (error) return;
                         events_.process();
                         wait();
                       });
}

void Resolver::resolve(const DnsName& name, DnsType type, Done done) {
  auto owned = std::make_unique<Asked>(Asked{this, std::move(done)});
  Asked* const asked = owned.get();
  asked_.emplace(asked, std::move(owned));
  const std::string text = name.is_root() ? "." : name.text();
  const int error = unbound_library().resolve(context_.get(), text.c_str(), static_cast<int>(type), kInternet,
                                              asked, &Resolver::answered, nullptr);
  if (error != 0) finish(asked, {});
}

void Resolver::answered(void* asked, int rcode, void* packet, int length, int security, char* why, int) {
  auto* const question = static_cast<Asked*>(asked);
  Resolution resolution;
  if (rcode == 0 && packet != nullptr && length > 0) {
    resolution.message = {static_cast<const std::uint8_t*>(packet), static_cast<std::size_t>(length)};
    const auto in = DnsReader::open(resolution.message);
    resolution.failed = !in.ok() || in->header().rcode == kServerFailure;
  }
  resolution.bogus = security == 1;
  resolution.secure = security == 2;
  if (why != nullptr) resolution.why = why;
  question->resolver->finish(question, resolution);
}

void Resolver::finish(Asked* asked, const Resolution& resolution) {
  const auto found = asked_.find(asked);
  const std::unique_ptr<Asked> owned = std::move(found->second);
  asked_.erase(found);
  owned->done(resolution);
}

}  // namespace tollgate
