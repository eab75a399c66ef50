#!/usr/bin/env bash
# run_deaf_tail.sh DIR N: both learners hear nothing at all while the N values of client 2, the last ones, are decided;
# when they hear again, these arrive though nobody sends any more values. Every process has a network namespace of its own,
# joined by one bridge; CONF gets the line `interface eth0`, so this run is not for programs that do not know it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_deaf_tail.sh DIR N, where DIR holds the role scripts and N is the number of values per client'
required=1
begin "$@"

command -v iptables >/dev/null || skip "iptables is missing"
use_interface eth0
for name in acceptor{1,2,3} proposer{1,2} learner{1,2} client{1,2}; do node "$name"; done

make_inputs
start_acceptors 1 2 3
start_proposers 1 2
start_learners 1 2
start_clients 1
await learned "$n" learn1 learn2
await clients_ended

for name in learner1 learner2; do inside "$name" iptables -A INPUT -i eth0 -j DROP; done
start_clients 2
await clients_ended
look learn1
look learn2
((seen_lines[learn1] == n && seen_lines[learn2] == n)) || fail "the learners were not deaf: $(standing)"

restart_clock
for name in learner1 learner2; do inside "$name" iptables -D INPUT -i eth0 -j DROP; done
await learned $((2 * n)) learn1 learn2
await_quiet learn1 learn2
report "$n" "decided while both learners were deaf, printed once they heard again" learn1 learn2
finish
