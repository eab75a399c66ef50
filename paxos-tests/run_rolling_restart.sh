#!/usr/bin/env bash
# run_rolling_restart.sh DIR N [SECONDS]: the acceptors keep nothing on a disk. While the clients submit N values each over
# SECONDS (default 6), one acceptor after the other, and then the leader, dies by kill -9 and starts again at once, round after
# round until the clients are done. The next acceptor dies when the one before says that it knows again all that it forgot.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_rolling_restart.sh DIR N [SECONDS], where DIR holds the role scripts and N is the number of values per client'
begin "$@"
((ours)) || skip "other programs do not say when an acceptor has caught up"
pace=${3:-6}
[[ $pace =~ ^[1-9][0-9]*$ ]] || die "'$pace' is no number of seconds"
poll=0.02
deaths=0 leaders=0 slowest=0

# shellcheck disable=SC2317 # called by await
# whole ID: the acceptor's log says, in what came since it was started, that nothing of what it forgot is missing any more.
whole() {
    tail -c "+$((said[$1] + 1))" -- "$RESULTS/logs/acceptor$1.log" |
        grep -Eq 'joined, nothing was missed|everything that was forgotten is known again'
}

declare -A said
make_inputs
start_acceptors 1 2 3
start_proposers 1 2
start_learners 1 2
start_clock
rate=$(((n + pace - 1) / pace))
for id in 1 2; do
    start "client$id" client "$id" --rate "$rate" <"$RESULTS/prop$id" >>"$RESULTS/logs/client$id.log"
done
await learned $((n / 4)) learn1

until clients_ended; do
    for id in 1 2 3; do
        kill_hard "acceptor$id"
        said[$id]=$(stat -c %s "$RESULTS/logs/acceptor$id.log")
        begun=${EPOCHREALTIME/./}
        start_acceptors "$id"
        await whole "$id"
        took=$((${EPOCHREALTIME/./} - begun))
        if ((took > slowest)); then slowest=$took; fi
        if clients_ended; then break 2; fi
        deaths=$((deaths + 1))
    done
    kill_hard proposer1
    start_proposers 1
    leaders=$((leaders + 1))
    await learned $((seen_lines[learn1] + 1 < 2 * n ? seen_lines[learn1] + 1 : 2 * n)) learn1
done
all_learned "on both learners, submitted over $pace s,"
seconds() { awk -v us="$1" 'BEGIN { printf "%.2f s", us / 1e6 }'; }
say "$deaths acceptors and $leaders leaders killed in mid-stream; an acceptor was whole again after $(seconds "$slowest") at most"
say "longest silence $(seconds "$longest_silence")"
((deaths >= 3)) || problem "not every acceptor was killed in mid-stream: take more SECONDS"
finish
