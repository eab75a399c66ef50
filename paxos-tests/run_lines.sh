#!/usr/bin/env bash
# run_lines.sh DIR: lines of 0 bytes and 1 byte, of every length around a packet's room (1380 to 1480) and around two and
# three, of 64 KiB and of exactly 1 MiB, of every byte but newline: byte-identical on both learners. Then the same with a
# line of 1 MiB and one byte among them: it is refused by its number, the rest goes through, and the client says that it
# failed. Lines repeat, so this run judges itself and the checks are not for it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_lines.sh DIR, where DIR holds the role scripts'
(($# == 1)) || set --
begin "$@" 1000

# random LENGTH: a line of so many random bytes, none of them a newline.
random() {
    head -c "$1" /dev/urandom | tr '\n' '\t'
    echo
}

mib=$((1024 * 1024))
{
    echo
    random 1
    echo a line before two empty ones
    echo
    echo
    printf 'not UTF-8: \xff\xfe\xc3\x28\x80, a zero \0, a carriage return\r\n'
    for length in $(seq 1380 1480) $(seq 2840 2950) $(seq 4300 4420); do random "$length"; done
    random $((64 * 1024))
    for length in {1..300}; do random "$length"; done
    random $((mib - 1))
    random $mib
    echo
    head -c $mib /dev/zero
    echo
    echo the end
} >"$RESULTS/prop1"
count=$(wc -l <"$RESULTS/prop1")
too_long=$((count / 2 + 1))
{
    head -n $((count / 2)) "$RESULTS/prop1"
    random $((mib + 1))
    tail -n +$((count / 2 + 1)) "$RESULTS/prop1"
} >"$RESULTS/prop2"

start_acceptors 1 2 3
start_proposers 1 2
start_learners 1 2
start_clients 1
await learned "$count" learn1 learn2
await clients_ended

may_fail[client2]=1
start_clients 2
await learned $((2 * count)) learn1 learn2
await clients_ended
await_quiet learn1 learn2
report $((2 * count)) "of 0 bytes to 1 MiB" learn1 learn2

for file in learn1 learn2; do
    if ! at=$(cmp -- "$RESULTS/$file" <(cat "$RESULTS/prop1" "$RESULTS/prop1") 2>&1); then problem "$file is not what was sent: $at"; fi
done
((status[client2] != 0)) || problem "client 2 ended with status 0 though a line was refused"
grep -qw -- "$too_long" "$RESULTS/logs/client2.log" || problem "client 2 did not name line $too_long, which is over 1 MiB"
((failed)) || say "byte-identical on both learners; line $too_long, one byte over 1 MiB, was refused"
finish
