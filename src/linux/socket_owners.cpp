// SPDX-License-Identifier: GPL-2.0-or-later
#include "socket_owners.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "netlink_socket.hpp"
#include "process_image.hpp"
#include "spare_memory.hpp"

// The object that clang made of bpf/owner.bpf.c (owner_object.S).
extern "C" {
extern const char tollgate_owner_object[];
extern const char tollgate_owner_object_end[];
}

namespace tollgate {
namespace {

using Object = std::unique_ptr<bpf_object, decltype(&bpf_object__close)>;
using Link = std::unique_ptr<bpf_link, decltype(&bpf_link__destroy)>;
using Ring = std::unique_ptr<ring_buffer, decltype(&ring_buffer__free)>;

// libbpf loads an object whole or not at all, and says in its warnings only which program it was that
// the kernel refused: "prog 'NAME': …". What it says last is kept while this lives.
class Warnings {
 public:
  Warnings() { libbpf_set_print(&Warnings::hear); }
  Warnings(const Warnings&) = delete;
  Warnings& operator=(const Warnings&) = delete;
  ~Warnings() {
    libbpf_set_print(&Warnings::ignore);
    last_program_.clear();
  }
  static const std::string& last_program() { return last_program_; }

 private:
  static int ignore(libbpf_print_level, const char*, va_list) { return 0; }
  static int hear(libbpf_print_level level, const char* format, va_list arguments) {
    if (level != LIBBPF_WARN) return 0;
    std::array<char, 256> text{};
    std::vsnprintf(text.data(), text.size(), format, arguments);
    constexpr std::string_view kBefore = "prog '";
    const std::string_view said{text.data()};
    const std::size_t at = said.find(kBefore);
    if (at == std::string_view::npos) return 0;
    const std::string_view name = said.substr(at + kBefore.size());
    last_program_ = name.substr(0, name.find('\''));
    return 0;
  }
  static inline std::string last_program_;
};

// Where the cgroup v2 hierarchy is mounted: /proc/self/mountinfo (proc(5)) has the file system's type
// after a lone dash.
std::optional<std::string> cgroup_root() {
  std::ifstream mounts{"/proc/self/mountinfo"};
  for (std::string line; std::getline(mounts, line);) {
    const std::size_t dash = line.find(" - cgroup2 ");
    if (dash == std::string::npos) continue;
    std::istringstream fields{line};
    std::string field;
    for (int i = 0; i < 5; ++i) fields >> field;
    return field;
  }
  return std::nullopt;
}

std::string name_of(const bpf_program* program) { return bpf_program__name(program); }

bool wants_cgroup(const bpf_program* program) {
  const bpf_prog_type type = bpf_program__type(program);
  return type == BPF_PROG_TYPE_CGROUP_SOCK || type == BPF_PROG_TYPE_CGROUP_SOCK_ADDR ||
         type == BPF_PROG_TYPE_SOCK_OPS;
}

// Sees what two others see cheaper, where the kernel has those.
bool is_second_choice(const bpf_program* program) {
  return bpf_program__type(program) == BPF_PROG_TYPE_SOCK_OPS;
}

bool is_iterator(const bpf_program* program) {
  return bpf_program__expected_attach_type(program) == BPF_TRACE_ITER;
}

constexpr const char* kCensus = "tollgate_census";

// One iteration, to its end: what the program writes. The errno; 0 when all went well.
int read_iterator(const bpf_link* link, const std::function<void(const tollgate_holding&)>& each) {
  const FileDescriptor iteration{bpf_iter_create(bpf_link__fd(link))};
  if (!iteration.valid()) return errno;
  std::array<tollgate_holding, 512> part{};
  for (;;) {
    const ssize_t size = ::read(iteration.get(), part.data(), sizeof part);
    // It has gone past a million descriptors without having anything to say (kernel/bpf/bpf_iter.c).
    if (size < 0 && errno == EAGAIN) continue;
    if (size < 0) return errno;
    if (size == 0) return 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(size) / sizeof part[0]; ++i) each(part[i]);
  }
}

template <class Function>
void for_each_program(bpf_object* object, Function&& function) {
  bpf_program* program = nullptr;
  while ((program = bpf_object__next_program(object, program)) != nullptr) function(program);
}

class LoadedOwners final : public SocketOwners {
 public:
  std::optional<std::string> start();

  const std::vector<BpfProgram>& programs() const override { return programs_; }
  std::optional<tollgate_owner> by_tuple(const FiveTuple& local, std::uint64_t network) const override;
  std::optional<tollgate_owner> by_cookie(std::uint64_t cookie) const override;
  void receive(const std::function<void(const tollgate_image&)>& each) override;
  int fd() const override { return ring_buffer__epoll_fd(ring_.get()); }
  void forget(const tollgate_process_key& process) override {
    if (bpf_map_delete_elem(told_.get(), &process) == 0) ++programs_taken_out_;
  }
  SocketCensus take_census() const override;
  bool can_take_census() const override { return census_ != nullptr; }
  SocketOwnersCounters counters() const override;

 private:
  std::optional<std::string> load();
  bool load_once(int& error);
  void attach(bpf_program* program);
  void attach_second_choice(bpf_program* program);
  void attach_iterator(bpf_program* program);
  void look_at_open_sockets();
  void refuse(const std::string& name, int error);
  bool runs(std::string_view name) const;
  Result<FileDescriptor, std::string> map(const char* name) const;
  std::optional<std::string> keep_maps();
  std::optional<tollgate_owner> find(const tollgate_flow_key& key) const;
  static int on_image(void* self, void* data, std::size_t size);

  Object object_{nullptr, &bpf_object__close};  // while programs are loaded and attached
  FileDescriptor cgroup_;
  std::vector<Link> links_;
  FileDescriptor owners_, flows_, told_, counters_, images_;
  Ring ring_{nullptr, &ring_buffer__free};
  std::vector<BpfProgram> programs_;
  const std::function<void(const tollgate_image&)>* each_ = nullptr;
  Link look_around_{nullptr, &bpf_link__destroy};  // until it has looked
  Link census_{nullptr, &bpf_link__destroy};
  bool sees_closing_ = false;             // tollgate_release runs
  std::uint64_t programs_taken_out_ = 0;  // of the map, by us
};

void LoadedOwners::refuse(const std::string& name, int error) {
  const auto program = std::ranges::find(programs_, name, &BpfProgram::name);
  if (program != programs_.end()) program->problem = error_text(error);
}

bool LoadedOwners::runs(std::string_view name) const {
  const auto program = std::ranges::find(programs_, name, &BpfProgram::name);
  return program != programs_.end() && program->problem.empty();
}

// True when all that is not refused yet is loaded; else `error` says why not.
bool LoadedOwners::load_once(int& error) {
  const auto size = static_cast<std::size_t>(tollgate_owner_object_end - tollgate_owner_object);
  object_.reset(bpf_object__open_mem(tollgate_owner_object, size, nullptr));
  if (!object_) {
    error = errno;
    return false;
  }
  for_each_program(object_.get(), [&](bpf_program* program) {
    const auto known = std::ranges::find(programs_, name_of(program), &BpfProgram::name);
    if (known == programs_.end()) {
      programs_.push_back({name_of(program), {}});
    } else if (!known->problem.empty()) {
      bpf_program__set_autoload(program, false);
    }
  });
  error = -bpf_object__load(object_.get());
  return error == 0;
}

// Each round that fails leaves one program more out.
std::optional<std::string> LoadedOwners::load() {
  const Warnings warnings;
  int error = 0;
  while (!load_once(error)) {
    if (!object_) return "the eBPF object: " + error_text(error);
    const auto by_name = std::ranges::find_if(programs_, [](const BpfProgram& program) {
      return program.name == Warnings::last_program() && program.problem.empty();
    });
    const auto first = std::ranges::find(programs_, std::string{}, &BpfProgram::problem);
    if (first == programs_.end()) return "the kernel refuses every program: " + error_text(error);
    (by_name != programs_.end() ? by_name : first)->problem = error_text(error);
  }
  return std::nullopt;
}

// Of our own: it outlives the object.
Result<FileDescriptor, std::string> LoadedOwners::map(const char* name) const {
  const int fd = bpf_object__find_map_fd_by_name(object_.get(), name);
  if (fd < 0) return std::string{"the eBPF object has no map "} + name;
  FileDescriptor ours{::fcntl(fd, F_DUPFD_CLOEXEC, 0)};
  if (!ours.valid()) return std::string{"a map of the eBPF programs: "} + error_text(errno);
  return ours;
}

std::optional<std::string> LoadedOwners::keep_maps() {
  for (const auto& [name, kept] :
       {std::pair{"owners", &owners_}, std::pair{"flows", &flows_}, std::pair{"told", &told_},
        std::pair{"counters", &counters_}, std::pair{"images", &images_}}) {
    auto found = map(name);
    if (!found) return found.error();
    *kept = std::move(found.value());
  }
  ring_.reset(ring_buffer__new(images_.get(), &LoadedOwners::on_image, this, nullptr));
  if (!ring_) return "the ring of the eBPF programs: " + error_text(errno);
  return std::nullopt;
}

void LoadedOwners::attach(bpf_program* program) {
  bpf_link* const link = wants_cgroup(program) ? bpf_program__attach_cgroup(program, cgroup_.get())
                                               : bpf_program__attach(program);
  if (link == nullptr) return refuse(name_of(program), errno);
  links_.emplace_back(link, &bpf_link__destroy);
}

void LoadedOwners::attach_second_choice(bpf_program* program) {
  if (!runs("tollgate_tcp_connect") || !runs("tollgate_tcp_listen")) return attach(program);
  std::erase_if(programs_, [&](const BpfProgram& one) { return one.name == name_of(program); });
}

void LoadedOwners::attach_iterator(bpf_program* program) {
  Link& link = name_of(program) == kCensus ? census_ : look_around_;
  link.reset(bpf_program__attach_iter(program, nullptr));
  if (!link) refuse(name_of(program), errno);
}

// The iterator runs when it is read, and prints nothing.
void LoadedOwners::look_at_open_sockets() {
  if (!look_around_) return;
  if (const int error = read_iterator(look_around_.get(), [](const tollgate_holding&) {}))
    refuse("tollgate_holders", error);
  look_around_.reset();
}

std::optional<std::string> LoadedOwners::start() {
  const std::optional<std::string> root = cgroup_root();
  if (!root) return "no cgroup v2 hierarchy is mounted";
  cgroup_ = FileDescriptor{::open(root->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!cgroup_.valid()) return *root + ": " + error_text(errno);
  if (auto problem = load()) return problem;
  if (auto problem = keep_maps()) return problem;
  // First those that see what happens from now on: nothing is used unseen in between.
  bpf_program* second_choice = nullptr;
  for_each_program(object_.get(), [&](bpf_program* program) {
    if (bpf_program__fd(program) < 0) return;
    if (is_iterator(program)) {
      attach_iterator(program);
    } else if (is_second_choice(program)) {
      second_choice = program;
    } else {
      attach(program);
    }
  });
  if (second_choice != nullptr) attach_second_choice(second_choice);
  sees_closing_ = runs("tollgate_release");
  if (links_.empty()) return "the kernel refuses every program: " + programs_.front().problem;
  look_at_open_sockets();
  object_.reset();  // links and maps are what keeps the programs
  return std::nullopt;
}

std::optional<tollgate_owner> LoadedOwners::find(const tollgate_flow_key& key) const {
  tollgate_owner owner{};
  if (bpf_map_lookup_elem(flows_.get(), &key, &owner) != 0) return std::nullopt;
  return owner;
}

std::optional<tollgate_owner> LoadedOwners::by_tuple(const FiveTuple& local, std::uint64_t network) const {
  tollgate_flow_key key{};
  key.network = network;
  std::ranges::copy(local.source, std::begin(key.local));
  std::ranges::copy(local.destination, std::begin(key.remote));
  key.protocol = static_cast<std::uint8_t>(local.protocol);
  key.family = static_cast<std::uint8_t>(local.family);
  const bool ports = has_ports(local.protocol);
  if (ports || is_icmp(local.protocol)) key.local_port = local.source_port;
  if (ports) key.remote_port = local.destination_port;
  std::optional<tollgate_owner> found = find(key);
  if (local.protocol == Protocol::tcp) return found;
  // A socket that is bound to no address tells none when it sends.
  std::ranges::fill(key.local, std::uint8_t{0});
  const std::optional<tollgate_owner> unbound = find(key);
  if (!found || (unbound && unbound->when > found->when)) found = unbound;
  if (!found) return found;
  const std::optional<tollgate_owner> socket = by_cookie(found->cookie);
  if (!sees_closing_ || !socket || socket->closed != 0) found->closed = 1;
  return found;
}

std::optional<tollgate_owner> LoadedOwners::by_cookie(std::uint64_t cookie) const {
  tollgate_owner owner{};
  if (bpf_map_lookup_elem(owners_.get(), &cookie, &owner) != 0) return std::nullopt;
  return owner;
}

int LoadedOwners::on_image(void* self, void* data, std::size_t size) {
  if (size < sizeof(tollgate_image)) return 0;
  (*static_cast<LoadedOwners*>(self)->each_)(*static_cast<const tollgate_image*>(data));
  return 0;
}

void LoadedOwners::receive(const std::function<void(const tollgate_image&)>& each) {
  each_ = &each;
  ring_buffer__consume(ring_.get());
  each_ = nullptr;
}

SocketCensus LoadedOwners::take_census() const {
  SocketCensus census{SocketCensus::Key::cookie};
  const auto each = [&](const tollgate_holding& holding) {
    census.add(holding.cookie, process_id_of(holding.process));
  };
  if (!census_ || read_iterator(census_.get(), each) != 0) census.not_whole();
  census.finish();
  return census;
}

SocketOwnersCounters LoadedOwners::counters() const {
  std::array<std::uint64_t, TOLLGATE_BPF_COUNTERS> values{};
  for (std::uint32_t i = 0; i < values.size(); ++i) bpf_map_lookup_elem(counters_.get(), &i, &values[i]);
  const auto beyond = [](std::uint64_t added, std::uint64_t room) { return added > room ? added - room : 0; };
  return {values[TOLLGATE_IMAGES_LOST], values[TOLLGATE_OWNERS_LOST],
          beyond(values[TOLLGATE_OWNERS_ADDED], TOLLGATE_MOST_OWNERS),
          beyond(values[TOLLGATE_FLOWS_ADDED], TOLLGATE_MOST_FLOWS),
          beyond(values[TOLLGATE_PROGRAMS_ADDED], TOLLGATE_MOST_PROGRAMS + programs_taken_out_)};
}

}  // namespace

std::uint64_t SocketOwners::network() {
  const FileDescriptor socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (!socket.valid() || ::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0)
    return 0;
  return cookie;
}

Result<std::unique_ptr<SocketOwners>, std::string> SocketOwners::open() {
  auto owners = std::make_unique<LoadedOwners>();
  std::optional<std::string> problem = owners->start();
  return_spare_memory();  // libbpf read the kernel's types, some megabytes, once for each try
  if (problem) return *problem;
  return std::unique_ptr<SocketOwners>{std::move(owners)};
}

}  // namespace tollgate
