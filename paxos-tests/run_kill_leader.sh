#!/usr/bin/env bash
# run_kill_leader.sh DIR N [SECONDS]: the leader dies in mid-stream, by kill -9, at whatever timeouts CONF has (default 2 s / 5 s).
# The values come in three parts, each fed over so many seconds (default 3; 0 feeds at full speed), so that the deaths
# fall between values:
#   part 1: proposer 1, the lowest id and so the leader, is killed at a quarter of it;
#   part 2: proposer 1 returns in the middle of it;
#   part 3: proposer 2 is killed at a quarter of it, so the rest is up to the one that returned. That it went on without
#           the silence of a suspicion shows that it led again; the silence is reported.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
usage='run_kill_leader.sh DIR N [SECONDS], where DIR holds the role scripts and N, from 12, is the number of values per client'
begin "$@"
((n >= 12)) || die "usage: $usage"
pace=${3:-3}
[[ $pace =~ ^[0-9]+$ ]] || die "'$pace' is no number of seconds"
poll=0.02

# feed ID: the values of client ID; each part after the first waits for the file go<part>.
feed() {
    local part chunk=1000 lines count left
    ((pace == 0)) || chunk=$((n / (pace * 60) + 1))
    for part in 1 2 3; do
        until ((part == 1)) || [[ -e $RESULTS/go$part ]]; do
            kill -0 $$ 2>/dev/null || return 0
            sleep 0.02
        done
        left=$((part < 3 ? n / 3 : n - 2 * (n / 3)))
        while ((left > 0)); do
            count=$((left < chunk ? left : chunk))
            mapfile -t -n "$count" lines
            printf '%s\n' "${lines[@]}"
            left=$((left - count))
            ((pace == 0)) || sleep 0.05
        done
    done <"$RESULTS/prop$1"
}

# The longest silence of the learners since the last call, which is what a client feels of a death.
forget_silence() { longest_silence=0 grew_at=${EPOCHREALTIME/./}; }
silence() { awk -v us="$longest_silence" 'BEGIN { printf "%.2f s", us / 1e6 }'; }

# strike NAME END: kill -9. It fell in mid-stream if learner 1 still lacked some of the first END values just after.
strike() {
    kill_hard "$1"
    forget_silence
    look learn1
    local had=${seen_lines[learn1]}
    if ((had < $2)); then
        say "$1 killed in mid-stream, with $had of $2 values on learner 1"
    else
        say "$1 killed too late for mid-stream, with $had values on learner 1: take a larger N"
    fi
}

third=$((2 * (n / 3))) # of both clients together
make_inputs
start_acceptors 1 2 3
start_proposers 1 2
start_learners 1 2
start_clock
for id in 1 2; do start "client$id" client "$id" < <(feed "$id" 8<&-) >>"$RESULTS/logs/client$id.log"; done

await learned $((third / 4)) learn1
strike proposer1 "$third"
await learned "$third" learn1 learn2

: >"$RESULTS/go2"
await learned $((third + third / 2)) learn1
first_silence=$(silence) # only here: were part 1 decided before the death, part 2 would be the first to wait
forget_silence
start_proposers 1
note "proposer 1 returned when learner 1 had ${seen_lines[learn1]} values"
await learned $((2 * third)) learn1 learn2
return_silence=$(silence)

: >"$RESULTS/go3"
await learned $((2 * third + third / 4)) learn1
strike proposer2 $((2 * n))
if ((pace == 0)); then fed="fed at full speed"; else fed="fed over $((3 * pace)) s"; fi
all_learned "on both learners, $fed,"
say "longest silence after proposer 1 died $first_silence, after it returned $return_silence, after proposer 2 died $(silence)"
finish
