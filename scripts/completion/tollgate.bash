# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion of tollgate(1). Install as /usr/share/bash-completion/completions/tollgate

_tollgate() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command='' subcommand='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --socket | --config | --policy) ((i++)) ;;
      -*) ;;
      *)
        if [[ -z $command ]]; then command=${COMP_WORDS[i]}; else subcommand=${subcommand:-${COMP_WORDS[i]}}; fi
        ;;
    esac
  done

  local verdicts='accept block drop permanent-accept permanent-block permanent-drop reroute-nameserver reroute-tunnel'
  local words=''
  case $previous in
    --socket | --config | --policy) COMPREPLY=($(compgen -f -- "$current")) && return ;;
    --protocol) words='tcp udp icmp icmpv6 sctp dccp udplite igmp gre esp' ;;
    --direction) words='outbound inbound forward' ;;
    --verdict) words=$verdicts ;;
    --state) words='pending inspecting active ended' ;;
    --backend) words='nft iptables' ;;
    --family) words='ipv4 ipv6' ;;
    --user) COMPREPLY=($(compgen -u -- "$current")) && return ;;
    --group) COMPREPLY=($(compgen -g -- "$current")) && return ;;
    --interface) words=$(cd /sys/class/net 2>/dev/null && echo *) ;;
    --name-source) words='dns mdns llmnr tls-sni quic-sni http-host' ;;
    --by) words='process unit container' ;;
    --process | --script | --parent) COMPREPLY=($(compgen -f -- "$current")) && return ;;
    --pid | --unit | --cgroup | --container | --app | --command | --slice | --session) return ;;
    --rule | --address | --port | --source | --destination | --source-port | --domain | --local) return ;;
    --uid) COMPREPLY=($(compgen -u -- "$current")) && return ;;
    *)
      case $command in
        '') words='status flows revoke kill rule reload check explain ruleset replay version --socket --version --help' ;;
        status | reload) words='--json --help' ;;
        flows) words='--json --watch --holders --protocol --direction --verdict --state --rule --address --port --destination --user --pid --process --script --unit --cgroup --container --app --by --help' ;;
        revoke | kill) words='--json --all --protocol --direction --verdict --state --rule --address --port --destination --user --pid --process --script --unit --cgroup --container --app --help' ;;
        rule)
          case $subcommand in
            '') words='add list remove --help' ;;
            add) words='--json --for verdict= direction= protocol= port= destination= address= domain= user= process= name= --help' ;;
            list | remove) words='--json --help' ;;
          esac
          ;;
        check) words='--json --config --help' ;;
        explain)
          words='--json --policy --direction --protocol --source --destination --source-port --port --interface --user --group --domain --name-source --process --script --unit --cgroup --container --app --command --parent --slice --session --help'
          ;;
        ruleset)
          case $subcommand in
            '') words='print apply remove --help' ;;
            print) words='--config --backend --family --help' ;;
            apply) words='--config --backend --help' ;;
            remove) words='--help' ;;
          esac
          ;;
        replay) words='--json --config --policy --local --help' ;;
      esac
      if [[ $command == check || $command == replay ]] && [[ $current != -* ]]; then
        COMPREPLY=($(compgen -f -- "$current"))
        return
      fi
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o filenames -F _tollgate tollgate
