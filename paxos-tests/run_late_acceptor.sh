#!/usr/bin/env bash
# run_late_acceptor.sh DIR N [SECONDS]: for so long (default 3) only one acceptor of three runs and nothing may be decided;
# then a second comes, and everything that waited is decided.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_late_acceptor.sh DIR N [SECONDS], where DIR holds the role scripts and N is the number of values per client'
begin "$@"
window=${3:-3}
[[ $window =~ ^[1-9][0-9]*$ ]] || die "'$window' is no number of seconds"

make_inputs
start_acceptors 1
start_proposers 1 2
start_learners 1 2
start_clients 1 2
nothing_decided_for "$window"

restart_clock
start_acceptors 2
all_learned "on both learners after the second acceptor came"
finish
