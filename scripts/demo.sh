#!/usr/bin/env bash
# demo.sh [N]: builds, runs 3 acceptors, 2 proposers, 2 learners and 2 clients with N values each (default 50,000) on this
# machine's loopback, and checks that both learners printed the same values in the same order.
# Exit status 0 says that they did. A directory and ports of its own keep it clear of any other run.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source-path=SCRIPTDIR source=../paxos-tests/lib.sh
. "$here/../paxos-tests/lib.sh"

if (($# > 1)) || [[ ! ${1:-50000} =~ ^[1-9][0-9]{0,7}$ ]]; then
    echo "usage: demo.sh [N], where N is the number of values per client" >&2
    exit 2
fi
n=${1:-50000}
scripts=$here
ours=1
"$here/start.sh" rebuild

# Four ports in a row that nobody on this host has bound, below those the kernel hands out.
free_ports() {
    local port p hex
    while :; do
        port=$((10000 + RANDOM % 20000))
        for p in "$port" $((port + 1)) $((port + 2)) $((port + 3)); do
            hex=$(printf '%04X' "$p")
            if awk -v port=":$hex" 'substr($2, length($2) - 4) == port { found = 1 } END { exit !found }' /proc/net/udp; then
                continue 2
            fi
        done
        echo "$port"
        return
    done
}

fresh_results "$(mktemp -d "${TMPDIR:-/tmp}/paxos-demo.XXXXXX")"
# shellcheck disable=SC2317 # called by clean_up
on_exit() {
    if (($1 == 0 || $1 > 128)); then
        rm -rf -- "$RESULTS"
    else
        note "what every process printed and logged is in $RESULTS"
    fi
}
arm
set_time_limit

CONF=$RESULTS/paxos.conf
port=$(free_ports)
for group in clients proposers acceptors learners; do
    echo "$group 239.0.0.1 $port"
    port=$((port + 1))
done >"$CONF"
note "3 acceptors, 2 proposers, 2 learners, 2 clients with $n values each"
run_cluster 1 2 3
stop_all
if ! verdict=$("$suite/check_all.sh" "$RESULTS"); then
    echo "$verdict"
    fail "the same order on both learners, every value once: no"
fi
say "the same order on both learners, every value once: yes"
((!failed)) || fail "something else went wrong: see above"
