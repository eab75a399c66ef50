#!/usr/bin/env bash
# run_flow.sh DIR N: what tcpdump records of a plain run on loopback, `wire stat` counts as `wire dump` shows it, and
# `wire flow` draws: as a picture that is well-formed and as a page that works in a headless Chromium (flow_page.py).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_flow.sh DIR N, where DIR holds the role scripts and N is the number of values per client, at most 100'
wire=${WIRE_BIN:-$suite/../target/release/wire}
for needed in tcpdump python3 chromium; do
    command -v $needed >/dev/null || skip "$needed is missing"
done
[[ -x $wire ]] || skip "$wire is missing; cargo build --release --workspace builds it"
required=1 # the host's loopback carries what is no business of ours
begin "$@"

capture=$RESULTS/run.pcap
setsid -- tcpdump -Z "$(id -un)" --time-stamp-precision=nano -U -i lo -w "$capture" udp </dev/null 2>"$RESULTS/logs/tcpdump.log" 8<&- &
recorder=$!
groups+=("$recorder")
# shellcheck disable=SC2317 # called by await
records() { grep -qs "listening on" "$RESULTS/logs/tcpdump.log"; }
await records

make_inputs
# A client of its own kind of values: none may come to life in a page.
sed -i "1s|.*|<script>document.title='x'</script><img src=x onerror=\"document.title='y'\">|" "$RESULTS/prop1"
start_acceptors 1 2 3
start_proposers 1 2
start_learners 1 2
sleep 0.3 # for a leader
# slowly ID: its values one at a time, as people would look at them.
slowly() {
    local line
    while read -r line; do
        echo "$line"
        sleep 0.02
    done <"$RESULTS/prop$1"
}
start_clock
for id in 1 2; do start "client$id" client "$id" < <(slowly "$id" 8<&-) >>"$RESULTS/logs/client$id.log"; done
all_learned "on both learners"
stop_all
sleep 0.3 # the recorder takes from the kernel what it still has
kill -INT "$recorder"
wait "$recorder" || true

# try NAME COMMAND...: what it prints is in NAME.
try() {
    local to=$1
    shift
    "$@" >"$RESULTS/$to" 2>"$RESULTS/logs/$to.log" || problem "$* failed: $(tail -n 3 "$RESULTS/logs/$to.log" | tr '\n' ' ')"
}

try dump "$wire" dump "$capture"
packets=$(wc -l <"$RESULTS/dump")
grep -q ' 2a ' "$RESULTS/dump" || problem "no 2a was recorded"

try stat "$wire" stat "$capture"
try stat.json "$wire" stat --json "$capture"
figures=$(python3 -c '
import json, sys
told = json.load(open(sys.argv[1]))
print(sum(row["packets"] + row["again"] for row in told["packets"]), told["values_chosen"], told["submit_to_ack_ns"]["count"])' "$RESULTS/stat.json")
read -r counted values acked <<<"$figures"
((counted == packets)) || problem "wire stat counts $counted packets, wire dump prints $packets"
((values == 2 * n)) || problem "wire stat counts $values values chosen, not $((2 * n))"
((acked > 0)) || problem "wire stat follows no entry from submit to ack"

# The page is to show each packet by itself.
try flow.log "$wire" flow "$capture" --events 20000 --title "twenty <b>values</b> & more" -o "$RESULTS/flow.html"
try picture.log "$wire" flow "$capture" -o "$RESULTS/flow.svg"
python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$RESULTS/flow.svg" || problem "flow.svg is not well-formed XML"
if ! timeout 180 python3 "$suite/flow_page.py" "$(command -v chromium)" "$RESULTS/flow.html" "$RESULTS/dump" "$RESULTS" >"$RESULTS/wrong" 2>"$RESULTS/logs/browser.log"; then
    while read -r line; do problem "the page: ${line:0:300}"; done < <(cat "$RESULTS/wrong"; tail -n 3 "$RESULTS/logs/browser.log")
fi
say "$packets packets, $values values; a page of $(($(stat -c %s "$RESULTS/flow.html") / 1024)) KiB works in Chromium"
finish
