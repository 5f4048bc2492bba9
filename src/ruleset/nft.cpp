// SPDX-License-Identifier: GPL-2.0-or-later
#include <string>
#include <string_view>

#include "ruleset/live.hpp"
#include "ruleset/reroute.hpp"
#include "tollgate/ruleset/queue_layout.hpp"
#include "tollgate/ruleset/ruleset.hpp"

namespace tollgate {
namespace {

enum class Place : std::uint8_t { prerouting, input, forward, output };

constexpr std::string_view hook_of(Place place) {
  switch (place) {
    case Place::prerouting:
      return "prerouting";
    case Place::input:
      return "input";
    case Place::forward:
      return "forward";
    case Place::output:
      return "output";
  }
  return {};
}

// DNS, mDNS (RFC 6762), LLMNR (RFC 4795).
constexpr std::string_view kNamePorts = "{ 53, 5353, 5355 }";
constexpr std::string_view kRefusal4 = "icmp type destination-unreachable icmp code host-prohibited";
constexpr std::string_view kRefusal6 = "icmpv6 type destination-unreachable icmpv6 code admin-prohibited";

// One table; `accept` ends our base chain only, the chains of others still see the packet.
class Writer {
 public:
  Writer(const Config& config, const LiveRules& live)
      : config_{config}, live_{live}, field_{mark_field(config)} {}

  std::string write() {
    line("add table inet tollgate");
    line("flush table inet tollgate");
    line("table inet tollgate {");
    sockets();
    refuse();
    blocked();
    answer();
    kernel_sent();
    rerouted();
    queues();
    invalid();
    untracked();
    if (checks_arrival(config_)) arrival();
    carry_out(Place::input);
    if (config_.forward) carry_out(Place::forward);
    carry_out(Place::output);
    nat();
    if (config_.reroute_arriving) ask_arriving();
    ask(Place::input);
    if (config_.forward) ask(Place::forward);
    ask(Place::output);
    line("}");
    append_nft_live(config_, live_, text_);
    return std::move(text_);
  }

 private:
  void line(std::string_view text) { text_.append(text).append("\n"); }
  void rule(std::string_view text) { text_.append("\t\t").append(text).append("\n"); }
  void open(std::string_view chain) { line("\tchain " + std::string{chain} + " {"); }
  void open(std::string_view duty, Place place, std::string_view type, int priority) {
    const std::string hook{hook_of(place)};
    open(std::string{duty} + "_" + hook);
    rule("type " + std::string{type} + " hook " + hook + " priority " + std::to_string(priority) +
         "; policy accept;");
  }
  void close() { line("\t}"); }

  // "meta mark & MASK == VALUE"
  std::string masked(std::string_view key, std::string_view compare, std::string_view value) const {
    return std::string{key} + " & " + field_.mask() + " " + std::string{compare} + std::string{value};
  }
  std::string packet_mark(FlowMark mark) const { return masked("meta mark", "== ", field_.value(mark)); }
  std::string ct_mark(FlowMark mark) const { return masked("ct mark", "== ", field_.value(mark)); }
  std::string any_packet_mark() const {
    return masked("meta mark", "!= ", field_.value(FlowMark::undecided));
  }
  std::string clear() const { return "meta mark set meta mark & " + field_.others(); }
  bool exempt() const { return config_.loopback == LoopbackHandling::exempt; }

  void loopback(Place place) {
    if (!exempt()) return;
    if (place == Place::output) rule("oif \"lo\" accept");
    if (place == Place::input) rule("iif \"lo\" accept");
  }

  // What the daemon puts in there: sockets whose flows nobody asks about.
  void sockets() {
    for (const char* set : {"reached", "sending"}) {
      for (const std::string family : {"4", "6"}) {
        line("\tset " + std::string{set} + family + " {");
        rule("type inet_proto . ipv" + family + "_addr . inet_service");
        close();
      }
    }
    open("authorized");
    rule("ct mark set ct mark & " + field_.others() + " | " + field_.value(FlowMark::accept));
    close();
  }

  void authorized(Place place) {
    if (place != Place::input && place != Place::output) return;
    const bool out = place == Place::output;
    const std::string undecided = ct_mark(FlowMark::undecided) + " meta l4proto . ";
    const std::string end = out ? "saddr . th sport @sending" : "daddr . th dport @reached";
    rule(undecided + "ip " + end + "4 jump authorized");
    rule(undecided + "ip6 " + end + "6 jump authorized");
  }

  void invalid() {
    open("invalid");
    if (config_.log_invalid) rule("limit rate 10/minute log prefix \"tollgate invalid: \"");
    rule(std::string{"counter "} + (config_.invalid == InvalidHandling::drop ? "drop" : "accept"));
    close();
  }

  // What somebody has exempted from conntrack (NOTRACK): no verdict of it can be kept.
  void untracked() {
    open("untracked");
    rule("counter goto ask");
    close();
  }

  // The daemon fills these in, as interfaces come and go.
  void arrival() {
    for (const char* chain : {"arrived", "stamp_in", "stamp_out"}) {
      open(chain);
      close();
    }
  }

  void refuse() {
    open("refuse");
    rule("meta l4proto tcp reject with tcp reset");
    rule("reject with icmp type host-prohibited");
    rule("reject with icmpv6 type admin-prohibited");
    close();
  }

  void blocked() {
    open("blocked");
    // A reset ends the flow, which is what is wanted; and it may be the kernel's own.
    rule("tcp flags & rst == rst accept");
    rule("goto refuse");
    close();
  }

  // A packet that comes from the queue with our bits in its mark.
  void answer() {
    open("accepted");
    rule("ct mark set ct mark & " + field_.others() + " | " + field_.value(FlowMark::accept));
    rule(clear());
    if (!checks_arrival(config_)) rule("accept");  // else it has still to be stamped
    close();
    open("answer");
    rule(packet_mark(FlowMark::accept) + " goto accepted");
    rule(packet_mark(FlowMark::block_packet) + " goto refuse");
    rule(packet_mark(FlowMark::drop_packet) + " drop");
    // One rule a value: older kernels cannot combine two registers.
    for (const FlowMark mark :
         {FlowMark::block, FlowMark::drop, FlowMark::inspect, FlowMark::nameserver, FlowMark::tunnel}) {
      rule(packet_mark(mark) + " ct mark set ct mark & " + field_.others() + " | " + field_.value(mark));
    }
    rule(packet_mark(FlowMark::block) + " goto refuse");
    rule(packet_mark(FlowMark::drop) + " drop");
    // nat does not see it: it would go on to where it went.
    if (any_target()) {
      rule("ct state untracked meta mark & " + field_.mask() + " { " + field_.value(FlowMark::nameserver) +
           ", " + field_.value(FlowMark::tunnel) + " } goto refuse");
    }
    rule(clear());
    close();
  }

  // The kernel's sockets have no owner: for them the first rule does not match.
  void kernel_sent() {
    open("kernel_sent");
    rule("meta skuid 0 return");
    rule("accept");
    close();
  }

  // What nearly every packet is: of an accepted flow, with nothing to say. One rule a stage.
  void carried(const std::string& to = "accept") {
    rule(packet_mark(FlowMark::undecided) + " " + ct_mark(FlowMark::accept) + " " + to);
  }

  // An accepted packet at its last stage: the ct mark learns by which interface its flow was accepted.
  // What has come in was let through by the check, or has been asked about just now.
  void accepted(Place place, const std::string& with = "") {
    if (!checks_arrival(config_) || place == Place::forward) {
      return rule(with + ct_mark(FlowMark::accept) + " accept");
    }
    if (place == Place::input) return rule(with + ct_mark(FlowMark::accept) + " goto stamp_in");
    const std::string unstamped =
        "ct mark & " + field_.both() + " == " + field_.accepted_by(0) + " ct direction original";
    rule(with + unstamped + " goto stamp_out");
    rule(with + ct_mark(FlowMark::accept) + " accept");
  }

  void carry_out(Place place) {
    open("answer", place, "filter", 0);
    accepted(place, packet_mark(FlowMark::undecided) + " ");
    loopback(place);
    rule(any_packet_mark() + " jump answer");
    accepted(place);
    // The refusal of a blocked flow's packet belongs to that flow, and is not refused in its turn.
    refusals(place, ct_mark(FlowMark::block) + " ");
    rule(ct_mark(FlowMark::block) + " goto blocked");
    rule(ct_mark(FlowMark::drop) + " drop");
    if (any_target()) {
      rule("ct mark & " + field_.mask() + " { " + field_.value(FlowMark::nameserver) + ", " +
           field_.value(FlowMark::tunnel) + " } jump rerouted");
    }
    close();
  }

  bool any_target() const {
    return tollgate::any_target(config_, Family::ipv4) || tollgate::any_target(config_, Family::ipv6);
  }

  // nat binds first packets only. A flow that was under way when its verdict came would go on to where
  // it went before, so it is refused; unless that is the target itself.
  void rerouted() {
    if (!any_target()) return;
    open("rerouted");
    rule("ct status dnat return");
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      for (const Reroute& target : reroutes(config_, family)) {
        const std::string port = std::to_string(target.port) + " return";
        rule("meta l4proto { tcp, udp } " + at_target(target, family, 'd') + " th dport " + port);
        rule("meta l4proto { tcp, udp } " + at_target(target, family, 's') + " th sport " + port);
      }
    }
    rule("goto blocked");
    close();
  }

  std::string at_target(const Reroute& target, Family family, char end) const {
    const std::string addr = std::string{end} + "addr ";
    if (config_.reroute_arriving && target.address.is_loopback()) return "fib " + addr + "type local";
    return (family == Family::ipv4 ? "ip " : "ip6 ") + addr + target.address.to_string();
  }

  void refusals(Place place, const std::string& of) {
    for (const std::string_view error : {kRefusal4, kRefusal6}) {
      if (place == Place::output) rule(of + std::string{error} + " jump kernel_sent");
      if (place == Place::input && !exempt()) rule("iif \"lo\" " + of + std::string{error} + " accept");
    }
  }

  void nat() {
    if (!any_target()) return;
    nat_chain(Place::output);
    if (config_.reroute_arriving) nat_chain(Place::prerouting);
  }

  void nat_chain(Place place) {
    open("reroute", place, "nat", -100);
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      for (const Reroute& target : reroutes(config_, family)) deliver(place, family, target);
    }
    close();
  }

  void deliver(Place place, Family family, const Reroute& target) {
    const bool four = family == Family::ipv4;
    const std::string packets =
        std::string{"meta nfproto "} + (four ? "ipv4" : "ipv6") + " meta l4proto { tcp, udp } ";
    // What comes from outside cannot be sent to a loopback address: it stays on its interface's.
    const bool redirect = place == Place::prerouting && target.address.is_loopback();
    const std::string to = redirect ? " redirect to :" + std::to_string(target.port)
                                    : (four ? " dnat ip to " : " dnat ip6 to ") + target.endpoint();
    rule(packets + packet_mark(target.mark) + to);
    rule(packets + ct_mark(target.mark) + to);
  }

  // Only what can still be rerouted is asked about before routing: everything else comes by INPUT
  // or FORWARD. Loopback's flows were asked about, and bound by nat, in OUTPUT.
  void ask_arriving() {
    open("ask", Place::prerouting, "filter", -150);
    rule(any_packet_mark() + " " + clear());
    rule("iif \"lo\" accept");
    rule("ct state != new accept");
    rule("ct status confirmed accept");
    rule(masked("ct mark", "!= ", field_.value(FlowMark::undecided)) + " accept");
    dhcp(false);
    rule("meta l4proto != { tcp, udp } accept");
    rule("fib daddr type local goto ask");
    if (config_.forward) rule("fib daddr type unicast goto transit");
    close();
  }

  // ICMP errors that policy decides about, whatever becomes of their flow. Not so the kernel's own. They
  // travel their own way, which is not that of the packet that they quote: never as replies.
  void errors(Place place) {
    open("errors_" + std::string{hook_of(place)});
    refusals(place, "");
    rule(queue(0));
    close();
  }

  void ask(Place place) {
    if (config_.icmp_errors == IcmpErrors::decide) errors(place);
    open("ask", place, "filter", -150);
    if (config_.related == RelatedHandling::decide) expected();
    if (config_.icmp_errors == IcmpErrors::decide) {
      rule("meta l4proto { icmp, ipv6-icmp } ct state related goto errors_" + std::string{hook_of(place)});
    }
    const std::string pass = checks_arrival(config_) && place == Place::input ? "goto arrived" : "accept";
    if (config_.flow.tcp_ends == TcpEnds::nflog) tell_ends();
    if (config_.names.dns) tell_names(place);
    carried(pass);
    if (config_.names.dns && exempt() && place == Place::output) tell_names_inside();
    loopback(place);
    // Before PREROUTING asked, or where it does not ask, nobody but us has a say in our field.
    const bool asked_before = config_.reroute_arriving && place != Place::output;
    rule(any_packet_mark() + (asked_before ? " accept" : " " + clear()));
    authorized(place);
    // A short way for first packets: none of what follows concerns a plain TCP packet of an undecided flow.
    rule("meta l4proto tcp ct state new,established " + ct_mark(FlowMark::undecided) + " goto ask");
    rule(ct_mark(FlowMark::accept) + " " + pass);
    keep_alive(place);
    rule("ct state invalid goto invalid");
    rule("ct state untracked goto untracked");
    rule("ct mark & " + field_.mask() + " { " + field_.value(FlowMark::block) + ", " +
         field_.value(FlowMark::drop) + ", " + field_.value(FlowMark::nameserver) + ", " +
         field_.value(FlowMark::tunnel) + " } accept");
    rule(ct_mark(FlowMark::inspect) + " goto whole");
    rule("goto ask");
    close();
  }

  // The daemon gets copies of what may end a connection that it sees nothing else of.
  void tell_ends() {
    rule("tcp flags & (fin | rst) != 0 " + ct_mark(FlowMark::accept) + " log group " +
         std::to_string(ends_group(config_.queue.nflog_group)) + " snaplen " + std::to_string(kSegmentCopy));
  }

  // And of what is said about names where nobody asks about it. Over loopback it passes twice.
  void tell_names(Place place) {
    const std::string from_outside = place == Place::input ? "iif != \"lo\" " : "";
    log_names(from_outside, ct_mark(FlowMark::accept) + " ");
  }
  void tell_names_inside() { log_names("oif \"lo\" ", ""); }
  void log_names(const std::string& where, const std::string& which) {
    for (const std::string port : {"dport", "sport"}) {
      rule(where + "meta l4proto { tcp, udp } th " + port + " " + std::string{kNamePorts} + " " + which +
           "log group " + std::to_string(names_group(config_.queue.nflog_group)));
    }
  }

  // A flow that a helper expected has its master's verdict from the start: it forgets it.
  void expected() {
    rule("ct status expected ct status & confirmed == 0 " +
         masked("ct mark", "!= ", field_.value(FlowMark::undecided)) + " ct mark set ct mark & " +
         field_.others());
  }

  void keep_alive(Place place) {
    if (place == Place::forward) return;
    // RFC 4861 (hop limit 255), RFC 2710 and RFC 3810 (hop limit 1): no router passes these on.
    rule("icmpv6 type { 133, 134, 135, 136, 137 } ip6 hoplimit 255 accept");
    rule("icmpv6 type { 130, 131, 132, 143 } ip6 hoplimit 1 accept");
    dhcp(place == Place::output);
    // The kernel's own refusals take the refused packet's conntrack entry along (nf_ct_attach) and are
    // RELATED to it, also when it was the first of its flow. No packet of a program is such a reset;
    // such an ICMP error could be, hence the owner.
    if (place == Place::output) rule("ct state related tcp flags & rst == rst accept");
    if (place == Place::input && !exempt()) rule("iif \"lo\" ct state related tcp flags & rst == rst accept");
    refusals(place, "");
  }

  void dhcp(bool leaving) {
    // A DHCPv6 client speaks from its link-local address (RFC 8415 §17).
    rule(leaving ? "meta nfproto ipv4 udp sport 68 udp dport 67 accept"
                 : "meta nfproto ipv4 udp sport 67 udp dport 68 accept");
    rule(leaving ? "ip6 saddr fe80::/10 udp sport 546 udp dport 547 accept"
                 : "ip6 daddr fe80::/10 udp sport 547 udp dport 546 accept");
  }

  std::string queue(int bits) const {
    return "queue num " + std::to_string(config_.queue.number + bits) +
           (config_.fail == FailMode::open ? " bypass" : "");
  }

  // What has no conntrack entry matches none of the `ct` rules and goes to the plain queue.
  void queues() {
    open("whole");
    rule("ct direction reply " + queue(queue_bit::whole + queue_bit::reply));
    rule(queue(queue_bit::whole));
    close();
    open("ask");
    rule("meta l4proto { tcp, udp } th dport " + std::string{kNamePorts} + " goto whole");
    rule("meta l4proto { tcp, udp } th sport " + std::string{kNamePorts} + " goto whole");
    rule("ct direction reply " + queue(queue_bit::reply));
    rule(queue(0));
    close();
    if (!(config_.reroute_arriving && config_.forward)) return;
    open("transit");
    rule("meta l4proto { tcp, udp } th dport " + std::string{kNamePorts} + " " +
         queue(queue_bit::transit + queue_bit::whole));
    rule("meta l4proto { tcp, udp } th sport " + std::string{kNamePorts} + " " +
         queue(queue_bit::transit + queue_bit::whole));
    rule(queue(queue_bit::transit));
    close();
  }

  const Config& config_;
  const LiveRules& live_;
  MarkField field_;
  std::string text_;
};

}  // namespace

std::string render_nft(const Config& config, const LiveRules& live) { return Writer{config, live}.write(); }

}  // namespace tollgate
