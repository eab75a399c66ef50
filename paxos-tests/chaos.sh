#!/usr/bin/env bash
# chaos.sh [SECONDS] [SEED]: real processes, real faults. Three of each role, each in a network namespace of its own, joined
# by a bridge; clients that write steadily; and for SECONDS (default 60) the faults that chaos_plan.sh draws from SEED
# (default: from the clock): kill -9, pauses, partitions, losses, full disks, lost disks, power cuts. Then everything is made
# good, the clients end, and check_chaos.sh judges what the learners printed.
#
#   DATA=0    the acceptors have no data directory and forget when they are killed, one at a time
#   RATE      values per second of each client (default 2000)
#   DISK_MIB  size of an acceptor's file system (default 256, and 1 for every second)
#
# With the same SEED the plan is the same; `plan` in the results has it, `faults` what was made of it, and when.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=chaos_lib.sh
. "$suite/chaos_lib.sh"
# shellcheck source-path=SCRIPTDIR source=disk_lib.sh
. "$suite/disk_lib.sh"
# shellcheck source-path=SCRIPTDIR source=chaos_faults.sh
. "$suite/chaos_faults.sh"

usage='usage: chaos.sh [SECONDS] [SEED], SECONDS (of faults) from 10 to 99999, SEED a number'
run_seconds=${1:-60}
seed=${2:-$((EPOCHSECONDS % 1000000))}
if (($# > 2)) || [[ ! $run_seconds =~ ^[1-9][0-9]{1,4}$ || ! $seed =~ ^[0-9]{1,18}$ ]]; then
    echo "$usage" >&2
    exit 2
fi
rate=${RATE:-2000}
[[ $rate =~ ^[1-9][0-9]{1,5}$ ]] || die "RATE is values per second, from 10 to 999999"
disk_mib=${DISK_MIB:-$((256 + run_seconds))}
data=${DATA:-1}

acceptors=(acceptor{1,2,3})
proposers=(proposer{1,2,3})
learners=(learner{1,2,3})
clients=(client{1,2,3})
nodes=("${acceptors[@]}" "${proposers[@]}" "${learners[@]}" "${clients[@]}")
scripts=$suite/../scripts
ours=1
required=1

declare -A starts=()    # process name -> how often it was started
declare -A joining=()   # acceptor that is not known to be a member yet -> when it was started, µs
declare -A log_from=()  # acceptor -> bytes of its log when it was started
recalls=()              # seconds from start to knowing all again that was forgotten
declare -A blind=()     # acceptor that does not -> when it was started, µs
declare -A blank=()     # acceptor that was started with nothing to remember
declare -A made=()      # kind of fault -> how many
members_at=0            # when the last acceptor became a member, µs
network_at=0            # when the network was last made whole, µs
joins=() returns=()    # seconds from start to membership: without memory, with it
delivered=0 sizes=''
begun=0 judged=0 power_cuts=0

# --- processes ------------------------------------------------------------------------------------------------------

# launch NAME: starts it, for the first time or again. A learner prints to a new file each time, and a client reads new values.
launch() {
    local name=$1 id=${1: -1} run
    starts[$name]=$((${starts[$name]:-0} + 1))
    run=$id.${starts[$name]}
    case $name in
    acceptor*) launch_acceptor "$name" "$id" ;;
    proposer*) start "$name" proposer "$id" </dev/null >>"$RESULTS/logs/$name.log" ;;
    learner*) start "$name" learner "$id" </dev/null >"$RESULTS/learn$run" ;;
    client*)
        start "$name" client "$id" --acked "$RESULTS/client$run.acked" < <(feed "$id" "${starts[$name]}" 8<&-) \
            >>"$RESULTS/logs/$name.log"
        ;;
    esac
}

launch_acceptor() {
    local name=$1 log=$RESULTS/logs/$1.log options=()
    if [[ -n ${data_of[$name]-} ]]; then options=(--data "${data_of[$name]}"); fi
    if [[ ! -d ${data_of[$name]-} ]]; then blank[$name]=1; fi
    log_from[$name]=$(stat -c %s -- "$log" 2>/dev/null) || log_from[$name]=0
    unset "blind[$name]"
    joining[$name]=${EPOCHREALTIME/./}
    start "$name" acceptor "$2" "${options[@]}" </dev/null >>"$log"
}

# feed ID START: values for that start of the client, `rate` per second, until there is a file `stop`. How many is noted
# before they are given away, so nobody can print one that was not noted. Without the client it dies of SIGPIPE.
feed() {
    local chunk=$((rate / 20)) at=0 until_at lines never
    exec {never}<> <(:) # to wait on, which takes no process as sleep does
    while [[ ! -e $RESULTS/stop ]] && kill -0 $$ 2>/dev/null; do
        lines=() until_at=$((at + chunk))
        while ((at < until_at)); do long_value "c$1-$2" $((++at)); done
        echo "$at" >>"$RESULTS/client$1.$2.sent"
        printf '%s\n' "${lines[@]}"
        read -rt 0.05 -u "$never" || true
    done
}

# Those that ended: during the faults nobody may do so by himself; afterwards clients do, when all their values are decided.
notice_ends() {
    local name run
    for name in "${!pid[@]}"; do
        if running "$name"; then continue; fi
        reap "$name"
        if [[ ${role[$name]} != client || ! -e $RESULTS/stop ]] || ((status[$name] != 0)); then
            fail "$name ended by itself with status ${status[$name]}"
        fi
        run=$RESULTS/$name.${starts[$name]}
        : >"$run.done"
        [[ $(tail -n 1 "$run.acked") == "$(tail -n 1 "$run.sent")" ]] ||
            problem "$name ended with status 0 though not all that it read is acknowledged"
    done
}

# since_start ACCEPTOR PATTERN: the first line of that kind in its log since it was started.
since_start() {
    grep -m 1 -e "$2" < <(tail -c "+$((log_from[$1] + 1))" -- "$RESULTS/logs/$1.log")
}

# log_time LINE: when it was written, µs.
log_time() {
    local at
    at=$(date -d "${1%% *}" +%s%6N) || at=0
    echo "$at"
}

# seconds FROM TO: between two times in µs.
seconds() {
    awk -v us=$(($2 - $1)) 'BEGIN { printf "%.3f", us / 1e6 }'
}

# Those that became members say so in their logs, how, and later that they know again what they had forgotten.
notice_members() {
    local name line took
    for name in "${!joining[@]}"; do
        line=$(since_start "$name" '\] member of log ') || continue
        took=$(seconds "${joining[$name]}" "$(log_time "$line")")
        if ((starts[$name] == 1)); then
            :
        elif [[ -n ${blank[$name]-} ]]; then
            joins+=("$took")
            [[ $line == *": joined"* ]] || fail "$name, alone without memory, became a member otherwise than by joining: $line"
        else
            returns+=("$took")
            [[ $line == *": remembered"* ]] || fail "$name came back with its data and remembers nothing: $line"
        fi
        if [[ $line == *"catching up"* || $line == *damaged* ]]; then blind[$name]=${joining[$name]}; fi
        unset "joining[$name]" "blank[$name]"
        members_at=${EPOCHREALTIME/./}
    done
    for name in "${!blind[@]}"; do
        line=$(since_start "$name" 'everything that was forgotten is known again') || continue
        recalls+=("$(seconds "${blind[$name]}" "$(log_time "$line")")")
        unset "blind[$name]"
        members_at=${EPOCHREALTIME/./}
    done
}

all_see() { ((${#joining[@]} == 0 && ${#blind[@]} == 0)); }

# all_members TARGET: the acceptors of a fault vote again. Of the other roles nothing is asked.
all_members() {
    local name
    each "$1"
    for name in "${names[@]}"; do [[ -z ${joining[$name]-} ]] || return 1; done
}

# What concerns several roles waits until no other lane has killed one of them or made it sleep; `faults_over` sees to it
# that none does before all is as it was.
none_is_down() {
    [[ $1 != everything || ${phase[processes]} == idle ]]
}

# acceptors_are_whole: one of them may be lost. All are members, know what they had forgotten and have heard one another
# for a while: whatever a majority accepted, it is not on one of them alone.
acceptors_are_whole() {
    local now=${EPOCHREALTIME/./}
    hold[network]=1
    all_see && ((${#touched[@]} == 0)) &&
        ((now > members_at + 2000000 && now > network_at + 2000000))
}

# --- the nemesis ----------------------------------------------------------------------------------------------------

lanes=(acceptors processes network)
declare -A entry=()    # lane -> index of its next fault in `plan_*`
declare -A phase=()    # lane -> idle, struck or settling
declare -A until_us=() # lane -> when that ends
declare -A doing=()    # lane -> "FAULT TARGET [PARAMETER]"
declare -A hold=()     # lane -> it begins nothing new, because another waits
declare -A plan=()     # "LANE INDEX" -> a line of the plan

read_plan() {
    local at lane fault target lasts parameter kind=disks
    ((data)) || kind=volatile
    "$suite/chaos_plan.sh" "$run_seconds" "$seed" $kind >"$RESULTS/plan"
    for lane in "${lanes[@]}"; do entry[$lane]=0 phase[$lane]=idle doing[$lane]=''; done
    while read -r at lane fault target lasts parameter; do
        plan[$lane ${entry[$lane]}]="$at $lasts $fault $target $parameter"
        entry[$lane]=$((entry[$lane] + 1))
    done <"$RESULTS/plan"
    for lane in "${lanes[@]}"; do entry[$lane]=0; done
}

# to DO FAULT TARGET [PARAMETER]: calls strike_fault, heal_fault ...; without such a function nothing is to be done.
to() {
    local function=$1_${2//-/_}
    if declare -F "$function" >/dev/null; then "$function" "${@:3}"; fi
}

chronicle() {
    printf '%8.3f %s\n' "$(((${EPOCHREALTIME/./} - begun) / 1000))e-3" "$*" >>"$RESULTS/faults"
}

# step_lane LANE: begins, ends or awaits, whatever it is time for.
step_lane() {
    local lane=$1 now=${EPOCHREALTIME/./} at lasts fault
    read -ra fault <<<"${doing[$lane]}"
    case ${phase[$lane]} in
    idle)
        [[ -n ${plan[$lane ${entry[$lane]}]-} ]] || return 0
        read -r at lasts "doing[$lane]" <<<"${plan[$lane ${entry[$lane]}]}"
        if ((now < begun + at * 1000)) || [[ -n ${hold[$lane]-} ]]; then
            doing[$lane]=''
            return 0
        fi
        read -ra fault <<<"${doing[$lane]}"
        to ready "${fault[@]}" || return 0
        chronicle "$lane: ${fault[*]}"
        to strike "${fault[@]}"
        made[${fault[0]}]=$((${made[${fault[0]}]:-0} + 1))
        if [[ ${fault[0]} == power-cut && ${disk_of[*]} ]]; then power_cuts=$((power_cuts + (${#names[@]} > 1 ? 3 : 1))); fi
        phase[$lane]=struck until_us[$lane]=$((now + lasts * 1000))
        ;;
    struck)
        ((now >= until_us[$lane])) || return 0
        to heal "${fault[@]}"
        chronicle "$lane: end of ${fault[*]:0:2}"
        [[ $lane != network ]] || network_at=$now
        phase[$lane]=settling until_us[$lane]=$((now + 60000000))
        ;;
    settling)
        if to over "${fault[@]}"; then
            phase[$lane]=idle doing[$lane]=''
            entry[$lane]=$((entry[$lane] + 1))
        elif ((now >= until_us[$lane])); then
            fail "60 s after ${fault[*]:0:2} ended, not all is as before: no member again: ${!joining[*]}"
        fi
        ;;
    esac
}

# --- the run --------------------------------------------------------------------------------------------------------

standing() {
    local lane text
    text="$(((${EPOCHREALTIME/./} - begun) / 1000000)) s, $((delivered / 1000)) k lines"
    for lane in "${lanes[@]}"; do [[ ${phase[$lane]} != struck ]] || text+=", ${doing[$lane]%% *,*}"; done
    echo "$text"
}

# glance: whatever has to be noticed; ten times a second.
glance() {
    local before=$sizes
    notice_ends
    all_see || notice_members
    sizes=$(stat -c %s -- "$RESULTS"/learn*)
    if [[ $sizes != "$before" ]]; then heard; fi
    if ((SECONDS >= progress_at)) || [[ -t 2 ]]; then
        delivered=$(wc -l <"$RESULTS/learn1.${starts[learner1]}")
        progress
    fi
}

# The learners that run have printed the same, as far as sizes tell, and nothing for a second.
outputs_complete() {
    local name had=''
    for name in "${learners[@]}"; do
        read -r size < <(stat -c %s -- "$RESULTS/learn${name: -1}.${starts[$name]}")
        [[ ${had:-$size} == "$size" ]] || return 1
        had=$size
    done
    ((${EPOCHREALTIME/./} > grew_at + 1000000))
}

# pass CONDITION [ARGUMENT...]: lets time pass until it holds.
pass() {
    until "$@"; do
        glance
        if ((SECONDS >= deadline)); then fail "not done within $time_limit s (TIME_LIMIT) after the faults: ${*}; $(standing)"; fi
        sleep 0.05
    done
}

faults_over() {
    local lane busy=0
    hold=()
    if ((${EPOCHREALTIME/./} < begun + run_seconds * 1000000)); then
        for lane in "${lanes[@]}"; do
            # Looked at each time: the lane of the acceptors, which comes first, may have begun it just now.
            if [[ ${doing[acceptors]} == *everything* ]]; then hold[processes]=1; fi
            step_lane "$lane"
        done
        return 1
    fi
    # What was begun comes to its end.
    for lane in "${lanes[@]}"; do
        [[ ${phase[$lane]} == idle ]] || step_lane "$lane"
        [[ ${phase[$lane]} == idle ]] || busy=1
    done
    ((busy == 0))
}

# times WHAT NUMBER...: says how often, and least, middle and most, in seconds.
times() {
    (($# > 1)) || return 0
    say "$1 $(($# - 1)) times, in $(printf '%s\n' "${@:2}" | sort -n |
        awk '{ v[NR] = $1 } END { printf "%s / %s / %s s", v[1], v[int((NR + 1) / 2)], v[NR] }')"
}

summary() {
    local kind text='' total=0 file sent=0 acked=0 line least
    for kind in $(printf '%s\n' "${!made[@]}" | sort); do
        text+="${text:+, }$kind ${made[$kind]}"
        total=$((total + made[$kind]))
    done
    say "$total faults in $run_seconds s, seed $seed: $text"
    for file in "$RESULTS"/client*.sent; do
        sent=$((sent + $(tail -n 1 "$file")))
        line=$(tail -qn 1 "${file%.sent}.acked" 2>/dev/null) || true
        acked=$((acked + ${line:-0})) # one that was killed at once has noted nothing
    done
    delivered=$(wc -l <"$RESULTS/learn1.${starts[learner1]}")
    say "$sent values submitted, $acked acknowledged, $delivered delivered"
    say "longest silence of all learners $(awk -v us="$longest_silence" 'BEGIN { printf "%.2f s", us / 1e6 }')"
    say "the rules dropped $datagrams_lost datagrams; power cuts of $power_cuts acceptors"
    times "acceptors without memory joined" "${joins[@]}"
    times "acceptors with their data came back" "${returns[@]}"
    times "what was forgotten was known again" "${recalls[@]}"
    # A power cut leaves a torn end at worst.
    line=$(cat "$RESULTS"/logs/acceptor*.log | grep -E -m 1 'WARN .* data: ') || line=''
    [[ -z $line ]] || problem "an acceptor found damage in its log: $line"
    # A cluster that does nothing makes no mistake.
    least=$((rate * run_seconds * ${#clients[@]} / 10))
    ((delivered >= least)) || problem "$delivered values delivered are fewer than $least, a tenth of what was to be"
    ((datagrams_lost > 0)) || problem "no datagram was lost"
}

# judge: sets `failed` if it finds anything. It has something to say, too, about a run that did not come to its end.
judge() {
    local verdict line
    judged=1
    if ! verdict=$("$suite/check_chaos.sh" "$RESULTS" 2>&1); then failed=1; fi
    while read -r line; do say "$line"; done <<<"$verdict"
}

on_exit() {
    if ((failed && begun > 0 && !judged)); then
        judge
        say "the run did not come to its end: what is called lost may only be late"
    fi
    if ((failed || $1)); then note "failed with seed $seed; what is left is in $RESULTS"; fi
}

# ---

"$scripts/start.sh" build # here, where cargo has a network
CONF=$(readlink -e -- "${CONF:-$suite/paxos.conf}") || die "there is no configuration '$CONF'"
enter_private_net
fresh_results "${RESULTS:-$suite/results}"
# Every start of a learner prints all values from the first, and all that was printed is kept for the judge: 58 GB in 54 minutes.
needed=$((3 * run_seconds * run_seconds * rate + (3 * disk_mib << 20)))
room=$(($(stat -f -c '%a * %S' -- "$RESULTS")))
((room >= needed)) ||
    die "$run_seconds s need about $((needed >> 30)) GiB, and $RESULTS has $((room >> 30)); name another directory in RESULTS, or lower RATE"
time_limit=${TIME_LIMIT:-120}
deadline=$((SECONDS + run_seconds + time_limit))
arm
command -v iptables >/dev/null || skip "iptables is missing"
use_interface eth0
# Short enough for many changes of the leader in a minute.
grep -Ev '^ *(heartbeat|suspect)' "$CONF" >"$CONF.new"
printf '%s\n' 'heartbeat 250ms' 'suspect 1s' >>"$CONF.new"
mv "$CONF.new" "$CONF"
for name in "${nodes[@]}"; do
    node "$name"
    address_of[$name]=10.77.0.${#namespaces[@]}
    # In every other node the kernel cuts what leaves in one call into datagrams first: there each is lost by itself, here
    # the whole call.
    ((${#namespaces[@]} % 2)) || inside "$name" ip link set eth0 gso_max_segs 1
done

if ((data)); then
    for name in "${acceptors[@]}"; do
        disk "$name" "$disk_mib" >>"$RESULTS/logs/disks.log" 2>&1 || break
        data_of[$name]=$RESULTS/disks/$name/data
    done
    if ((${#disk_of[@]} < 3)) || ! try_power_cut acceptor1 >>"$RESULTS/logs/disks.log" 2>&1; then
        say "no file systems of their own for the acceptors here (see logs/disks.log): power cuts are only kills, no disk fills up"
        disk_of=()
        for name in "${acceptors[@]}"; do data_of[$name]=$RESULTS/data/$name; done
        mkdir -p "$RESULTS/data"
    fi
fi
read_plan

for name in "${nodes[@]}"; do launch "$name"; done
pass all_members acceptors
begun=${EPOCHREALTIME/./}
heard
pass faults_over
: >"$RESULTS/stop"
pass clients_ended
pass all_see
pass outputs_complete
stop_all
summary
judge
if ((failed == 0)); then
    discard_disks
    rm -rf -- "$RESULTS/disks" "$RESULTS/data"
fi
((failed == 0))
