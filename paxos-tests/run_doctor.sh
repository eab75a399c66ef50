#!/usr/bin/env bash
# run_doctor.sh DIR: `paxos doctor` on a healthy network, on which a cluster runs, and on broken ones. Each network is three hosts, h1
# to h3, in network namespaces of their own, joined by a bridge in another one, as by a switch. What is broken must be named,
# with the host concerned, by each doctor that can know; nothing must be found where nothing is broken. The networks are
# examined side by side, some at a time.
# shellcheck disable=SC2016 # the backquotes are those of findings
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_doctor.sh DIR, where DIR holds the role scripts'
paxos=${PAXOS_BIN:-$suite/../target/release/paxos}
required=1
begin "${1-}" 1
[[ -x $paxos ]] || skip "$paxos is missing; cargo build --release builds it"
command -v iptables >/dev/null || skip "iptables is missing"
if ! mkdir -p /run/netns || ! mount -t tmpfs paxos-tests /run/netns; then skip "cannot mount over /run/netns"; fi

examined=()         # host of a network, as in loss/h1
declare -A doctor=() # of those, the process
checks=0

# network NAME: h1 to h3, and `hub`, whose br0 joins them. It snoops on IGMP and is the querier, as a good switch is.
network() {
    net=$1
    mkdir "$RESULTS/$net"
    for host in hub h1 h2 h3; do
        ip netns add "$net-$host"
        namespaces+=("$net-$host")
    done
    in_ hub ip link add br0 type bridge mcast_snooping 1 mcast_query_response_interval 10
    in_ hub ip link set br0 type bridge mcast_querier 1
    in_ hub ip link set br0 up
    local number
    for number in 1 2 3; do
        in_ hub ip link add "port$number" type veth peer name eth0 netns "$net-h$number"
        in_ hub ip link set "port$number" master br0 up
        in_ "h$number" ip link set lo up
        in_ "h$number" ip address add "10.77.0.$number/24" dev eth0
        in_ "h$number" ip link set eth0 up
        { grep -v '^ *interface' "$CONF" && echo 'interface eth0'; } >"$RESULTS/$net/h$number.conf"
    done
    # The kernel takes note of links that came up once a second, and drops what is sent before, reports of members too.
    for number in 1 2 3; do
        until [[ $(in_ hub cat "/sys/class/net/port$number/brport/state") == 3 &&
            $(in_ "h$number" cat /sys/class/net/eth0/operstate) == up ]]; do sleep 0.02; done
    done
}

# in_ HOST COMMAND...: on a host of the network at hand.
in_() {
    ip netns exec "$net-$1" "${@:2}"
}

# examine SECONDS HOST...: starts the doctor there.
examine() {
    local seconds=$1 host at
    for host in "${@:2}"; do
        at=$RESULTS/$net/$host
        # shellcheck disable=SC2016 # for the inner shell
        setsid -- ip netns exec "$net-$host" unshare --uts "$BASH" -c 'hostname "$1" && exec "${@:2}"' doctor "$host" \
            "$paxos" doctor "$at.conf" --seconds "$seconds" >"$at.out" 2>"$at.log" </dev/null 8<&- &
        doctor[$net/$host]=$!
        groups+=("$!")
        examined+=("$net/$host")
    done
}

# Waits for all doctors. `status` has how they ended.
await_doctors() {
    local host
    for host in "${examined[@]}"; do
        status[$host]=0
        wait "${doctor[$host]}" || status[$host]=$?
    done
    examined=()
}

# finds NETWORK HOST... NAME PATTERN: the doctor of each of these hosts names this problem, in these words, and no other.
finds() {
    local network=$1 name=${*: -2:1} pattern=${*: -1} host out others
    for host in "${@:2:$#-3}"; do
        checks=$((checks + 1))
        out=$RESULTS/$network/$host.out
        [[ ${status[$network/$host]} == 1 ]] || problem "$network/$host: status ${status[$network/$host]}, not 1"
        grep -qE "^problem $name: $pattern" "$out" || problem "$network/$host: no problem $name: $pattern"
        others=$(grep '^problem ' "$out" | grep -v "^problem $name: " || true)
        [[ -z $others ]] || problem "$network/$host: besides $name it finds: $others"
        # Every finding says what to do.
        [[ $(grep -cE '^(problem|caution) ' "$out") == "$(grep -c '^  do: .' "$out")" ]] || problem "$network/$host: a finding without advice"
    done
}

# well NETWORK HOST...: the doctors of these hosts find no problem.
well() {
    local network=$1 host
    for host in "${@:2}"; do
        checks=$((checks + 1))
        [[ ${status[$network/$host]} == 0 ]] || problem "$network/$host: status ${status[$network/$host]}, not 0"
        grep -q '^no problem found' "$RESULTS/$network/$host.out" || problem "$network/$host: $(grep '^problem ' "$RESULTS/$network/$host.out")"
    done
}

# run_there NAME HOST ROLE ID: a process of the cluster on that host.
run_there() {
    local at=$RESULTS/$net/$1
    setsid -- ip netns exec "$net-$2" "$scripts/$3.sh" "$4" "$RESULTS/$net/$2.conf" >"$at.out" 2>"$at.log" </dev/null 8<&- &
    groups+=("$!")
}

# --- at once: healthy, loss, a blocked group, a short link ---------------------------------------------------------

network healthy
for number in 1 2 3; do run_there "acceptor$number" "h$number" acceptor "$number"; done
run_there proposer1 h1 proposer 1
run_there learner1 h3 learner 1

network loss
in_ h3 iptables -A INPUT -s 10.77.0.1 -p udp -m statistic --mode random --probability 0.3 -j DROP

network group
in_ h2 iptables -A INPUT -d "$(awk '$1 == "acceptors" { print $2 }' "$CONF")" -p udp \
    --dport "$(awk '$1 == "acceptors" { print $3 }' "$CONF")" -j DROP

network length
in_ hub ip link set port3 mtu 1400

for net in healthy loss group length; do examine 2.5 h1 h2 h3; done
net=healthy
seq 1000 | timeout 20 ip netns exec healthy-h2 "$scripts/client.sh" 1 "$RESULTS/healthy/h2.conf" 2>"$RESULTS/healthy/client1.log" ||
    problem "healthy: not all values were decided while doctors ran"
await_doctors

well healthy h1 h2 h3
cmp -s <(seq 1000) "$RESULTS/healthy/learner1.out" || problem "healthy: the learner did not print what was submitted"
for host in h1 h2 h3; do
    for process in P1 A1 A2 A3; do
        grep -qE "^  $process +at 10\.77\.0\.[123]:" "$RESULTS/healthy/$host.out" || problem "healthy/$host: does not list $process"
    done
    grep -q '^querier  *there is one' "$RESULTS/healthy/$host.out" || problem "healthy/$host: does not find the querier"
done
if grep -hE 'refused|configuration' "$RESULTS"/healthy/{acceptor,proposer,learner}*.log; then
    problem "healthy: processes complain of doctors"
fi
finds loss h1 h2 h3 loss 'h3 misses [23][0-9]\.[0-9] % of what h1 sends \(one way only: h1 misses 0\.0 % of h3'
finds group h1 h2 h3 group-blocked 'h2 hears nothing by the group of the acceptors .*, not even of its own packets'
finds length h1 h2 h3 path-mtu 'between h3 and the others packets of up to 1400 bytes arrive and those of 1420 do not; `mtu` is 1500'
for group in "${groups[@]}"; do kill -TERM -- "-$group" 2>/dev/null || true; done

# --- at once: buffers, configurations, routes, an interface that is down -------------------------------------------

network buffer
echo 'buffer 1024MiB' >>"$RESULTS/buffer/h1.conf"

network configuration
sed -i -E 's/^(learners +[^ ]+) .*/\1 8999/' "$RESULTS/configuration/h2.conf"

network route
in_ h2 ip address flush dev eth0
in_ h2 ip address add 10.77.0.2/32 dev eth0
in_ h2 sysctl -qw net.ipv4.conf.all.rp_filter=1

network down
in_ h3 ip link set eth0 down

for net in buffer configuration route down; do examine 2.5 h1 h2 h3; done
await_doctors

finds buffer h1 buffer-small 'the (receive|send) buffers were to have 1073741824 bytes \(`buffer`\), the kernel gave [0-9]+$'
grep -qE '^  do: as root: `sysctl -w net\.core\.rmem_max=1073741824`' "$RESULTS/buffer/h1.out" || problem "buffer/h1: no line to mend it"
well buffer h2 h3
finds configuration h1 h3 other-configuration 'h2 has another configuration: `learners` is .* 8999 there, .* here$'
finds configuration h2 other-configuration 'h[13] has another configuration: `learners` is .* there, .* 8999 here$'
finds route h2 reverse-path 'this host dropped [0-9]+ packets because it would not answer their sender'
finds route h1 h3 unheard 'h2 hears nothing at all of '
finds down h3 interface-unusable 'interface eth0 is down$'
well down h1 h2

# --- at once: filters of multicast, snooping whose memberships run out, and a bridge that tells of itself -----------

network filter
in_ h2 iptables -A OUTPUT -p igmp -j DROP # h2 cannot join: of multicast the bridge sends it nothing
in_ hub ip link set port2 type bridge_slave mcast_flood off

# A bridge that takes itself for the querier and never asks: memberships last 2.5 s.
network snooping
in_ hub ip link set br0 type bridge mcast_querier 0 mcast_membership_interval 250 mcast_query_interval 100000 mcast_startup_query_count 1
for host in h1 h2 h3; do in_ "$host" iptables -A INPUT -p igmp -j DROP; done
in_ hub ip link set br0 type bridge mcast_querier 1
sleep 0.3 # it sends multicast everywhere so long

network bridge
in_ hub ip link set br0 type bridge mcast_querier 0
in_ hub ip address add 10.77.0.100/24 dev br0
sed 's/^interface .*/interface br0/' "$RESULTS/bridge/h1.conf" >"$RESULTS/bridge/hub.conf"

net=filter
examine 3 h1 h2 h3
net=bridge
examine 3 h1 hub
net=snooping
examine 4.5 h1 h2 h3
await_doctors

finds filter h1 h2 h3 no-multicast 'h2 hears no multicast of any other host, by no group, though '
finds snooping h1 h2 h3 snooping-without-querier 'for [0-9.]+ s in a row no multicast of others reached h.*, by no group, .* a switch snoops on IGMP without a querier'
finds bridge hub snooping-without-querier 'bridge br0 snoops on IGMP \(multicast_snooping 1\) and is no querier \(multicast_querier 0\)'
well bridge h1
grep -q '^caution no-querier: ' "$RESULTS/bridge/h1.out" || problem "bridge/h1: does not say that there is no querier"

say "the findings of $checks doctors, on 11 networks of which 10 are broken"
exit "$failed"
