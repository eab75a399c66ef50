#!/usr/bin/env bash
# start.sh ROLE ID CONF [OPTION...]   becomes `paxos ROLE ID CONF [OPTION...]`, building the program first if it is missing
# start.sh build                      only builds it, if it is missing
# start.sh rebuild                    only brings it up to date
#
# acceptor.sh, proposer.sh, learner.sh and client.sh are this script with the role filled in. The program replaces the
# shell (same process id) and CONF stays on its command line as the caller wrote it, so that a process can be found by it.
# PAXOS_BIN names another program to start in place of target/release/paxos; then nothing is built.
set -euo pipefail

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
target=${CARGO_TARGET_DIR:-$root/target}
[[ $target == /* ]] || target=$PWD/$target
program=${PAXOS_BIN:-$target/release/paxos}

# build missing|always: several starters may come here at once; the lock lets one build and the others wait for it.
# Everything cargo says goes to stderr, and it must not read the values waiting on a client's stdin.
build() {
    [[ -z ${PAXOS_BIN-} ]] || return 0
    [[ $1 == always || ! -x $program ]] || return 0
    if ! command -v cargo >/dev/null; then
        [[ ! -x $program ]] || return 0
        echo "start.sh: $program is missing and cargo, which would build it, is not on PATH" >&2
        exit 1
    fi
    mkdir -p "$target"
    (
        flock 9
        [[ $1 == always || ! -x $program ]] || exit 0
        cd "$root"
        CARGO_TARGET_DIR=$target cargo build --release --bin paxos </dev/null >&2 9>&-
    ) 9>"$target/.start.lock"
}

role=${1-}
case $role in
acceptor | proposer | learner | client) shift ;;
build)
    build missing
    exit
    ;;
rebuild)
    build always
    exit
    ;;
*)
    echo "usage: start.sh acceptor|proposer|learner|client ID CONF [OPTION...], or start.sh build|rebuild" >&2
    exit 2
    ;;
esac

usage="usage: $role.sh ID CONF [OPTION...], where ID is a number from 0 to 65535 and CONF is a file like paxos.conf"
if [[ ${1-} == -h || ${1-} == --help ]]; then
    echo "$usage"
    exit
fi
if (($# < 2)) || [[ ! $1 =~ ^[0-9]{1,5}$ || -z $2 || $2 == -* ]]; then
    echo "$usage" >&2
    exit 2
fi
if [[ ! -r $2 ]]; then
    echo "$role.sh: cannot read the configuration '$2'" >&2
    echo "$usage" >&2
    exit 2
fi

build missing
exec "$program" "$role" "$@"
