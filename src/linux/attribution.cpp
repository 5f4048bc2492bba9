// SPDX-License-Identifier: GPL-2.0-or-later
#include "attribution.hpp"

#include <sys/utsname.h>

#include <cstdio>
#include <map>
#include <utility>

#include "proc_census.hpp"
#include "proc_reader.hpp"
#include "process_image.hpp"
#include "process_readings.hpp"

namespace tollgate {
namespace {

constexpr unsigned kEventBudget = 256;
constexpr int kMostReadings = 3;  // of a process that changes all the time

// Linux 5.19 lets whoever has a map's descriptor use it; before, a machine that keeps others from eBPF
// (kernel.unprivileged_bpf_disabled) keeps them from maps as well.
bool maps_are_open_to_all() {
  utsname name{};
  unsigned major = 0, minor = 0;
  if (::uname(&name) != 0 || std::sscanf(name.release, "%u.%u", &major, &minor) != 2) return false;
  return major > 5 || (major == 5 && minor >= 19);
}

class Attributor final : public Attribution {
 public:
  explicit Attributor(const AttributionOptions& options) : interpreters_{options.interpreters} {
    if (options.ebpf) open_owners();
    open_sock_diag();
    if (!owners_) open_events();
  }

  std::vector<BpfProgram> programs() const override {
    return owners_ ? owners_->programs() : std::vector<BpfProgram>{};
  }
  const std::vector<std::string>& problems() const override { return problems_; }
  std::optional<Attributed> look_up(const LookUp& flow, Ticket ticket) override;
  bool can_wait() const override { return owners_ != nullptr; }
  ProcessPointer seen(const FiveTuple& local) override;
  Left turn(const std::function<void(Ticket, const Attributed&)>& done) override;
  int events_fd() const override { return events_ ? events_->fd() : -1; }
  int images_fd() const override { return owners_ ? owners_->fd() : -1; }
  void receive() override;
  SocketCensus take_census() const override {
    return owners_ && owners_->can_take_census() ? owners_->take_census() : census_of_proc();
  }
  std::optional<std::vector<SocketHolder>> holders(const SocketCensus& census, const FiveTuple& tuple,
                                                   Direction direction) override;
  AttributionNeeds needs() const override {
    return {owners_ != nullptr && !maps_are_open_to_all(), !owners_};
  }
  AttributionCounters counters() const override { return counters_; }
  SocketOwnersCounters lost() const override {
    return owners_ ? owners_->counters() : SocketOwnersCounters{};
  }
  std::size_t processes() const override { return table_.size(); }

 private:
  void open_owners();
  void open_sock_diag();
  void open_events();
  std::optional<SocketEntry> socket_of(const FiveTuple& local, Direction direction);
  std::optional<SocketEntry> listener_of(const FiveTuple& local);
  std::optional<Attributed> by_owner(const tollgate_owner& owner);
  bool superseded(const FiveTuple& local, const tollgate_owner& owner);
  std::optional<Attributed> by_cookie(std::uint64_t cookie);
  void on_event(const ProcessEvent& event);
  void receive_events();
  std::optional<Process> read_holder(std::uint32_t pid, std::uint64_t inode) const;
  Attributed by_holder(std::uint32_t pid, std::uint64_t inode);
  void take_in(const ProcessId& id, std::map<ProcessId, const tollgate_image*>& told);
  ProcessPointer keep(Process process);
  Attributed found(ProcessPointer process);
  Attributed not_found(NoProcess why) {
    counters_.not_found.add(why);
    return {nullptr, why};
  }

  std::vector<std::string> interpreters_;
  std::vector<std::string> problems_;
  std::unique_ptr<SocketOwners> owners_;
  std::uint64_t network_ = 0;
  std::optional<SocketDiag> diag_;
  std::optional<ProcessEvents> events_;
  SocketHolders holders_;
  ProcessReadings readings_;
  ProcessTable table_;
  std::vector<tollgate_image> images_;  // of one receive()
  ProcessPointer kernel_;
  // The inodes of what is searched for, by ticket.
  std::unordered_map<Ticket, std::uint64_t> searched_;
  AttributionCounters counters_;
};

void Attributor::open_owners() {
  network_ = SocketOwners::network();
  if (network_ == 0) {
    problems_.emplace_back("eBPF: this kernel does not tell network namespaces apart (Linux 5.14 does)");
    return;
  }
  auto owners = SocketOwners::open();
  if (!owners.ok()) {
    problems_.push_back("eBPF: " + owners.error());
    return;
  }
  owners_ = std::move(owners.value());
  for (const BpfProgram& program : owners_->programs()) {
    if (!program.problem.empty())
      problems_.push_back("eBPF program " + program.name + ": " + program.problem);
  }
}

void Attributor::open_sock_diag() {
  auto diag = SocketDiag::open();
  if (diag.ok()) {
    diag_.emplace(std::move(diag.value()));
  } else {
    problems_.push_back("sock_diag: " + diag.error());
  }
}

void Attributor::open_events() {
  auto events = ProcessEvents::open();
  if (events.ok()) {
    events_.emplace(std::move(events.value()));
    readings_ = ProcessReadings{true};
  } else {
    problems_.push_back(events.error());
  }
  holders_.look_around();
}

void Attributor::on_event(const ProcessEvent& event) {
  readings_.forget(event.pid);
  switch (event.kind) {
    case ProcessEvent::Kind::began:
    case ProcessEvent::Kind::became:
      return holders_.began(event.pid);
    case ProcessEvent::Kind::ended:
      return holders_.ended(event.pid);
    case ProcessEvent::Kind::changed:
      return;
  }
}

// All of them: what is not received yet might be of the process that is asked about.
void Attributor::receive_events() {
  bool more = events_.has_value();
  while (more) {
    const auto received =
        events_->receive(kEventBudget, [this](const ProcessEvent& event) { on_event(event); });
    if (received.overrun) readings_.forget_all();
    more = received.more;
  }
}

void Attributor::receive() {
  receive_events();
  if (!owners_) return;
  images_.clear();
  owners_->receive([this](const tollgate_image& image) { images_.push_back(image); });
  std::map<ProcessId, const tollgate_image*> told;
  for (const tollgate_image& image : images_) told.insert_or_assign(process_id_of(image.process), &image);
  for (const tollgate_image& image : images_) take_in(process_id_of(image.process), told);
}

// A process names its ancestors, so these come first. They are told of in any order.
void Attributor::take_in(const ProcessId& id, std::map<ProcessId, const tollgate_image*>& told) {
  const auto node = told.extract(id);
  if (node.empty()) return;
  const tollgate_image& image = *node.mapped();
  take_in(process_id_of(image.parent), told);
  keep(process_of(image, interpreters_, [this](const ProcessId& known) { return table_.find(known); }));
}

ProcessPointer Attributor::keep(Process process) { return table_.keep(std::move(process)); }

Attributed Attributor::found(ProcessPointer process) {
  if (!process) return not_found(NoProcess::full);
  counters_.found.add(process->source);
  return {std::move(process), {}};
}

// The socket of the flow's local end. For a connection that arrives that is the one that listens, until
// there is one of its own.
std::optional<SocketEntry> Attributor::socket_of(const FiveTuple& local, Direction direction) {
  if (!diag_) return std::nullopt;
  return direction == Direction::inbound ? diag_->find_or_listening(local) : diag_->find(local);
}

std::optional<SocketEntry> Attributor::listener_of(const FiveTuple& local) {
  if (!diag_ || local.protocol != Protocol::tcp) return std::nullopt;
  FiveTuple from_anywhere = local;
  from_anywhere.destination = {};
  from_anywhere.destination_port = 0;
  return diag_->find(from_anywhere);
}

std::optional<Attributed> Attributor::by_owner(const tollgate_owner& owner) {
  if (owner.kernel != 0) {
    if (!kernel_) {
      Process kernel;
      kernel.source = ProcessSource::kernel;
      kernel.name = "kernel";
      kernel_ = std::make_shared<const Process>(std::move(kernel));
    }
    return found(kernel_);
  }
  receive();
  const ProcessId id = process_id_of(owner.process);
  if (ProcessPointer known = table_.find(id)) return found(std::move(known));
  // It was told of and has been forgotten here, or the ring was full: next time it is told of again.
  owners_->forget(owner.process);
  std::optional<Process> read = read_process(id.pid, interpreters_);
  if (!read || read->id.start != id.start) return std::nullopt;
  read->id = id;
  return found(keep(std::move(*read)));
}

std::optional<Attributed> Attributor::by_cookie(std::uint64_t cookie) {
  if (!owners_) return std::nullopt;
  const auto owner = owners_->by_cookie(cookie);
  return owner ? by_owner(*owner) : std::nullopt;
}

// What is read is of the holder if it holds the socket afterwards and began when it did before.
std::optional<Process> Attributor::read_holder(std::uint32_t pid, std::uint64_t inode) const {
  const std::optional<ProcessId> before = process_id(pid);
  if (!before) return std::nullopt;
  std::optional<Process> read = read_process(pid, interpreters_);
  if (!read || read->id != *before || !holders_.still_holds(pid, inode)) return std::nullopt;
  return read;
}

// `pid` has been seen to hold the socket.
Attributed Attributor::by_holder(std::uint32_t pid, std::uint64_t inode) {
  // What became of the process until now: then what was read before is of the one that holds it.
  receive_events();
  const auto now = ProcessReadings::Clock::now();
  if (ProcessPointer known = readings_.find(pid, now)) return found(std::move(known));
  std::optional<Process> read;
  for (int tries = 0; tries < kMostReadings; ++tries) {
    readings_.begin(pid);
    read = read_holder(pid, inode);
    if (!read) return not_found(NoProcess::no_holder);
    receive_events();
    if (!readings_.disturbed()) break;  // else it may be half of one program, half of the next
  }
  ProcessPointer known = table_.find(read->id);
  if (!known || *known != *read) known = keep(std::move(*read));
  if (known) readings_.end(known, now);
  return found(std::move(known));
}

// A connected UDP socket was not seen to send, and may have the tuple of one that is closed.
bool Attributor::superseded(const FiveTuple& local, const tollgate_owner& owner) {
  if (owner.closed == 0 || !diag_) return false;
  const std::optional<SocketEntry> socket = diag_->find(local);
  if (!socket || socket->cookie == owner.cookie || socket->tuple.destination_port == 0) return false;
  const auto now = owners_->by_cookie(socket->cookie);
  return !now || now->when > owner.when;
}

std::optional<Attributed> Attributor::look_up(const LookUp& flow, Ticket ticket) {
  const Direction direction = flow.direction;
  if (direction == Direction::forward) return not_found(NoProcess::not_local);
  const FiveTuple local = direction == Direction::inbound ? flow.tuple.reversed() : flow.tuple;
  // 0. Nothing has to be found out about the socket.
  if (flow.socket && *flow.socket != 0) {
    if (auto answer = by_cookie(*flow.socket)) return answer;
  }
  // 1. Whoever opened it was seen in the act.
  if (owners_ && direction == Direction::outbound) {
    const auto owner = owners_->by_tuple(local, network_);
    if (owner && !superseded(local, *owner)) {
      if (auto answer = by_owner(*owner)) return answer;
    }
  }
  // 2. The kernel knows the socket, and somebody was seen using it.
  if (direction == Direction::outbound && flow.socket == 0) return not_found(NoProcess::no_socket);
  std::optional<SocketEntry> socket = socket_of(local, direction);
  if (socket) {
    if (auto answer = by_cookie(socket->cookie)) return answer;
  }
  // A connection that nobody has accepted yet (it has no inode), or was seen to accept, is of who listens.
  if (direction == Direction::inbound && socket && (owners_ || socket->inode == 0)) {
    const std::optional<SocketEntry> listener = listener_of(local);
    if (listener) {
      if (auto answer = by_cookie(listener->cookie)) return answer;
    }
    if (listener && socket->inode == 0) socket = listener;
  }
  if (!socket) {
    // 3. It was closed between the two questions, and its owner written down as it was.
    if (owners_ && direction == Direction::outbound) {
      if (const auto owner = owners_->by_tuple(local, network_)) {
        if (auto answer = by_owner(*owner)) return answer;
      }
    }
    return not_found(NoProcess::no_socket);
  }
  // 4. Whoever holds it. A socket that nobody holds any more has no inode.
  if (socket->inode == 0) return not_found(NoProcess::no_socket);
  receive_events();
  if (const auto pid = holders_.find_quickly(socket->inode)) return by_holder(*pid, socket->inode);
  if (!holders_.search(socket->inode, ticket)) return not_found(NoProcess::late);
  searched_[ticket] = socket->inode;
  return std::nullopt;
}

ProcessPointer Attributor::seen(const FiveTuple& local) {
  if (!owners_) return nullptr;
  auto owner = owners_->by_tuple(local, network_);
  if (!owner || superseded(local, *owner)) {
    // Where connecting is not seen, the socket is known by its cookie, and by its tuple once it is closed.
    const std::optional<SocketEntry> socket = socket_of(local, Direction::outbound);
    owner = socket ? owners_->by_cookie(socket->cookie) : owners_->by_tuple(local, network_);
  }
  if (!owner || owner->kernel != 0) return nullptr;
  receive();
  return table_.find(process_id_of(owner->process));
}

Attribution::Left Attributor::turn(const std::function<void(Ticket, const Attributed&)>& done) {
  return holders_.turn([&](SocketHolders::Ticket ticket, std::optional<std::uint32_t> pid) {
    const auto searched = searched_.find(ticket);
    if (searched == searched_.end()) return;
    const std::uint64_t inode = searched->second;
    searched_.erase(searched);
    done(ticket, pid ? by_holder(*pid, inode) : not_found(NoProcess::no_holder));
  });
}

std::optional<std::vector<SocketHolder>> Attributor::holders(const SocketCensus& census,
                                                             const FiveTuple& tuple, Direction direction) {
  if (direction == Direction::forward) return std::nullopt;
  const std::optional<SocketEntry> socket =
      socket_of(direction == Direction::inbound ? tuple.reversed() : tuple, direction);
  if (!socket) return std::nullopt;
  if (census.key() == SocketCensus::Key::inode) return census.holders(socket->inode);
  receive();  // the programs that the census has met
  std::vector<SocketHolder> holders = census.holders(socket->cookie);
  for (SocketHolder& holder : holders) {
    const ProcessPointer known = table_.find(holder.process);
    holder.name = known ? known->name : process_name(holder.process.pid);
    if (known) holder.path = known->path;
  }
  return holders;
}

}  // namespace

std::unique_ptr<Attribution> Attribution::open(const AttributionOptions& options) {
  return std::make_unique<Attributor>(options);
}

}  // namespace tollgate
