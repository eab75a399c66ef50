#!/usr/bin/env bash
# run_full_disk.sh DIR: acceptors with data directories, that of acceptor 1 on a file system with room for one segment of its
# log. Client 1 sends more than fits there: acceptor 1 says that its disk is full and goes on without new votes, the two
# others are enough. Then acceptor 3 ends: nothing that client 2 sends may be decided. Then there is space on the
# disk again: everything is decided, without a restart. In the end acceptor 1 starts anew and remembers all.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=disk_lib.sh
. "$suite/disk_lib.sh"
usage='run_full_disk.sh DIR, where DIR holds the role scripts'
(($# == 1)) || set --
required=1
begin "$@" 1200

# keep ID: starts that acceptor with its data directory.
keep() {
    start "acceptor$1" acceptor "$1" --data "${disk_of[acceptor$1]}/data" </dev/null >>"$RESULTS/logs/acceptor$1.log"
}

segment=64 # MiB, and twice that must not fit
for id in 1 2 3; do
    disk "acceptor$id" $((segment * 4)) >>"$RESULTS/logs/disks.log" 2>&1 || skip "no loop mounts here: $(tail -n 1 "$RESULTS/logs/disks.log")"
done
fallocate -l $((segment * 2))M "${disk_of[acceptor1]}/ballast0"

make_inputs
# 70 MiB of client 1, 6 MiB of client 2.
printf -v tail '%*s' 60000 ''
sed -i "s/\$/-${tail// /x}/" "$RESULTS/prop1"
sed -i "101,\$d; s/\$/-${tail// /x}/" "$RESULTS/prop2"

for id in 1 2 3; do keep "$id"; done
start_proposers 1 2
start_learners 1 2
start_clients 1
await learned "$n" learn1 learn2
await clients_ended
await said acceptor1 'no space is left'
report "$n" "of 60,000 bytes on both learners, while the disk of acceptor 1 filled up" learn1 learn2

stop acceptor3
start_clients 2
mark=$((SECONDS + 3))
until ((SECONDS >= mark)); do
    watch
    if learned $((n + 1)) learn1; then fail "a value was decided though one acceptor was gone and one had no space"; fi
    sleep "$poll"
done
empty acceptor1
restart_clock
await learned $((n + 100)) learn1 learn2
await said acceptor1 'there is space again'
await clients_ended
report 100 "more when there was space again, without acceptor 3" learn1 learn2

stop acceptor1
keep 1
await said acceptor1 '] member of log .*: remembered'
await_quiet learn1 learn2
stop_all
discard_disks
finish
