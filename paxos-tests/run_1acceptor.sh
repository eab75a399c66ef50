#!/usr/bin/env bash
# run_1acceptor.sh DIR N [SECONDS]: one of three acceptors is no majority. For so long (default 5) nothing may be decided:
# the learners print nothing, the clients do not end; then they are told to end and must say that they failed.
# The learners' outputs stay empty, so this run judges itself and the checks are not for it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_1acceptor.sh DIR N [SECONDS], where DIR holds the role scripts and N is the number of values per client'
begin "$@"
window=${3:-5}
[[ $window =~ ^[1-9][0-9]*$ ]] || die "'$window' is no number of seconds"

make_inputs
start_acceptors 1
start_proposers 1 2
start_learners 1 2
start_clients 1 2
nothing_decided_for "$window"

stop client1 client2
if ((ours)); then
    for client in client1 client2; do
        ((status[$client] != 0)) || problem "$client ended with status 0 though nothing was decided"
        [[ -s $RESULTS/logs/$client.log ]] || problem "$client did not say that its values are not decided"
    done
fi
stop learner1 learner2
[[ ! -s $RESULTS/learn1 && ! -s $RESULTS/learn2 ]] || problem "a learner printed values"
((failed)) || say "nothing was decided in $window s by one acceptor of three"
finish
