#!/usr/bin/env bash
# run.sh DIR N: 3 acceptors, 2 proposers, 2 learners, 2 clients with N values each; DIR holds the role scripts.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run.sh DIR N, where DIR holds the role scripts and N is the number of values per client'
begin "$@"

run_cluster 1 2 3
finish
