#!/usr/bin/env bash
# run_check.sh DIR N: all packets of a run on loopback, with loss and the death of the leader, are recorded, and `wire check`
# finds nothing wrong with them; the other commands tell what happened. With one payload, one vote or one watermark of the
# same recording forged, `wire check` finds it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_check.sh DIR N, where DIR holds the role scripts and N, from 5000 and even, is the number of values per client'
wire=${WIRE_BIN:-$suite/../target/release/wire}
forge=${FORGE_BIN:-$suite/../target/release/examples/forge}
command -v tcpdump >/dev/null || command -v tshark >/dev/null || skip "tcpdump and tshark are missing"
command -v iptables >/dev/null || skip "iptables is missing"
[[ -x $wire ]] || skip "$wire is missing; cargo build --release --workspace builds it"
[[ -x $forge ]] || skip "$forge is missing; cargo build --release -p wire --example forge builds it"
required=1 # the host's loopback carries what is no business of ours
set_loss 10
begin "$@"

capture=$RESULTS/run.pcap
if command -v tshark >/dev/null; then
    recorder=(tshark -q -i lo -B 64 -F pcap -w "$capture" udp) ready='Capturing on'
else
    recorder=(tcpdump -i lo -n -B 65536 -U -w "$capture" udp) ready='listening on'
fi
setsid -- "${recorder[@]}" </dev/null 2>"$RESULTS/logs/recorder.log" 8<&- &
recording=$!
groups+=("$recording")
# shellcheck disable=SC2317 # called by await
records() { [[ -e $capture ]] && grep -q "$ready" "$RESULTS/logs/recorder.log"; }
await records

drop_multicast all # behind the place where packets are recorded: all that was sent is
# feed ID: half of a client's values, and the rest when the leader is dead.
feed() {
    head -n $((n / 2)) "$RESULTS/prop$1"
    until [[ -e $RESULTS/go ]]; do
        kill -0 $$ 2>/dev/null || return 0
        sleep 0.02
    done
    tail -n +$((n / 2 + 1)) "$RESULTS/prop$1"
}

make_inputs
start_acceptors 1 2 3
start_proposers 1 2
start_learners 1 2
start_clock
for id in 1 2; do start "client$id" client "$id" < <(feed "$id" 8<&-) >>"$RESULTS/logs/client$id.log"; done
await learned "$n" learn1
kill_hard proposer1
: >"$RESULTS/go"
all_learned "on both learners, with loss and a dead leader,"
stop_all
sleep 0.5 # the recorder takes from the kernel what it still has
kill -INT "$recording"
wait "$recording" || true

# check FILE: its exit status, and what it says in FILE.check.
check() {
    local code=0
    "$wire" check "$1" >"$1.check" 2>>"$RESULTS/logs/wire.log" || code=$?
    return $code
}

check "$capture" || problem "wire check: $(head -n 3 "$capture.check" | tr '\n' ' ')"
say "$(grep ' packets (' "$capture.check")"

# tells COMMAND PATTERN: what another command makes of the recording, and what must be found in it.
tells() {
    # shellcheck disable=SC2086 # words
    "$wire" $1 "$capture" >"$RESULTS/told" 2>>"$RESULTS/logs/wire.log" || problem "wire $1 fails on the recording"
    grep -qE "$2" "$RESULTS/told" || problem "wire $1 does not tell of $2: $(head -n 3 "$RESULTS/told" | tr '\n' ' ')"
}
tells dump ' P2 2a [0-9]+\.P2 i[0-9]+ '
tells 'story --instance 0' ' DECIDED '
tells stat '^P2 +[0-9]+\.P2 '
"$wire" flow "$capture" -o "$RESULTS/run.svg" 2>>"$RESULTS/logs/wire.log" || problem "wire flow fails on the recording"
grep -q '</svg>' "$RESULTS/run.svg" || problem "wire flow draws no whole picture"

for forgery in nothing payload vote watermark; do
    forged=$RESULTS/$forgery.pcapng
    "$forge" "$forgery" "$capture" >"$forged" 2>>"$RESULTS/logs/forge.log" || fail "cannot forge a $forgery: $(tail -n 1 "$RESULTS/logs/forge.log")"
    if check "$forged"; then
        [[ $forgery == nothing ]] || problem "wire check does not find the forged $forgery"
    else
        [[ $forgery != nothing ]] || problem "wire check finds fault with the recording as it is written anew"
        say "the forged $forgery: $(grep -m 1 '^[a-z-]*: ' "$forged.check" | cut -c 1-150)"
    fi
    rm -f -- "$forged"
done
finish
