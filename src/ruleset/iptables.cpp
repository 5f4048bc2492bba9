// SPDX-License-Identifier: GPL-2.0-or-later
#include <string>
#include <string_view>

#include "ruleset/live.hpp"
#include "ruleset/reroute.hpp"
#include "tollgate/ruleset/queue_layout.hpp"
#include "tollgate/ruleset/ruleset.hpp"

namespace tollgate {
namespace {

// Where a packet is, as far as the rules differ by it.
enum class Place : std::uint8_t { prerouting, input, forward, output };

constexpr std::string_view chain_of(Place place) {
  switch (place) {
    case Place::prerouting:
      return "PREROUTING";
    case Place::input:
      return "INPUT";
    case Place::forward:
      return "FORWARD";
    case Place::output:
      return "OUTPUT";
  }
  return {};
}

// One run of iptables-restore, table after table. Every chain passes what it has no opinion about by
// RETURN, never by ACCEPT: the built-in chain that called it may hold rules of others.
class Writer {
 public:
  Writer(const Config& config, Family family, const IptablesJumps& jumps, const LiveRules& live)
      : config_{config}, family_{family}, jumps_{jumps}, live_{live}, field_{mark_field(config)} {}

  std::string write() {
    // Those that carry an answer out come first, those that ask come last: no packet may be asked
    // about while nobody would carry the answer out.
    filter();
    if (any_target(config_, family_)) nat();
    mangle();
    return std::move(text_);
  }

 private:
  void line(std::string_view text) { text_.append(text).append("\n"); }
  void declare(std::string_view chain) { line(":" + name(chain) + " - [0:0]"); }
  void jump(bool wanted, Place place) {
    const std::string built_in{chain_of(place)};
    if (wanted) line("-I " + built_in + " 1 -j " + name(built_in));
  }
  void rule(std::string_view chain, std::string_view what) {
    line("-A " + name(chain) + " " + std::string{what});
  }
  static std::string name(std::string_view chain) { return kChainPrefix + std::string{chain}; }

  std::string match(std::string_view module, FlowMark mark) const {
    return "-m " + std::string{module} + " --mark " + field_.value(mark) + "/" + field_.mask();
  }
  std::string packet_mark(FlowMark mark) const { return match("mark", mark); }
  std::string ct_mark(FlowMark mark) const { return match("connmark", mark); }
  std::string any_packet_mark() const { return "-m mark ! --mark 0x0/" + field_.mask(); }
  std::string clear() const { return "-j MARK --set-xmark 0x0/" + field_.mask(); }
  bool ipv4() const { return family_ == Family::ipv4; }
  bool exempt() const { return config_.loopback == LoopbackHandling::exempt; }

  // The error by which the kernel refuses a packet that is not TCP.
  std::string refusal_error() const {
    return ipv4() ? "-p icmp -m icmp --icmp-type 3/10" : "-p ipv6-icmp -m icmp6 --icmpv6-type 1/1";
  }
  // Sent by the kernel itself: its sockets have no owner, and `!` matches those. (The whole range of
  // ids would keep other programs out too, but does not load in a user namespace that maps few.)
  static constexpr std::string_view kKernelSent = " -m owner ! --uid-owner 0";

  void loopback(Place place) {
    if (!exempt()) return;
    if (place == Place::output) rule("OUTPUT", "-o lo -j RETURN");
    if (place == Place::input) rule("INPUT", "-i lo -j RETURN");
  }

  // --- filter: carries answers out -----------------------------------------------------------
  void filter() {
    line("*filter");
    declare("INPUT");
    if (config_.forward) declare("FORWARD");
    declare("OUTPUT");
    declare("ANSWER");
    declare("ACCEPTED");
    declare("BLOCKED");
    if (any_target(config_, family_)) declare("REROUTED");
    declare("REFUSE");
    append_filter_live(config_, live_, text_);
    carry_out(Place::input);
    if (config_.forward) carry_out(Place::forward);
    carry_out(Place::output);
    answer();
    if (any_target(config_, family_)) rerouted();
    refuse();
    jump(jumps_.filter_input, Place::input);
    jump(jumps_.filter_forward && config_.forward, Place::forward);
    jump(jumps_.filter_output, Place::output);
    line("COMMIT");
  }

  // What nearly every packet is: of an accepted flow, with nothing to say. One rule a stage.
  void carried(std::string_view chain, const std::string& to = "-j RETURN") {
    rule(chain, packet_mark(FlowMark::undecided) + " " + ct_mark(FlowMark::accept) + " " + to);
  }

  // An accepted packet at its last stage: the ct mark learns by which interface its flow was accepted.
  // What has come in was let through by the check, or has been asked about just now.
  void accepted(Place place, const std::string& with = "") {
    const std::string_view chain = chain_of(place);
    const std::string is_accepted = with + ct_mark(FlowMark::accept);
    if (!checks_arrival(config_) || place == Place::forward) return rule(chain, is_accepted + " -j RETURN");
    if (place == Place::input) return rule(chain, is_accepted + " -g " + name("STAMP-IN"));
    const std::string unstamped = "-m connmark --mark " + field_.accepted_by(0) + "/" + field_.both();
    rule(chain, with + unstamped + " -m conntrack --ctdir ORIGINAL -g " + name("STAMP-OUT"));
    rule(chain, is_accepted + " -j RETURN");
  }

  void carry_out(Place place) {
    const std::string_view chain = chain_of(place);
    accepted(place, packet_mark(FlowMark::undecided) + " ");
    loopback(place);
    rule(chain, any_packet_mark() + " -j " + name("ANSWER"));
    accepted(place);
    // The refusal of a blocked flow's packet belongs to that flow, and is not refused in its turn.
    if (place == Place::output) {
      rule(chain, refusal_error() + " " + ct_mark(FlowMark::block) + std::string{kKernelSent} + " -j RETURN");
    }
    if (place == Place::input && !exempt()) {
      rule(chain, "-i lo " + refusal_error() + " " + ct_mark(FlowMark::block) + " -j RETURN");
    }
    rule(chain, ct_mark(FlowMark::block) + " -g " + name("BLOCKED"));
    rule(chain, ct_mark(FlowMark::drop) + " -j DROP");
    if (!any_target(config_, family_)) return;
    rule(chain, ct_mark(FlowMark::nameserver) + " -j " + name("REROUTED"));
    rule(chain, ct_mark(FlowMark::tunnel) + " -j " + name("REROUTED"));
  }

  // nat binds first packets only. A flow that was under way when its verdict came would go on to where
  // it went before, so it is refused; unless that is the target itself.
  void rerouted() {
    rule("REROUTED", "-m conntrack --ctstate DNAT -j RETURN");
    for (const Reroute& target : reroutes(config_, family_)) {
      const bool local = config_.reroute_arriving && target.address.is_loopback();
      const std::string address = target.address.to_string();
      for (const std::string protocol : {"tcp", "udp"}) {
        const std::string start = "-p " + protocol + " -m " + protocol + " ";
        const std::string port = std::to_string(target.port) + " -j RETURN";
        rule("REROUTED",
             (local ? "-m addrtype --dst-type LOCAL " : "-d " + address + " ") + start + "--dport " + port);
        rule("REROUTED",
             (local ? "-m addrtype --src-type LOCAL " : "-s " + address + " ") + start + "--sport " + port);
      }
    }
    rule("REROUTED", "-g " + name("BLOCKED"));
  }

  // A packet that comes from the queue with our bits in its mark.
  void answer() {
    const std::string save =
        "-j CONNMARK --save-mark --nfmask " + field_.mask() + " --ctmask " + field_.mask();
    rule("ACCEPTED", save);
    rule("ACCEPTED", clear());
    rule("ANSWER", packet_mark(FlowMark::accept) + " -g " + name("ACCEPTED"));
    rule("ANSWER", packet_mark(FlowMark::block_packet) + " -g " + name("REFUSE"));
    rule("ANSWER", packet_mark(FlowMark::drop_packet) + " -j DROP");
    rule("ANSWER", save);
    rule("ANSWER", packet_mark(FlowMark::block) + " -g " + name("REFUSE"));
    rule("ANSWER", packet_mark(FlowMark::drop) + " -j DROP");
    // nat does not see it: it would go on to where it went.
    if (any_target(config_, family_)) {
      for (const FlowMark mark : {FlowMark::nameserver, FlowMark::tunnel})
        rule("ANSWER", packet_mark(mark) + " -m conntrack --ctstate UNTRACKED -g " + name("REFUSE"));
    }
    rule("ANSWER", clear());
  }

  void refuse() {
    // A reset ends the flow, which is what is wanted; and it may be the kernel's own.
    rule("BLOCKED", "-p tcp -m tcp --tcp-flags RST RST -j RETURN");
    rule("BLOCKED", "-g " + name("REFUSE"));
    rule("REFUSE", "-p tcp -j REJECT --reject-with tcp-reset");
    rule("REFUSE", std::string{"-j REJECT --reject-with "} +
                       (ipv4() ? "icmp-host-prohibited" : "icmp6-adm-prohibited"));
  }

  // --- nat: reroutes first packets -----------------------------------------------------------
  void nat() {
    line("*nat");
    if (config_.reroute_arriving) declare("PREROUTING");
    declare("OUTPUT");
    for (const Reroute& target : reroutes(config_, family_)) nat_target(target);
    jump(jumps_.nat_prerouting && config_.reroute_arriving, Place::prerouting);
    jump(jumps_.nat_output, Place::output);
    line("COMMIT");
  }

  void nat_target(const Reroute& target) {
    const std::string to = "-j DNAT --to-destination " + target.endpoint();
    deliver("OUTPUT", target, to);
    if (!config_.reroute_arriving) return;
    deliver("PREROUTING", target,
            target.address.is_loopback() ? "-j REDIRECT --to-ports " + std::to_string(target.port) : to);
  }

  void deliver(std::string_view chain, const Reroute& target, const std::string& to) {
    for (const std::string_view protocol : {"tcp", "udp"}) {
      const std::string packets = "-p " + std::string{protocol} + " ";
      rule(chain, packets + packet_mark(target.mark) + " " + to);
      rule(chain, packets + ct_mark(target.mark) + " " + to);
    }
  }

  // --- mangle: asks ---------------------------------------------------------------------------
  void mangle() {
    line("*mangle");
    if (config_.reroute_arriving) declare("PREROUTING");
    declare("INPUT");
    if (config_.forward) declare("FORWARD");
    declare("OUTPUT");
    declare("ASK");
    declare("WHOLE");
    if (transit()) declare("TRANSIT");
    declare("INVALID");
    declare("UNTRACKED");
    declare("AUTHORIZED");
    append_mangle_live(config_, family_, live_, text_);
    if (config_.reroute_arriving) ask_arriving();
    for (const Place place : {Place::input, Place::forward, Place::output}) {
      if (place != Place::forward || config_.forward) ask(place);
    }
    queues();
    invalid();
    // What somebody has exempted from conntrack (NOTRACK): no verdict of it can be kept. The rule counts.
    rule("UNTRACKED", "-g " + name("ASK"));
    rule("AUTHORIZED", "-j CONNMARK --set-xmark " + field_.value(FlowMark::accept) + "/" + field_.mask());
    jump(jumps_.mangle_prerouting && config_.reroute_arriving, Place::prerouting);
    jump(jumps_.mangle_input, Place::input);
    jump(jumps_.mangle_forward && config_.forward, Place::forward);
    jump(jumps_.mangle_output, Place::output);
    line("COMMIT");
  }
  bool transit() const { return config_.reroute_arriving && config_.forward; }

  // Only what can still be rerouted is asked about before routing: everything else comes by INPUT
  // or FORWARD. Loopback's flows were asked about, and bound by nat, in OUTPUT.
  void ask_arriving() {
    const std::string_view chain = "PREROUTING";
    rule(chain, any_packet_mark() + " " + clear());
    rule(chain, "-i lo -j RETURN");
    rule(chain, "-m conntrack ! --ctstate NEW -j RETURN");
    rule(chain, "-m conntrack --ctstatus CONFIRMED -j RETURN");
    rule(chain, "-m connmark ! --mark 0x0/" + field_.mask() + " -j RETURN");
    keep_alive(Place::prerouting);
    for (const std::string_view protocol : {"tcp", "udp"}) {
      const std::string packets = "-p " + std::string{protocol} + " -m addrtype --dst-type ";
      rule(chain, packets + "LOCAL -g " + name("ASK"));
      if (transit()) rule(chain, packets + "UNICAST -g " + name("TRANSIT"));
    }
  }

  void ask(Place place) {
    if (config_.icmp_errors == IcmpErrors::decide) {
      line(":" + errors_chain(place) + " - [0:0]");
      errors(place);
    }
    const std::string_view chain = chain_of(place);
    const bool check = checks_arrival(config_) && place == Place::input;
    const std::string pass = check ? "-g " + name("ARRIVED") : "-j RETURN";
    if (config_.related == RelatedHandling::decide) expected(chain);
    if (config_.icmp_errors == IcmpErrors::decide) {
      rule(chain, std::string{ipv4() ? "-p icmp" : "-p ipv6-icmp"} + " -m conntrack --ctstate RELATED -g " +
                      errors_chain(place));
    }
    if (config_.flow.tcp_ends == TcpEnds::nflog) tell_ends(chain);
    if (config_.names.dns) tell_names(place);
    carried(chain, pass);
    if (config_.names.dns && exempt() && place == Place::output) tell_names_inside();
    loopback(place);
    // Before PREROUTING asked, or where it does not ask, nobody but us has a say in our field.
    const bool asked_before = config_.reroute_arriving && place != Place::output;
    rule(chain, any_packet_mark() + (asked_before ? " -j RETURN" : " " + clear()));
    authorized(place);
    // A short way for first packets: none of what follows concerns a plain TCP packet of an undecided flow.
    rule(chain, "-p tcp -m conntrack --ctstate NEW,ESTABLISHED " + ct_mark(FlowMark::undecided) + " -g " +
                    name("ASK"));
    rule(chain, ct_mark(FlowMark::accept) + " " + pass);
    keep_alive(place);
    rule(chain, "-m conntrack --ctstate INVALID -g " + name("INVALID"));
    rule(chain, "-m conntrack --ctstate UNTRACKED -g " + name("UNTRACKED"));
    for (const FlowMark mark : {FlowMark::block, FlowMark::drop, FlowMark::nameserver, FlowMark::tunnel}) {
      rule(chain, ct_mark(mark) + " -j RETURN");
    }
    rule(chain, ct_mark(FlowMark::inspect) + " -g " + name("WHOLE"));
    rule(chain, "-g " + name("ASK"));
  }

  static std::string errors_chain(Place place) { return name("ERRORS-" + std::string{chain_of(place)}); }

  // ICMP errors that policy decides about, whatever becomes of their flow. Not so the kernel's own. They
  // travel their own way, which is not that of the packet that they quote: never as replies.
  void errors(Place place) {
    const std::string chain = "ERRORS-" + std::string{chain_of(place)};
    if (place == Place::output) rule(chain, refusal_error() + std::string{kKernelSent} + " -j RETURN");
    if (place == Place::input && !exempt()) rule(chain, "-i lo " + refusal_error() + " -j RETURN");
    rule(chain, queue(0));
  }

  // The daemon gets copies of what may end a connection that it sees nothing else of.
  void tell_ends(std::string_view chain) {
    rule(chain, "-p tcp -m tcp ! --tcp-flags FIN,RST NONE " + ct_mark(FlowMark::accept) +
                    " -j NFLOG --nflog-group " + std::to_string(ends_group(config_.queue.nflog_group)) +
                    " --nflog-size " + std::to_string(kSegmentCopy));
  }

  // And of what is said about names where nobody asks about it. Over loopback it passes twice.
  void tell_names(Place place) {
    names_to(chain_of(place), place == Place::input ? "! -i lo " : "",
             ct_mark(FlowMark::accept) + " " + copy_names());
  }
  void tell_names_inside() { names_to("OUTPUT", "-o lo ", copy_names()); }
  std::string copy_names() const {
    return "-j NFLOG --nflog-group " + std::to_string(names_group(config_.queue.nflog_group));
  }

  // A flow that a helper expected has its master's verdict from the start: it forgets it.
  void expected(std::string_view chain) {
    rule(chain,
         "-m conntrack --ctstatus EXPECTED -m conntrack ! --ctstatus CONFIRMED -m connmark ! --mark 0x0/" +
             field_.mask() + " -j CONNMARK --set-xmark 0x0/" + field_.mask());
  }

  // Sockets whose flows nobody asks about. What they have is accepted from here on.
  void authorized(Place place) {
    if (place != Place::input && place != Place::output) return;
    const std::string sockets = name(place == Place::output ? "SENDING" : "REACHED");
    rule(chain_of(place), ct_mark(FlowMark::undecided) + " -j " + sockets);
  }

  void keep_alive(Place place) {
    const std::string_view chain = chain_of(place);
    if (place == Place::forward) return;
    if (!ipv4() && place != Place::prerouting) neighbours(chain);
    dhcp(chain, place == Place::output);
    // The kernel's own refusals take the refused packet's conntrack entry along (nf_ct_attach) and are
    // RELATED to it, also when it was the first of its flow. No packet of a program is such a reset;
    // such an ICMP error could be, hence the owner.
    if (place == Place::output) {
      rule(chain, "-p tcp -m tcp --tcp-flags RST RST -m conntrack --ctstate RELATED -j RETURN");
      rule(chain, refusal_error() + std::string{kKernelSent} + " -j RETURN");
    }
    if (place == Place::input && !exempt()) {
      rule(chain, "-i lo -p tcp -m tcp --tcp-flags RST RST -m conntrack --ctstate RELATED -j RETURN");
      rule(chain, "-i lo " + refusal_error() + " -j RETURN");
    }
  }

  // RFC 4861 (hop limit 255), RFC 2710 and RFC 3810 (hop limit 1): no router passes these on.
  void neighbours(std::string_view chain) {
    for (const int type : {133, 134, 135, 136, 137}) {
      rule(chain,
           "-p ipv6-icmp -m icmp6 --icmpv6-type " + std::to_string(type) + " -m hl --hl-eq 255 -j RETURN");
    }
    for (const int type : {130, 131, 132, 143}) {
      rule(chain,
           "-p ipv6-icmp -m icmp6 --icmpv6-type " + std::to_string(type) + " -m hl --hl-eq 1 -j RETURN");
    }
  }

  void dhcp(std::string_view chain, bool leaving) {
    const std::string own = ipv4() ? "68" : "546";
    const std::string server = ipv4() ? "67" : "547";
    // A DHCPv6 client speaks from its link-local address (RFC 8415 §17).
    const std::string client = ipv4() ? "" : (leaving ? "-s fe80::/10 " : "-d fe80::/10 ");
    rule(chain, client + "-p udp -m udp --sport " + (leaving ? own : server) + " --dport " +
                    (leaving ? server : own) + " -j RETURN");
  }

  // The last rule counts.
  void invalid() {
    if (config_.log_invalid) {
      rule("INVALID", "-m limit --limit 10/min -j LOG --log-prefix \"tollgate invalid: \"");
    }
    rule("INVALID", config_.invalid == InvalidHandling::drop ? "-j DROP" : "-j RETURN");
  }

  std::string queue(int bits) const {
    return "-j NFQUEUE --queue-num " + std::to_string(config_.queue.number + bits) +
           (config_.fail == FailMode::open ? " --queue-bypass" : "");
  }

  // What has no conntrack entry matches none of the conntrack rules and goes to the plain queue.
  void queues() {
    names_to("ASK", "", "-g " + name("WHOLE"));
    rule("ASK", "-m conntrack --ctdir REPLY " + queue(queue_bit::reply));
    rule("ASK", queue(0));
    rule("WHOLE", "-m conntrack --ctdir REPLY " + queue(queue_bit::whole + queue_bit::reply));
    rule("WHOLE", queue(queue_bit::whole));
    if (!transit()) return;
    names_to("TRANSIT", "", queue(queue_bit::transit + queue_bit::whole));
    rule("TRANSIT", queue(queue_bit::transit));
  }
  // DNS, mDNS (RFC 6762), LLMNR (RFC 4795).
  void names_to(std::string_view chain, const std::string& where, const std::string& what) {
    for (const std::string protocol : {"udp", "tcp"}) {
      rule(chain, where + "-p " + protocol + " -m multiport --ports 53,5353,5355 " + what);
    }
  }

  const Config& config_;
  Family family_;
  const IptablesJumps& jumps_;
  const LiveRules& live_;
  MarkField field_;
  std::string text_;
};

}  // namespace

std::string render_iptables(const Config& config, Family family, const IptablesJumps& jumps,
                            const LiveRules& live) {
  return Writer{config, family, jumps, live}.write();
}

}  // namespace tollgate
