#!/usr/bin/env bash
# run_2acceptor.sh DIR N: as run.sh with two of the three acceptors, which is a majority.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_2acceptor.sh DIR N, where DIR holds the role scripts and N is the number of values per client'
begin "$@"

run_cluster 1 2
finish
