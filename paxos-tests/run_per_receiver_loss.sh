#!/usr/bin/env bash
# run_per_receiver_loss.sh DIR N LOSS: as run.sh with every process in a network namespace of its own, all joined by one
# bridge as by a switch, and iptables dropping multicast datagrams on their way in, independently in each. LOSS is 30, 30%
# or 0.3. CONF gets the line `interface eth0`, so this run is not for programs that do not know it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_per_receiver_loss.sh DIR N LOSS, where DIR holds the role scripts, N is the number of values per client and LOSS is 30, 30% or 0.3'
(($# == 3)) || set --
required=1
[[ -z ${3-} ]] || set_loss "$3"
begin "$@"

command -v iptables >/dev/null || skip "iptables is missing"
use_interface eth0
for name in acceptor{1,2,3} proposer{1,2} learner{1,2} client{1,2}; do
    node "$name"
    drop_multicast "$name"
done
run_cluster 1 2 3
report_loss "$(dropped "${!net_of[@]}")"
finish
