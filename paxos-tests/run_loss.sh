#!/usr/bin/env bash
# run_loss.sh DIR N LOSS: as run.sh while iptables drops multicast datagrams on their way in, in a network namespace of
# the run's own. LOSS is 30, 30% or 0.3. There is one loopback, so a datagram is lost for all receivers or none;
# run_per_receiver_loss.sh draws for each.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_loss.sh DIR N LOSS, where DIR holds the role scripts, N is the number of values per client and LOSS is 30, 30% or 0.3'
(($# == 3)) || set --
required=1
[[ -z ${3-} ]] || set_loss "$3"
begin "$@"

command -v iptables >/dev/null || skip "iptables is missing"
drop_multicast all
run_cluster 1 2 3
report_loss "$(dropped all)"
finish
