// SPDX-License-Identifier: GPL-2.0-or-later
#include "command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <exception>

#include "failure.hpp"
#include "invocation.hpp"

namespace tollgate::cli {

namespace {

void json_option(CLI::App& command, Invocation& asked) {
  command.add_flag("--json", asked.json, "JSON, for programs");
}

void config_option(CLI::App& command, Invocation& asked) {
  command
      .add_option_function<std::string>(
          "--config",
          [&asked](const std::string& path) {
            asked.config = path;
            asked.config_given = true;
          },
          "The daemon's configuration [" + asked.config + "]")
      ->type_name("FILE");
}

void word_option(CLI::App& command, const char* name, std::optional<std::string>& word, const char* type,
                 const char* help) {
  command.add_option(name, word, help)->type_name(type);
}

void no_options(CLI::App&, Invocation&) {}

void status_options(CLI::App& command, Invocation& asked) { json_option(command, asked); }

// What filters go by and what can be asked about.
void who_options(CLI::App& command, Invocation& asked) {
  struct Words {
    const char* type;
    const char* help;
  };
  static constexpr std::array<Words, kProcessFields> kWords = {{
      {"PATH", "The program: its path or a pattern; kernel; unknown"},
      {"TEXT", "The command line"},
      {"PATH", "An ancestor's program"},
      {"PATH", "What an interpreter runs"},
      {"NAME", "The systemd unit, like nginx.service"},
      {"NAME", "The systemd slice"},
      {"ID", "The login session"},
      {"PATH", "The cgroup, like /system.slice/nginx.service"},
      {"NAME", "Like docker:0123456789ab, lxc:web"},
      {"NAME", "Like flatpak:org.mozilla.firefox, snap:firefox"},
      {"HASH", "SHA-256 of the program, where a rule asks for it"},
  }};
  for (std::size_t i = 0; i < kProcessFields; ++i) {
    const std::string option = "--" + std::string{one_word(process_field(i))};
    word_option(command, option.c_str(), asked.who.texts[i], kWords[i].type, kWords[i].help);
  }
}

// Which flows.
void selection_options(CLI::App& command, Invocation& asked) {
  json_option(command, asked);
  word_option(command, "--protocol", asked.protocol, "NAME", "tcp, udp, icmp, … or a number");
  word_option(command, "--direction", asked.direction, "WORD", "outbound, inbound or forward");
  word_option(command, "--verdict", asked.verdict, "WORD", "accept, permanent-block, …");
  word_option(command, "--state", asked.state, "WORD", "pending, inspecting, active or ended");
  word_option(command, "--rule", asked.rule, "NAME", "The rule that gave the verdict");
  word_option(command, "--address", asked.address, "NET", "Either end: an address or a network");
  word_option(command, "--port", asked.port, "PORT", "Either end");
  word_option(command, "--destination", asked.destination, "WHERE",
              "Whom the first packet went to: 10.0.0.1, 10.0.0.0/8, [2001:db8::1]:443, :443");
  word_option(command, "--user,--uid", asked.user, "USER", "Whose socket it is: a name or a uid");
  word_option(command, "--pid", asked.pid, "PID", "");
  who_options(command, asked);
}

void flow_ids(CLI::App& command, Invocation& asked) {
  command.add_option("FLOW", asked.ids, "Flows by their ID, as `flows` shows it")->type_name("");
}

void flows_options(CLI::App& command, Invocation& asked) {
  selection_options(command, asked);
  flow_ids(command, asked);
  command.add_flag("--watch", asked.watch, "Go on with every change, one a line");
  command.add_flag("--holders", asked.holders,
                   "All programs that hold the flow's socket, not only its owner");
  command.add_option("--by", asked.by, "Counted by process, unit or container")
      ->check(CLI::IsMember({"process", "unit", "container"}))
      ->type_name("WORD");
}

void action_options(CLI::App& command, Invocation& asked) {
  selection_options(command, asked);
  command.add_flag("--all", asked.all, "Every flow");
  flow_ids(command, asked);
}

void rule_add_options(CLI::App& command, Invocation& asked) {
  json_option(command, asked);
  word_option(command, "--for", asked.lasts, "TIME",
              "How long it is a rule: 90s, 10m, 1h, 7d. Else: until it is removed");
  command
      .add_option(
          "KEY=VALUE", asked.fields,
          "The rule's fields as in the policy; a key again for one more value. verdict has to be there")
      ->required()
      ->type_name("");
}

void rule_remove_options(CLI::App& command, Invocation& asked) {
  json_option(command, asked);
  command.add_option("NAME", asked.rule_name, "The rule, as `rule list` shows it")->required()->type_name("");
}

void check_options(CLI::App& command, Invocation& asked) {
  json_option(command, asked);
  config_option(command, asked);
  command
      .add_option("FILE", asked.files,
                  "Policy files or directories, instead of the configuration and its policy")
      ->type_name("");
}

void explain_options(CLI::App& command, Invocation& asked) {
  json_option(command, asked);
  word_option(command, "--direction", asked.direction, "WORD", "outbound (the default), inbound or forward");
  word_option(command, "--protocol", asked.protocol, "NAME", "tcp (the default), udp, icmp, … or a number");
  word_option(command, "--source", asked.source, "ADDRESS", "Who begins");
  word_option(command, "--destination", asked.destination, "ADDRESS", "Whom they want");
  word_option(command, "--source-port", asked.source_port, "PORT", "");
  word_option(command, "--port", asked.port, "PORT", "The destination port");
  word_option(command, "--interface", asked.interface, "NAME", "");
  word_option(command, "--user", asked.user, "USER", "Whose socket it is: a name or a uid");
  word_option(command, "--group", asked.group, "GROUP", "A name or a gid");
  word_option(command, "--domain", asked.domain, "NAME", "The name that it is meant for");
  word_option(command, "--name-source", asked.name_source, "WORD",
              "Where that was seen: dns (the default), tls-sni, …");
  word_option(command, "--sni", asked.sni, "NAME", "The name in its ClientHello");
  command.add_option("--alpn", asked.alpn, "A protocol that the ClientHello offers, as often as there are")
      ->type_name("NAME")
      ->expected(1);
  word_option(command, "--protocol-seen", asked.protocol_seen, "WORD",
              "What its first bytes are: tls, quic, http, ssh, …");
  word_option(command, "--encrypted", asked.encrypted, "true|false", "Whether they are encrypted");
  command.add_flag("--name-mismatch", asked.name_mismatch,
                   "Its ClientHello asks for another name than DNS had");
  who_options(command, asked);
  word_option(command, "--policy", asked.policy, "PATH", "Ask this policy instead of the daemon");
}

void backend_option(CLI::App& command, Invocation& asked) {
  command.add_option("--backend", asked.backend, "nft or iptables; else what the configuration says")
      ->check(CLI::IsMember({"nft", "iptables"}))
      ->type_name("WORD");
}

void print_options(CLI::App& command, Invocation& asked) {
  config_option(command, asked);
  backend_option(command, asked);
  command.add_option("--family", asked.family, "ipv4 or ipv6, of iptables rules")
      ->check(CLI::IsMember({"ipv4", "ipv6"}))
      ->type_name("WORD");
}

void apply_options(CLI::App& command, Invocation& asked) {
  config_option(command, asked);
  backend_option(command, asked);
}

void replay_options(CLI::App& command, Invocation& asked) {
  json_option(command, asked);
  config_option(command, asked);
  word_option(command, "--policy", asked.policy, "PATH", "The policy, instead of the configuration's");
  command
      .add_option("--local", asked.local, "What is this machine; again for more. Else: whoever sent first")
      ->type_name("NET")
      ->expected(1);
  command.add_option("CAPTURE", asked.capture, "A pcap or pcapng file, - for standard input")
      ->required()
      ->type_name("");
}

struct Command {
  const char* parent;  // "" or the command that it belongs to
  const char* name;
  const char* help;
  void (*options)(CLI::App& command, Invocation& asked);
  int (*run)(const Invocation& asked, Page& page);  // null: has commands of its own
};

constexpr Command kCommands[] = {
    {"", "status", "How the daemon is", &status_options, &run_status},
    {"", "flows", "The connections and their verdicts", &flows_options, &run_flows},
    {"", "revoke", "Take decisions back: ask again at the next packet", &action_options, &run_revoke},
    {"", "kill", "Cut connections: block them and tear them down", &action_options, &run_kill},
    {"", "rule", "Rules at run time", &no_options, nullptr},
    {"rule", "add", "Add a rule before all others; it stays until it expires or is removed",
     &rule_add_options, &run_rule_add},
    {"rule", "list", "The rules in force, in order", &status_options, &run_rule_list},
    {"rule", "remove", "Remove a rule that was added", &rule_remove_options, &run_rule_remove},
    {"", "reload", "Load the policy anew; a bad one is refused, the old one stays", &status_options,
     &run_reload},
    {"", "check", "Find every error in configuration and policy", &check_options, &run_check},
    {"", "explain", "What would be decided about a connection, and why", &explain_options, &run_explain},
    {"", "ruleset", "The rules that bring packets to the daemon", &no_options, nullptr},
    {"ruleset", "print", "Print them", &print_options, &run_ruleset_print},
    {"ruleset", "apply", "Load them; what was there of ours is replaced", &apply_options, &run_ruleset_apply},
    {"ruleset", "remove", "Take everything of ours away, also without a daemon", &no_options,
     &run_ruleset_remove},
    {"", "replay", "Decide about the connections of a capture", &replay_options, &run_replay},
    {"", "version", "Print the version", &no_options, &run_version},
};

struct Parser {
  CLI::App app{"tollgate, a firewall that decides about connections"};
  Invocation asked;
  const Command* chosen = nullptr;

  Parser() {
    app.name("tollgate");
    app.add_option("--socket", asked.socket, "The daemon's socket [" + asked.socket + "]")->type_name("PATH");
    app.set_version_flag("--version", "tollgate " TOLLGATE_VERSION);
    app.require_subcommand(1);
    app.footer("Exit status: 0 done, 1 refused or errors found, 2 usage, 3 no daemon, 4 not permitted.");
    for (const Command& command : kCommands) declare(command);
  }

 private:
  void declare(const Command& command) {
    CLI::App& parent = *command.parent == '\0' ? app : *app.get_subcommand(command.parent);
    CLI::App& declared = *parent.add_subcommand(command.name, command.help);
    declared.fallthrough();  // --socket may stand anywhere
    command.options(declared, asked);
    if (command.run == nullptr) {
      declared.require_subcommand(1);
    } else {
      declared.final_callback([this, &command] { chosen = &command; });
    }
  }
};

int usage_error(const std::string& message, Page& page) {
  page.err << "tollgate: " << message << "\ntollgate: see tollgate --help, or tollgate COMMAND --help\n";
  return static_cast<int>(Exit::usage);
}

}  // namespace

int run(const std::vector<std::string>& arguments, Page& page) {
  Parser parser;
  try {
    std::vector<std::string> backwards{arguments.rbegin(), arguments.rend()};  // as CLI11 wants them
    parser.app.parse(std::move(backwards));
    return parser.chosen->run(parser.asked, page);
  } catch (const CLI::Success& wanted) {  // --help, --version
    return parser.app.exit(wanted, page.out, page.err);
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what(), page);
  } catch (const Failure& failure) {
    if (failure.status() == Exit::usage) return usage_error(failure.what(), page);
    page.err << "tollgate: " << failure.what() << '\n';
    return static_cast<int>(failure.status());
  } catch (const std::exception& error) {
    page.err << "tollgate: " << error.what() << '\n';
    return static_cast<int>(Exit::refused);
  }
}

}  // namespace tollgate::cli
