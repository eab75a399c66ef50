#!/usr/bin/env bash
# run_dissector.sh DIR N: what tshark records of a plain run on loopback, the installed output of `wire dissector` shows
# as `wire dump` does: as many packets of each kind, the batch of each instance, and nothing malformed.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_dissector.sh DIR N, where DIR holds the role scripts and N is the number of values per client'
wire=${WIRE_BIN:-$suite/../target/release/wire}
command -v tshark >/dev/null || skip "tshark is missing"
[[ -x $wire ]] || skip "$wire is missing; cargo build --release --workspace builds it"
required=1 # the host's loopback carries what is no business of ours
begin "$@"

# A home of its own, to install the dissector as the help says.
export HOME=$RESULTS/home
unset XDG_CONFIG_HOME
plugins=$HOME/.local/lib/wireshark/plugins
mkdir -p "$plugins"
"$wire" dissector >"$plugins/paxos.lua"

capture=$RESULTS/run.pcapng
setsid -- tshark -q -i lo -w "$capture" udp </dev/null 2>"$RESULTS/logs/tshark.log" 8<&- &
recorder=$!
groups+=("$recorder")
# shellcheck disable=SC2317 # called by await
records() { [[ -s $capture ]] && grep -q 'Capturing on' "$RESULTS/logs/tshark.log"; }
await records

make_inputs
start_acceptors 1 2 3
start_proposers 1 2
start_learners 1 2
start_clients 1 2
all_learned "on both learners"
stop_all
sleep 0.5 # the recorder takes from the kernel what it still has
kill -INT "$recorder"
wait "$recorder" || true

# shown FIELD [FILTER]: a line for each occurrence of a field.
shown() {
    tshark -r "$capture" -Y "${2:-paxos}" -T fields -E occurrence=a -E aggregator=/s -e "$1" 2>>"$RESULTS/logs/tshark.log" |
        tr ' ' '\n' | sed '/^$/d'
}

# same WHAT A B: two files that must be one.
same() {
    if ! diff "$2" "$3" >"$RESULTS/logs/difference.log"; then
        problem "wire dump and tshark differ in $1: $(head -n 5 "$RESULTS/logs/difference.log" | tr '\n' ' ')"
    fi
}

"$wire" dump "$capture" >"$RESULTS/dump" 2>"$RESULTS/logs/wire.log" || problem "wire dump failed: $(cat "$RESULTS/logs/wire.log")"
awk '$5 != "malformed:" { print $6 }' "$RESULTS/dump" | sort | uniq -c >"$RESULTS/kinds.wire"
shown paxos.kind | sort | uniq -c >"$RESULTS/kinds.tshark"
same "the packets of each kind" "$RESULTS/kinds.wire" "$RESULTS/kinds.tshark"
awk '$6 == "2a" { print substr($8, 2) }' "$RESULTS/dump" | sort -n >"$RESULTS/instances.wire"
shown paxos.instance 'paxos.kind == "2a"' | sort -n >"$RESULTS/instances.tshark"
same "the instances of 2a" "$RESULTS/instances.wire" "$RESULTS/instances.tshark"
[[ -s $RESULTS/instances.wire ]] || problem "no 2a was recorded"
[[ -z $(shown frame.number paxos.malformed) ]] || problem "tshark takes packets for malformed: $(shown frame.number paxos.malformed | head -n 3 | tr '\n' ' ')"
if tshark -r "$capture" -V 2>/dev/null | grep -m 1 'Lua Error' >"$RESULTS/logs/lua.log"; then
    problem "$(cat "$RESULTS/logs/lua.log")"
fi
say "$(wc -l <"$RESULTS/dump") packets, of $(wc -l <"$RESULTS/kinds.wire") kinds"
finish
