#!/usr/bin/env bash
# run_status.sh DIR N: `paxos status`, `paxos top` in a real terminal and `paxos exporter` under a real Prometheus, of a cluster
# whose processes have a network namespace each: healthy; with a learner that hears nothing while N values are decided; with one
# that is stopped; without a majority. Each is named. What is missing of tmux and Prometheus is left out, and said so.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_status.sh DIR N, where DIR holds the role scripts and N is the number of values per client'
paxos=${PAXOS_BIN:-$suite/../target/release/paxos}
required=1
begin "$@"

command -v iptables >/dev/null || skip "iptables is missing"
command -v python3 >/dev/null || skip "python3 is missing"
[[ -x $paxos ]] || skip "$paxos is missing; cargo build --release builds it"
use_interface eth0
printf '%s\n' 'status 250ms' 'heartbeat 250ms' 'suspect 750ms' >>"$CONF"
for name in acceptor{1,2,3} proposer{1,2} learner{1,2} client{1,2} watcher; do node "$name"; done

# finds CODE...: these are the problems that `paxos status` finds, in its order, and its exit status agrees.
answer=$RESULTS/status.json
# shellcheck disable=SC2317 # called by await
finds() {
    local code=0 found
    inside watcher "$paxos" status "$CONF" --json >"$answer" 2>"$RESULTS/logs/status.log" || code=$?
    found=$(python3 -c 'import json, sys
told = json.load(open(sys.argv[1]))
print(*[f["code"] for f in told["findings"] if f["problem"]])' "$answer") || return 1
    [[ $found == "$*" ]] && ((code == ($# > 0)))
}

# service NAME COMMAND...: something that runs beside the cluster, where the watcher is.
service() {
    local name=$1
    shift
    setsid -- nsenter --net="/run/netns/${net_of[watcher]}" -- "$@" </dev/null >>"$RESULTS/logs/$name.log" 2>&1 8<&- &
    service=$!
    groups+=("$service")
}

# --- healthy --------------------------------------------------------------------------------------------------------

make_inputs
start_acceptors 1 2 3
start_proposers 1 2
start_learners 1 2
start_clients 1
await learned "$n" learn1 learn2
await clients_ended
await finds
inside watcher "$paxos" status "$CONF" >"$RESULTS/healthy.txt" || fail "a healthy cluster is not found healthy"
grep -q '^all is well; 4 processes have the same below instance' "$RESULTS/healthy.txt" ||
    fail "learners and proposers were not compared: $(tail -n 1 "$RESULTS/healthy.txt")"

service exporter "$paxos" exporter "$CONF"
await grep -q 'the metrics of' "$RESULTS/logs/exporter.log"
prometheus=''
if [[ -n $(command -v prometheus) && -n $(command -v promtool) ]]; then
    prometheus=http://127.0.0.1:9090
    mkdir -p "$RESULTS/prometheus"
    printf '%s\n' 'global: {scrape_interval: 1s}' 'scrape_configs:' '  - job_name: paxos' \
        '    static_configs: [{targets: ["127.0.0.1:9464"]}]' >"$RESULTS/prometheus.yml"
    service prometheus prometheus --config.file="$RESULTS/prometheus.yml" --storage.tsdb.path="$RESULTS/prometheus" \
        --web.listen-address=127.0.0.1:9090
    inside watcher python3 -c 'import sys, urllib.request
sys.stdout.write(urllib.request.urlopen("http://127.0.0.1:9464/metrics", timeout=5).read().decode())' >"$RESULTS/metrics.txt"
    promtool check metrics <"$RESULTS/metrics.txt" >"$RESULTS/logs/promtool.log" 2>&1 ||
        fail "promtool finds fault with the metrics: $(head -n 3 "$RESULTS/logs/promtool.log")"
    [[ ! -s $RESULTS/logs/promtool.log ]] || fail "promtool says: $(head -n 3 "$RESULTS/logs/promtool.log")"
else
    note "prometheus is missing: nothing scrapes the exporter"
fi

# scraped VALUE QUERY: Prometheus has this for it.
# shellcheck disable=SC2317 # called by await
scraped() {
    [[ -n $prometheus ]] || return 0
    [[ $(inside watcher promtool query instant "$prometheus" "$2" 2>/dev/null) == *"=> $1 @"* ]]
}
await scraped 1 paxos_healthy
await scraped 7 'count(paxos_process_up == 1)'

# --- a learner that hears nothing -----------------------------------------------------------------------------------

inside learner2 iptables -A INPUT -i eth0 -j DROP
start_clients 2
await clients_ended
await finds learner-stuck
grep -q 'learner 2 at .* stands still at instance' "$answer" || fail "the learner is not named: $(cat "$answer")"
await scraped 1 'paxos_problem{code="learner-stuck"}'
inside learner2 iptables -D INPUT -i eth0 -j DROP
await finds
await scraped 1 paxos_healthy
say "a learner that heard nothing was named as long as that lasted"

# --- one that is stopped, for those that go on looking --------------------------------------------------------------

# shellcheck disable=SC2317 # called at the end, whatever the reason
on_exit() { [[ -z $screen ]] || "${terminal[@]}" kill-server 2>/dev/null || true; }
screen='' terminal=(tmux -L "paxos-status-$$" -f /dev/null)
if [[ -n $(command -v tmux) ]]; then
    screen=$RESULTS/screen.txt
    inside watcher "${terminal[@]}" new-session -d -x 80 -y 24 \
        "timeout --foreground 60 $paxos top $CONF; echo \"top ended with \$?\"; sleep 20" 8<&-
else
    note "tmux is missing: nothing looks at paxos top"
fi
# shows TEXT: it stands on the screen of `paxos top`.
# shellcheck disable=SC2317 # called by await
shows() {
    [[ -n $screen ]] || return 0
    "${terminal[@]}" capture-pane -p >"$screen" && grep -qF -- "$1" "$screen"
}
await shows 'all is well'
kill -STOP -- "-${pid[learner1]}"
await scraped 1 'paxos_problem{code="silent"}'
await scraped 0 'paxos_process_up{role="learner",id="1"}'
await shows 'silent: learner 1 at'
kill -CONT -- "-${pid[learner1]}"
await shows 'no problem any more: silent'
await scraped 1 'paxos_process_up{role="learner",id="1"}'
say "a learner that was stopped was named as silent as long as that lasted"

# --- no majority ----------------------------------------------------------------------------------------------------

kill_hard acceptor2 acceptor3
await finds no-majority
await scraped 1 'paxos_problem{code="no-majority"}'
await shows 'no-majority'
if [[ -n $screen ]]; then
    cp -- "$screen" "$RESULTS/top.txt"
    "${terminal[@]}" send-keys q
    await shows 'top ended with 0'
    ! grep -q 'no-majority' "$screen" || fail "the terminal was not given back"
fi
say "an absent majority was named; $([[ -n $prometheus ]] && echo "Prometheus scraped it all" || echo "without Prometheus")"
kill -TERM -- "-$service" 2>/dev/null || true
finish
