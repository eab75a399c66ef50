#!/usr/bin/env bash
# run_kill_acceptors.sh DIR N [SECONDS]: all three acceptors die at once, three times over, by kill -9, while the clients submit
# N values each over SECONDS (default 3). They keep a log, and start again at once. A third learner, started when everything
# is decided, must print what the others did, and `paxos log verify` must find nothing wrong with the logs.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_kill_acceptors.sh DIR N [SECONDS], where DIR holds the role scripts and N, from 8, is the number of values per client'
begin "$@"
((n >= 8)) || die "usage: $usage"
((ours)) || skip "other programs have no option --data"
pace=${3:-3}
[[ $pace =~ ^[1-9][0-9]*$ ]] || die "'$pace' is no number of seconds"
poll=0.02

start_durable() {
    local id
    for id; do
        start "acceptor$id" acceptor "$id" --data "$RESULTS/data$id" </dev/null >>"$RESULTS/logs/acceptor$id.log"
    done
}

make_inputs
start_durable 1 2 3
start_proposers 1 2
start_learners 1 2
start_clock
rate=$(((n + pace - 1) / pace))
for id in 1 2; do
    start "client$id" client "$id" --rate "$rate" <"$RESULTS/prop$id" >>"$RESULTS/logs/client$id.log"
done

for quarter in 1 2 3; do
    await learned $((quarter * n / 2)) learn1
    kill_hard acceptor1 acceptor2 acceptor3
    look learn1
    say "all acceptors killed with ${seen_lines[learn1]} of $((2 * n)) values on learner 1"
    start_durable 1 2 3
done
all_learned "on both learners, submitted over $pace s,"
say "longest silence $(awk -v us="$longest_silence" 'BEGIN { printf "%.2f s", us / 1e6 }')"

start_learners 3
await learned $((2 * n)) learn3
cmp -s "$RESULTS/learn1" "$RESULTS/learn3" || problem "learner 3, started afterwards, prints something else"
stop acceptor1 acceptor2 acceptor3
for id in 1 2 3; do
    "$suite/../target/release/paxos" log verify "$RESULTS/data$id" >>"$RESULTS/logs/verify.log" ||
        problem "the log of acceptor $id is not clean: $(tail -n 1 "$RESULTS/logs/verify.log")"
done
rm -r -- "$RESULTS"/data?
finish
