#!/usr/bin/env bash
# run_late_learner.sh DIR N: learner 2 starts when every value is decided and both clients are gone; with no traffic but
# its own questions it prints everything.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_late_learner.sh DIR N, where DIR holds the role scripts and N is the number of values per client'
begin "$@"

make_inputs
start_acceptors 1 2 3
start_proposers 1 2
start_learners 1
start_clients 1 2
await learned $((2 * n)) learn1
await_clients
stop client1 client2

restart_clock
start_learners 2
all_learned "on learner 2, started after they were decided"
finish
