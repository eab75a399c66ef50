#!/usr/bin/env bash
# run_units.sh DIR N: what the package installs, without installing it. systemd-analyze finds nothing in the units; their own
# command lines, run as nobody without privileges, are a cluster that decides N values; the man pages are sound troff, one for each
# command; shells take the completions. DIR is not used. run_package.sh does it all with a real systemd.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_units.sh DIR N, where DIR holds the role scripts and N is the number of values'
root=$(dirname "$suite")
paxos=${PAXOS_BIN:-$root/target/release/paxos}
wire=${WIRE_BIN:-$root/target/release/wire}
for program in "$paxos" "$wire"; do
    [[ -x $program ]] || skip "$program is missing; cargo build --release --workspace builds it"
done
command -v systemd-analyze >/dev/null || skip "systemd-analyze is missing"
required=1 # the configuration of the package names the usual groups
begin "$@"

# --- units ----------------------------------------------------------------------------------------------------------

# The program where everybody may run it, and a place for what it writes, instead of those of an installation.
place=$(mktemp -d)
# shellcheck disable=SC2317 # called by lib.sh
on_exit() { rm -rf -- "$place"; }
chmod 755 "$place"
mkdir "$place"/{bin,etc,state,units}
install -m 755 "$paxos" "$place/bin/paxos"
sed "s#/var/lib/paxos#$place/state#" "$root/scripts/debian/paxos.conf" >"$place/etc/paxos.conf"
as_nobody=()
if [[ $(id -u) == 0 ]] && setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; then
    chown 65534:65534 "$place/state"
    as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs --)
fi
for unit in "$root"/scripts/systemd/*.service; do
    sed "s#/usr/bin/paxos#$place/bin/paxos#; s#/etc/paxos/paxos.conf#$place/etc/paxos.conf#" "$unit" >"$place/units/${unit##*/}"
done
systemd-analyze verify --man=no "$place"/units/*.service >"$RESULTS/logs/verify.log" 2>&1 || problem "systemd-analyze verify fails"
if [[ -s $RESULTS/logs/verify.log ]]; then problem "systemd-analyze verify: $(head -n 3 "$RESULTS/logs/verify.log")"; fi
for unit in "$place"/units/*.service; do
    for line in Type=notify WatchdogSec=30 Restart=on-failure User=paxos StateDirectory=paxos ProtectSystem=strict CapabilityBoundingSet=; do
        grep -qxF "$line" "$unit" || problem "${unit##*/} lacks $line"
    done
done

# start_unit ROLE ID: the command line of its unit.
start_unit() {
    local line
    line=$(sed -n 's/^ExecStart=//p' "$place/units/paxos-$1@.service")
    line=${line//%i/$2}
    line=${line//\$\$/\$}
    (cd "$place/state" && OPTIONS='' exec setsid -- "${as_nobody[@]}" sh -c "exec $line") </dev/null >>"$RESULTS/logs/$1$2.log" 2>&1 8<&- &
    pid[$1$2]=$!
    role[$1$2]=$1
    groups+=("$!")
}
for id in 1 2 3; do start_unit acceptor "$id"; done
start_unit proposer 1
start_unit learner 1
"$suite/generate.sh" 1 "$n" >"$RESULTS/prop1"
timeout "$time_limit" "$place/bin/paxos" client 1 "$place/etc/paxos.conf" <"$RESULTS/prop1" >>"$RESULTS/logs/client1.log" 2>&1 ||
    fail "the client failed: $(tail -n 2 "$RESULTS/logs/client1.log")"
# shellcheck disable=SC2317 # called by await
all_there() { cmp -s "$RESULTS/prop1" "$place/state/learner-1.values"; }
await all_there
stop_all
as="this user"
if ((${#as_nobody[@]})); then as="nobody, without capabilities"; fi
say "$n values by the units' command lines, run as $as"

# --- man pages and completions --------------------------------------------------------------------------------------

mkdir "$place/man"
"$paxos" man "$place/man"
"$wire" man "$place/man"
if command -v groff >/dev/null; then
    for page in "$place"/man/man?/*; do
        # Words longer than a line are nobody's fault.
        LC_ALL=C.UTF-8 groff -man -ww -K utf8 -T utf8 -P -cbou "$page" 2>&1 >"$place/page" | grep -v 'adjust\|break' >"$place/warnings" || true
        if [[ -s $place/warnings ]]; then problem "groff warns of ${page##*/}: $(head -n 1 "$place/warnings")"; fi
        grep -q SYNOPSIS "$place/page" || problem "${page##*/} has no synopsis"
    done
fi
# commands PROGRAM [COMMAND]: what its help lists.
commands() { "$@" --help | sed -n '/^Commands:/,/^[A-Z]*[a-z]*:$/s/^  \([a-z-]*\).*/\1/p' | grep -vx help; }
for program in "$paxos" "$wire"; do
    for command in $(commands "$program"); do
        [[ -s $place/man/man1/${program##*/}-$command.1 ]] || problem "there is no man page of ${program##*/} $command"
    done
done

for key in $("$paxos" check "$suite/paxos.conf" | awk '{ print $1 }'); do
    grep -q "^\\\\fB$key\\\\fR" "$place/man/man5/paxos.conf.5" || problem "the man page of paxos.conf lacks $key"
done

# completes PROGRAM WORD: what bash offers for it.
# shellcheck disable=SC2016 # for the inner shell
completes() {
    bash -c 'source <("$1" completions bash); name=${1##*/} COMP_WORDS=("${1##*/}" "$2") COMP_CWORD=1
        "_$name" "$name" "$2" "$name"; echo "${COMPREPLY[@]}"' completes "$1" "$2"
}
[[ $(completes "$paxos" acc) == acceptor ]] || problem "bash completes paxos acc to: $(completes "$paxos" acc)"
[[ $(completes "$wire" sto) == story ]] || problem "bash completes wire sto to: $(completes "$wire" sto)"
shells=bash
for shell in zsh fish; do
    command -v $shell >/dev/null || continue
    for program in "$paxos" "$wire"; do
        "$program" completions $shell >"$place/script"
        "$shell" -n "$place/script" || problem "$shell does not take the completions of ${program##*/}"
    done
    shells+=" $shell"
done
say "$(find "$place/man" -type f | wc -l) man pages; completions for $shells"
exit "$failed"
