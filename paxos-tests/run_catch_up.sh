#!/usr/bin/env bash
# run_catch_up.sh DIR N: learner 2 starts when the N values of client 1 are decided; client 2 starts when learner 2 has
# printed its first value, or after 2 s.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_catch_up.sh DIR N, where DIR holds the role scripts and N is the number of values per client'
begin "$@"

make_inputs
start_acceptors 1 2 3
start_proposers 1 2
start_learners 1
start_clients 1
await learned "$n" learn1
await_clients

restart_clock
start_learners 2
give=$((SECONDS + 2))
# shellcheck disable=SC2317 # called by await
first_value_or_late() { look learn2; ((seen_lines[learn2] > 0 || SECONDS >= give)); }
await first_value_or_late
start_clients 2
all_learned "on both learners since learner 2 started"
finish
