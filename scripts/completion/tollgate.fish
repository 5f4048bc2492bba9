# SPDX-License-Identifier: GPL-2.0-or-later
# fish completion of tollgate(1). Install as /usr/share/fish/vendor_completions.d/tollgate.fish

set -l commands status flows revoke kill rule reload check explain ruleset replay version
set -l none "not __fish_seen_subcommand_from $commands"

complete -c tollgate -f
complete -c tollgate -l socket -r -F -d "The daemon's socket"
complete -c tollgate -s h -l help -d "Help"
complete -c tollgate -n $none -l version -d "Print the version"
complete -c tollgate -n $none -a status -d "How the daemon is"
complete -c tollgate -n $none -a flows -d "The connections and their verdicts"
complete -c tollgate -n $none -a revoke -d "Take decisions back: ask again at the next packet"
complete -c tollgate -n $none -a kill -d "Cut connections"
complete -c tollgate -n $none -a rule -d "Rules at run time"
complete -c tollgate -n "__fish_seen_subcommand_from rule; and not __fish_seen_subcommand_from add list remove" -a "add list remove"
complete -c tollgate -n "__fish_seen_subcommand_from rule; and __fish_seen_subcommand_from add" -l for -x -d "How long: 90s, 10m, 1h, 7d"
complete -c tollgate -n $none -a reload -d "Load the policy anew"
complete -c tollgate -n $none -a check -d "Find every error in configuration and policy"
complete -c tollgate -n $none -a explain -d "What would be decided, and why"
complete -c tollgate -n $none -a ruleset -d "The rules that bring packets to the daemon"
complete -c tollgate -n $none -a replay -d "Decide about the connections of a capture"
complete -c tollgate -n $none -a version -d "Print the version"

complete -c tollgate -n "__fish_seen_subcommand_from status flows revoke kill rule reload check explain replay" -l json -d "JSON"
complete -c tollgate -n "__fish_seen_subcommand_from check ruleset replay" -l config -r -F -d "Configuration"
complete -c tollgate -n "__fish_seen_subcommand_from explain replay" -l policy -r -F -d "Policy"
complete -c tollgate -n "__fish_seen_subcommand_from check replay" -F

complete -c tollgate -n "__fish_seen_subcommand_from flows" -l watch -d "Go on with every change"
complete -c tollgate -n "__fish_seen_subcommand_from flows" -l holders -d "All programs that hold the socket"
complete -c tollgate -n "__fish_seen_subcommand_from flows revoke kill explain" -l protocol -x -a "tcp udp icmp icmpv6 sctp dccp udplite igmp gre esp"
complete -c tollgate -n "__fish_seen_subcommand_from flows revoke kill explain" -l direction -x -a "outbound inbound forward"
complete -c tollgate -n "__fish_seen_subcommand_from flows revoke kill explain" -l port -x
complete -c tollgate -n "__fish_seen_subcommand_from flows revoke kill explain" -l user -x -a "(__fish_complete_users)"
complete -c tollgate -n "__fish_seen_subcommand_from flows revoke kill" -l verdict -x -a "accept block drop permanent-accept permanent-block permanent-drop reroute-nameserver reroute-tunnel"
complete -c tollgate -n "__fish_seen_subcommand_from flows revoke kill" -l state -x -a "pending inspecting active ended"
complete -c tollgate -n "__fish_seen_subcommand_from flows revoke kill" -l rule -x
complete -c tollgate -n "__fish_seen_subcommand_from flows revoke kill" -l address -x
complete -c tollgate -n "__fish_seen_subcommand_from revoke kill" -l all -d "Every flow"
for option in process script
    complete -c tollgate -n "__fish_seen_subcommand_from flows revoke kill explain" -l $option -r -F
end
for option in unit cgroup container app
    complete -c tollgate -n "__fish_seen_subcommand_from flows revoke kill explain" -l $option -x
end
complete -c tollgate -n "__fish_seen_subcommand_from flows revoke kill" -l pid -x -a "(__fish_complete_pids)"
complete -c tollgate -n "__fish_seen_subcommand_from flows" -l by -x -a "process unit container"
for option in command parent slice session
    complete -c tollgate -n "__fish_seen_subcommand_from explain" -l $option -x
end
complete -c tollgate -n "__fish_seen_subcommand_from explain" -l source -x
complete -c tollgate -n "__fish_seen_subcommand_from flows revoke kill explain" -l destination -x
complete -c tollgate -n "__fish_seen_subcommand_from explain" -l source-port -x
complete -c tollgate -n "__fish_seen_subcommand_from explain" -l domain -x
complete -c tollgate -n "__fish_seen_subcommand_from explain" -l name-source -x -a "dns mdns llmnr tls-sni quic-sni http-host"
complete -c tollgate -n "__fish_seen_subcommand_from explain" -l interface -x -a "(__fish_print_interfaces)"
complete -c tollgate -n "__fish_seen_subcommand_from explain" -l group -x -a "(__fish_complete_groups)"

complete -c tollgate -n "__fish_seen_subcommand_from ruleset" -a "print apply remove"
complete -c tollgate -n "__fish_seen_subcommand_from ruleset" -l backend -x -a "nft iptables"
complete -c tollgate -n "__fish_seen_subcommand_from ruleset" -l family -x -a "ipv4 ipv6"
complete -c tollgate -n "__fish_seen_subcommand_from replay" -l local -x
