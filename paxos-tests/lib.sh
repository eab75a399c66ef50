# shellcheck shell=bash
# The common part of the run scripts, all.sh and scripts/demo.sh. Sourced, never run.
#
# A run script sets `usage`, calls `begin`, starts processes, awaits conditions and calls `finish`:
# every process is known by a name (acceptor1, learner2), is a process group of its own, and is ended by its number.
# A condition is a function that returns 0 when it holds; `await` polls it until then, or until the time limit.

export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
me=${0##*/}
arguments=("$@") # of the script
suite=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
SKIPPED=77 # exit status of a run that cannot be done here, as automake has it

declare -A pid=() role=() status=() # by process name; `pid` holds only those not known to have ended
declare -A net_of=()                # process name -> network namespace, for those that have one of their own
declare -A may_fail=()              # clients whose non-zero exit is expected
declare -A seen_lines=() seen_bytes=()
groups=() namespaces=()
failed=0 ours=0 expected=0
patience=3 # seconds that what is to end on SIGTERM has at the end, before it is killed
deadline=0 poll=0.1 progress_at=0 grew_at=0 longest_silence=0

# --- talk -----------------------------------------------------------------------------------------------------------

# Lines of a run's result: stdout, and the file `summary` beside the outputs.
say() {
    clear_progress
    echo "$me: $*"
    if [[ -d ${RESULTS-}/logs ]]; then echo "$*" >>"$RESULTS/summary"; fi
}

note() {
    clear_progress
    echo "$me: $*" >&2
}

die() {
    note "$*"
    exit 2
}

skip() {
    note "skipped: $*"
    exit $SKIPPED
}

# Something is wrong, yet the rest of the run is worth having; `finish` will fail.
problem() {
    failed=1
    say "FAILED: $*"
}

# Something is wrong that makes going on pointless: say it, show what the processes last said, end.
fail() {
    problem "$*"
    local log
    for log in "$RESULTS"/logs/*.log; do
        [[ -s $log ]] || continue
        note "--- the last lines of $log"
        tail -n 5 -- "$log" | cut -c 1-400 >&2
    done
    exit 1
}

clear_progress() {
    if [[ -t 2 ]]; then printf '\r\033[K' >&2; fi
}

# A line that is redrawn on a terminal, one every ten seconds elsewhere.
progress() {
    if [[ -t 2 ]]; then
        printf '\r\033[K%s' "$(standing)" >&2
    elif ((SECONDS >= progress_at)); then
        if ((progress_at > 0)); then echo "$me: $(standing)" >&2; fi
        progress_at=$((SECONDS + 10))
    fi
}

standing() {
    local file text=''
    for file in learn1 learn2; do
        [[ -n ${seen_lines[$file]-} ]] || continue
        text+="${text:+, }$file has ${seen_lines[$file]} of $expected values"
    done
    echo "${text:-nothing learned yet}"
}

# --- beginning and end ----------------------------------------------------------------------------------------------

# begin DIR N: reads the two arguments every run script has, moves into a network namespace of its own (that starts
# the script again inside it), empties the results directory. With `required=1` a run without such a namespace is
# skipped. Sets scripts, n, CONF, RESULTS.
begin() {
    if (($# < 2)) || [[ ! $2 =~ ^[1-9][0-9]{0,7}$ ]]; then
        echo "usage: ${usage:?}" >&2
        exit 2
    fi
    n=$2
    scripts=$(readlink -e -- "$1") || die "there is no directory '$1'"
    local name
    for name in acceptor proposer learner client; do
        [[ -x $scripts/$name.sh ]] || die "'$1' holds no executable $name.sh"
    done
    # Programs other than ours take just ID and CONF, need not end by themselves and may answer SIGTERM as they like.
    if [[ $(readlink -f "$scripts/client.sh") == "$(readlink -f "$suite/../scripts/client.sh")" ]]; then
        ours=1
        "$suite/../scripts/start.sh" build # here, where cargo has a network
    fi
    CONF=$(readlink -e -- "${CONF:-$suite/paxos.conf}") || die "there is no configuration '$CONF'"
    enter_private_net
    fresh_results "${RESULTS:-$suite/results}"
    set_time_limit
    arm
}

arm() {
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
}

# The overall limit: TIME_LIMIT, or 60 s and a second more for every 5,000 values of a client.
set_time_limit() {
    time_limit=${TIME_LIMIT:-$((60 + n / 5000))}
    deadline=$((SECONDS + time_limit))
}

# Starts the script again where no other run, no other program's multicast and no rule of the host is met: in a network
# namespace with nothing but its loopback, which vanishes with the last process in it. Root may make one, and so may
# anyone where the kernel allows user namespaces. PRIVATE_NET=0 stays outside.
enter_private_net() {
    local here how=()
    here=$(readlink /proc/self/ns/net)
    if [[ -n ${PAXOS_TESTS_OUTSIDE-} && $PAXOS_TESTS_OUTSIDE != "$here" ]]; then
        ip link set lo up
        ip link set lo multicast on
        ip route add 224.0.0.0/4 dev lo # for programs that name no interface
        return
    fi
    if [[ ${PRIVATE_NET:-1} != 0 ]] && command -v ip unshare >/dev/null; then
        if unshare --net --mount true 2>/dev/null; then
            how=(unshare --net --mount)
        elif unshare --map-root-user --net --mount true 2>/dev/null; then
            how=(unshare --map-root-user --net --mount)
        fi
    fi
    if ((${#how[@]})); then
        PAXOS_TESTS_OUTSIDE=$here exec "${how[@]}" "$BASH" "$0" "${arguments[@]}"
    fi
    [[ -z ${required-} ]] || skip "this run needs a network namespace of its own (\`unshare --net\`)"
    note "no network namespace of its own for this run: it shares the host's loopback with whatever else uses it"
}

# fresh_results DIR: makes RESULTS, or empties it if it is one that we made; the .gitignore in it says so.
fresh_results() {
    local mark='# results of paxos-tests, emptied by the next run'
    if [[ -e $1 && ! -d $1 ]]; then die "$1 is not a directory"; fi
    if [[ -d $1 && -n $(ls -A -- "$1") ]] && ! grep -qxF -- "$mark" "$1/.gitignore" 2>/dev/null; then
        die "will not empty $1: no earlier run made it; name another directory in RESULTS"
    fi
    mkdir -p -- "$1"
    RESULTS=$(readlink -e -- "$1")
    printf '%s\n*\n' "$mark" >"$RESULTS/.gitignore"
    exec 8<"$RESULTS/.gitignore"
    flock -n 8 || die "another run is writing to $RESULTS; wait for it or name another directory in RESULTS"
    find "$RESULTS" -mindepth 1 ! -path "$RESULTS/.gitignore" -delete
    mkdir "$RESULTS/logs"
}

# Whatever the reason for ending: nothing that was started stays.
clean_up() {
    local code=$? group ns
    trap '' INT TERM HUP
    set +e
    clear_progress
    for group in "${groups[@]}"; do kill -TERM -- "-$group" 2>/dev/null; done
    local give=$((SECONDS + patience))
    for group in "${groups[@]}"; do
        while kill -0 -- "-$group" 2>/dev/null && ((SECONDS < give)); do sleep 0.05; done
        kill -KILL -- "-$group" 2>/dev/null
    done
    for ns in "${namespaces[@]}"; do ip netns delete "$ns"; done
    if declare -F on_exit >/dev/null; then on_exit "$code"; fi
    exit "$code"
}

# Ends all that runs, and the script.
finish() {
    stop_all
    exit "$failed"
}

# Learners last, so that they still hear what the others say at their end.
stop_all() {
    local name clients=() rest=() learners=()
    for name in "${!pid[@]}"; do
        case ${role[$name]} in
        client) clients+=("$name") ;;
        learner) learners+=("$name") ;;
        *) rest+=("$name") ;;
        esac
    done
    memory
    stop "${clients[@]}"
    stop "${rest[@]}"
    stop "${learners[@]}"
}

# --- processes ------------------------------------------------------------------------------------------------------

# start NAME ROLE ID [OPTION...]: stdin and stdout as the caller has them, stderr to logs/NAME.log.
# A group of its own reaches the program also behind a starter that does not exec it.
start() {
    local name=$1 what=$2 id=$3
    shift 3
    local command=("$scripts/$what.sh" "$id" "$CONF" "$@")
    if [[ -n ${net_of[$name]-} ]]; then command=(nsenter --net="/run/netns/${net_of[$name]}" -- "${command[@]}"); fi
    setsid -- "${command[@]}" <&0 2>>"$RESULTS/logs/$name.log" 8<&- &
    pid[$name]=$!
    role[$name]=$what
    groups+=("$!")
}

start_acceptors() {
    local id
    for id; do start "acceptor$id" acceptor "$id" </dev/null >>"$RESULTS/logs/acceptor$id.log"; done
    settle_foreign
}

start_proposers() {
    local id
    for id; do start "proposer$id" proposer "$id" </dev/null >>"$RESULTS/logs/proposer$id.log"; done
    settle_foreign
}

# Learner ID prints to learnID, the output of a learner started twice is one file.
start_learners() {
    local id
    for id; do
        seen_lines[learn$id]=${seen_lines[learn$id]:-0}
        start "learner$id" learner "$id" </dev/null >>"$RESULTS/learn$id"
    done
    settle_foreign
}

# Clients read propID; the clock of `report` starts with the first.
start_clients() {
    local id
    start_clock
    for id; do start "client$id" client "$id" <"$RESULTS/prop$id" >>"$RESULTS/logs/client$id.log"; done
}

# A program of others may need those it talks to before it starts.
settle_foreign() {
    ((ours)) || sleep "${START_DELAY:-1}"
}

running() {
    [[ -n ${pid[$1]-} ]] && kill -0 "${pid[$1]}" 2>/dev/null
}

signal() {
    local name=$1 which=$2
    [[ -n ${pid[$name]-} ]] || return 0
    kill "-$which" -- "-${pid[$name]}" 2>/dev/null || kill "-$which" "${pid[$name]}" 2>/dev/null || true
}

# Notes the exit status of a process that ended.
reap() {
    local code=0
    wait "${pid[$1]}" || code=$?
    status[$1]=$code
    forget "$1"
}

# Forgets the number of a process that ended, since it may soon be another's, but not a group that still has members.
forget() {
    local group left=()
    for group in "${groups[@]}"; do
        if [[ $group != "${pid[$1]}" ]] || kill -0 -- "-$group" 2>/dev/null; then left+=("$group"); fi
    done
    groups=("${left[@]}")
    unset "pid[$1]"
}

# stop NAME...: SIGTERM and wait. Our programs end at once and, unless they are clients, with status 0.
stop() {
    local name give
    for name; do signal "$name" TERM; done
    give=$((SECONDS + 5))
    for name; do
        [[ -n ${pid[$name]-} ]] || continue
        while running "$name" && ((SECONDS < give)); do sleep 0.02; done
        if running "$name"; then
            kill_hard "$name"
            if ((ours)); then problem "$name still ran 5 s after SIGTERM"; fi
            continue
        fi
        reap "$name"
        if ((ours && status[$name] != 0)) && [[ ${role[$name]} != client ]]; then
            problem "$name ended with status ${status[$name]} on SIGTERM"
        fi
    done
}

# kill_hard NAME...: kill -9, all at once.
kill_hard() {
    local name
    for name; do disown "${pid[$name]}"; done # or bash reports the death on its own
    for name; do signal "$name" KILL; done
    for name; do
        while running "$name"; do sleep 0.01; done
        status[$name]=137
        forget "$name"
    done
}

# Nobody may end by himself but a client whose work is done.
watch() {
    local name
    for name in "${!pid[@]}"; do
        if running "$name"; then continue; fi
        reap "$name"
        if [[ ${role[$name]} != client ]]; then fail "$name ended by itself with status ${status[$name]}"; fi
        if ((ours && status[$name] != 0)) && [[ -z ${may_fail[$name]-} ]]; then
            fail "$name ended with status ${status[$name]}"
        fi
    done
}

# --- conditions -----------------------------------------------------------------------------------------------------

# await CONDITION [ARGUMENT...]
await() {
    while :; do
        watch
        if "$@"; then return; fi
        if ((SECONDS >= deadline)); then give_up; fi
        progress
        sleep "$poll"
    done
}

give_up() {
    local name still=''
    for name in "${!pid[@]}"; do [[ ${role[$name]} != client ]] || still+=", $name still runs"; done
    fail "not done within $time_limit s (TIME_LIMIT): $(standing)$still"
}

# look FILE: counts the lines of an output, reading only what came since the last look.
look() {
    local lines bytes
    [[ -e $RESULTS/$1 ]] || return 0
    read -r lines bytes < <(tail -c "+$((${seen_bytes[$1]:-0} + 1))" -- "$RESULTS/$1" | wc -lc)
    seen_bytes[$1]=$((${seen_bytes[$1]:-0} + bytes))
    seen_lines[$1]=$((${seen_lines[$1]:-0} + lines))
    ((bytes == 0)) || heard
}

# Keeps the longest time in which no learner printed anything.
heard() {
    local now=${EPOCHREALTIME/./}
    if ((grew_at > 0 && now - grew_at > longest_silence)); then longest_silence=$((now - grew_at)); fi
    grew_at=$now
}

# learned COUNT FILE...: each of those outputs has so many lines.
learned() {
    expected=$1
    shift
    local file
    for file; do look "$file"; done
    for file; do ((seen_lines[$file] >= expected)) || return 1; done
}

# said NAME PATTERN: its log has such a line.
said() {
    grep -q -e "$2" "$RESULTS/logs/$1.log"
}

# nothing_decided_for SECONDS: no learner prints, no client ends.
nothing_decided_for() {
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000)) name
    while ((${EPOCHREALTIME/./} < end)); do
        watch
        if learned 1 learn1 || learned 1 learn2; then fail "a value was decided without a majority"; fi
        for name in client1 client2; do
            if ((ours)) && [[ -z ${pid[$name]-} ]]; then fail "$name ended though nothing was decided"; fi
        done
        sleep "$poll"
    done
}

clients_ended() {
    local name
    for name in "${!pid[@]}"; do [[ ${role[$name]} != client ]] || return 1; done
}

# Our clients end by themselves once their values are decided; others get a moment and are then stopped by `finish`.
await_clients() {
    if ((ours)); then
        await clients_ended
    else
        local give=$((SECONDS + 2))
        until watch && clients_ended || ((SECONDS >= give)); do sleep "$poll"; done
    fi
}

# quiet FILE...: none of those outputs grows any more (a value printed twice may come after all the others).
await_quiet() {
    local file before=-1 now=0 rounds=0
    while ((now != before)); do
        ((++rounds <= 20)) || fail "the learners go on printing after all values: $(standing)"
        before=$now now=0
        sleep 0.2
        for file; do
            look "$file"
            now=$((now + seen_bytes[$file]))
        done
    done
}

# --- figures --------------------------------------------------------------------------------------------------------

start_clock() {
    [[ -n ${started-} ]] || started=$EPOCHREALTIME
}

restart_clock() {
    started=$EPOCHREALTIME
}

# Seconds from the start of the clock to the last write of any of those outputs.
elapsed() {
    local file
    for file; do stat -c %.6Y -- "$RESULTS/$file"; done |
        awk -v from="$started" '$1 > to { to = $1 } END { s = to - from; printf "%.3f", s < 0.001 ? 0.001 : s }'
}

# report COUNT WHAT FILE...
report() {
    local count=$1 what=$2 seconds
    shift 2
    seconds=$(elapsed "$@")
    say "$count values $what in $seconds s, $(awk -v n="$count" -v s="$seconds" 'BEGIN { printf "%d", n / s }') values/s"
}

# The most memory each proposer and learner of ours ever had; more than MEMORY_LIMIT_MIB is a failure.
memory() {
    ((ours)) || return 0
    local name kib text='' limit=${MEMORY_LIMIT_MIB:-64}
    for name in proposer1 proposer2 learner1 learner2; do
        [[ -n ${pid[$name]-} ]] || continue
        kib=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/${pid[$name]}/status" 2>/dev/null) || continue
        [[ -n $kib ]] || continue
        text+="${text:+, }$name $((kib / 1024)) MiB"
        if ((kib > limit * 1024)); then problem "$name took $((kib / 1024)) MiB of memory, over $limit MiB"; fi
    done
    [[ -z $text ]] || say "peak memory: $text"
}

# --- values ---------------------------------------------------------------------------------------------------------

# prop1 and prop2, n values each.
make_inputs() {
    local id
    for id in 1 2; do "$suite/generate.sh" "$id" "$n" >"$RESULTS/prop$id"; done
}

# run_cluster ACCEPTOR...: the plain run. Those acceptors, two of everything else, every value on both learners.
run_cluster() {
    make_inputs
    start_acceptors "$@"
    start_proposers 1 2
    start_learners 1 2
    start_clients 1 2
    all_learned "on both learners"
}

# all_learned WHERE: awaits every value on both learners and the end of the clients, and reports.
all_learned() {
    await learned $((2 * n)) learn1 learn2
    await_clients
    await_quiet learn1 learn2
    report $((2 * n)) "$1" learn1 learn2
}

# --- the network ----------------------------------------------------------------------------------------------------

# The addresses of the four groups of CONF, each once.
multicast_groups() {
    awk '$1 ~ /^(clients|proposers|acceptors|learners)$/ && !($2 in had) { had[$2]; print $2 }' "$CONF"
}

# set_loss TEXT: 30, 30% and 0.3 all mean three in ten; sets `loss` as a fraction.
set_loss() {
    loss=$(awk -v text="$1" 'BEGIN {
        if (text !~ /^[0-9]*\.?[0-9]+%?$/) exit 1
        part = text + 0
        if (text ~ /%$/ || part >= 1) part /= 100
        if (part >= 1) exit 1
        printf "%.4f", part
    }') || die "'$1' is no loss: write 30 or 30% or 0.3, below 100%"
}

# inside NAME COMMAND...: in the network namespace of process NAME if it has one of its own, else in that of the run.
# By nsenter and not by ip, which would give the command mounts of its own that an unmount here does not reach.
inside() {
    local ns=${net_of[$1]-}
    shift
    if [[ -n $ns ]]; then set -- nsenter --net="/run/netns/$ns" -- "$@"; fi
    "$@"
}

# drop_multicast NAME: inside NAME every incoming multicast datagram is dropped with probability `loss`; the rule before
# counts them all. gso_max_segs makes the kernel cut a sender's run of packets (UDP_SEGMENT) into datagrams first,
# else the whole run would be lost or kept as one.
drop_multicast() {
    local address device=lo
    [[ -z ${net_of[$1]-} ]] || device=eth0
    inside "$1" ip link set "$device" gso_max_segs 1
    for address in $(multicast_groups); do
        inside "$1" iptables -A INPUT -d "$address"
        inside "$1" iptables -A INPUT -d "$address" -m statistic --mode random --probability "$loss" -j DROP
    done
}

# dropped NAME...: a line "DROPPED ALL" for each, as iptables counted.
dropped() {
    local name
    for name; do
        inside "$name" iptables -nvxL INPUT |
            awk '$1 !~ /^[0-9]+$/ { next } $3 == "DROP" { d += $1; next } { a += $1 } END { print d + 0, a + 0 }'
    done
}

# report_loss "DROPPED ALL" lines: how much was really lost; a run in which nothing was has shown nothing.
report_loss() {
    local text
    text=$(awk -v loss="$loss" '{ d += $1; a += $2 } END {
        printf "iptables dropped %d of %d incoming multicast datagrams, %.1f %%", d, a, a ? 100 * d / a : 0
        exit loss > 0 && d == 0
    }' <<<"$1") || problem "no datagram was lost"
    say "$text"
}

# node NAME: the process of that name will run in a network namespace of its own, its eth0 joined to one bridge.
node() {
    local ns=paxos-$$-$1 number=$((${#namespaces[@]} + 1))
    if ((number == 1)); then
        # Where namespaces get their names is ours alone as well, so that not even a killed run leaves any behind.
        if ! mkdir -p /run/netns || ! mount -t tmpfs paxos-tests /run/netns; then skip "cannot mount over /run/netns"; fi
        # With snooping a bridge forwards a group only where it saw a membership report; without it, everywhere.
        ip link add br0 type bridge mcast_snooping 0 || skip "the kernel makes no bridge"
        ip link set br0 up
    fi
    ip netns add "$ns"
    namespaces+=("$ns")
    net_of[$1]=$ns
    ip link add "port$number" type veth peer name eth0 netns "$ns"
    ip link set "port$number" master br0 up
    ip -n "$ns" link set lo up
    ip -n "$ns" address add "10.77.0.$number/24" dev eth0
    ip -n "$ns" link set eth0 up
    ip -n "$ns" route add 224.0.0.0/4 dev eth0
}

# From here on CONF is a copy in the results directory that names the interface of the nodes.
use_interface() {
    grep -v '^ *interface' "$CONF" >"$RESULTS/paxos.conf"
    echo "interface $1" >>"$RESULTS/paxos.conf"
    CONF=$RESULTS/paxos.conf
}
