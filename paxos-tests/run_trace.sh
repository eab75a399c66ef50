#!/usr/bin/env bash
# run_trace.sh DIR COUNT: every process traces its packets whole, acceptor 1 onto a file system with less room than that takes.
# Its trace ends and says so, and nothing else does: all is decided. What is there of each trace can be read (by tshark too, if
# it is there), and those that are not cut short have as many packets as their process counted.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=disk_lib.sh
. "$suite/disk_lib.sh"
usage='run_trace.sh DIR COUNT, where DIR holds the role scripts'
(($# == 2)) || set --
required=2
begin "$@" 300

disk acceptor1 8 >>"$RESULTS/logs/disks.log" 2>&1 || skip "no loop mounts here: $(tail -n 1 "$RESULTS/logs/disks.log")"
fallocate -l 1M "${disk_of[acceptor1]}/spare" # what the trace will have; 1,000 values of each client take 2 MB
fill acceptor1
rm -f -- "${disk_of[acceptor1]}/spare"
traces=$RESULTS/traces
mkdir -p "$traces"

# traced NAME ROLE ID FILE: starts it, and keeps its counts.
traced() {
    start "$1" "$2" "$3" --trace "$4" --trace-snap 0 --stats "$traces/$1.json" </dev/null >>"$RESULTS/logs/$1.log"
}

make_inputs
printf -v tail '%*s' 1000 ''
sed -i "s/\$/-${tail// /x}/" "$RESULTS/prop1" "$RESULTS/prop2"
traced acceptor1 acceptor 1 "${disk_of[acceptor1]}/acceptor1.pcapng"
traced acceptor2 acceptor 2 "$traces/acceptor2.pcapng"
traced acceptor3 acceptor 3 "$traces/acceptor3.pcapng"
traced proposer1 proposer 1 "$traces/proposer1.pcapng"
start_learners 1 2
start_clients 1 2
await learned $((2 * n)) learn1 learn2
await said acceptor1 'the trace ends here, the process goes on'
await clients_ended
await_quiet learn1 learn2
report $((2 * n)) "of 1,000 bytes on both learners, while the disk of a trace filled up" learn1 learn2
stop_all
if [[ -n $(command -v tshark) ]]; then
    for name in acceptor2 acceptor3 proposer1; do
        counted=$(grep -o '"packets_traced":[0-9]*' "$traces/$name.json" | cut -d: -f2)
        left_out=$(grep -o '"trace_left_out":[0-9]*' "$traces/$name.json" | cut -d: -f2)
        read=$(tshark -n -r "$traces/$name.pcapng" 2>>"$RESULTS/logs/tshark.log" | wc -l)
        ((read == counted)) || fail "$name traced $counted packets, tshark reads $read"
        echo "$name: $read packets in its trace, $left_out left out" >>"$RESULTS/summary"
    done
    tshark -n -r "${disk_of[acceptor1]}/acceptor1.pcapng" >"$traces/acceptor1.txt" 2>>"$RESULTS/logs/tshark.log" ||
        fail "what is there of the trace that ended cannot be read"
fi
rm -rf -- "$traces"/*.pcapng*
discard_disks
finish
