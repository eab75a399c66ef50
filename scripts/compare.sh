#!/usr/bin/env bash
# compare.sh [--quick] [--runs N] [--seconds N] [--sizes "BYTES..."] [--in-flight N] [--data DIR] [--only "NAME..."]
#
# Measures ours beside other stores with a total order (etcd, NATS JetStream, Redis streams), all on this machine's loopback,
# one after the other and each afresh in every round; prints a Markdown table of the medians.
#   --quick        one round of 2 s with one size, to see that it works
#   --runs N       rounds (default 5)
#   --seconds N    of each run (default 5); the first tenth is not measured
#   --sizes LIST   bytes of a value (default "64 1024 8192 32768")
#   --in-flight N  values that were submitted and that the consumer does not have yet, at most (default 1024)
#   --data DIR     where durable data goes (default /var/tmp), on a real disk; all of it is removed
#   --only LIST    of bench, paxos, etcd, nats, redis (default all)
# What the runs gave, the table, a plot and the logs stay in paxos-tests/results-compare, or RESULTS. ETCD, ETCDCTL and NATS_SERVER
# name other programs than those that it finds or fetches. The whole takes about half an hour.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source-path=SCRIPTDIR source=../paxos-tests/lib.sh
. "$here/../paxos-tests/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../paxos-tests/peers/start.sh
. "$here/../paxos-tests/peers/start.sh"

runs=5 seconds=5 sizes='64 1024 8192 32768' in_flight=1024 data=/var/tmp only='bench paxos etcd nats redis'
while (($#)); do
    case $1 in
    --quick) runs=1 seconds=2 sizes=1024 ;;
    --runs | --seconds | --sizes | --in-flight | --data | --only)
        (($# > 1)) || die "$1 needs a value"
        name=${1#--}
        declare "${name//-/_}=$2"
        shift
        ;;
    -h | --help)
        sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
        exit
        ;;
    *) die "there is no option $1; --help tells which there are" ;;
    esac
    shift
done
for number in "$runs" "$seconds" "$in_flight" $sizes; do
    [[ $number =~ ^[1-9][0-9]{0,6}$ ]] || die "'$number' is not a whole number above 0"
done
for size in $sizes; do ((size >= 33 && size <= 1048576)) || die "a size is from 33 to 1048576 bytes"; done
for name in $only; do [[ $name =~ ^(bench|paxos|etcd|nats|redis)$ ]] || die "there is no '$name' to measure"; done
[[ -d $data && -w $data ]] || die "cannot write to '$data'; name another directory with --data"
disk=$(stat -f -c %T -- "$data")
[[ $disk != tmpfs && $disk != ramfs ]] || die "'$data' is in memory, so nothing there is durable; name a directory on a disk with --data"

root=$(dirname "$here")
target=${CARGO_TARGET_DIR:-$root/target}
[[ $target == /* ]] || target=$PWD/$target
program=${PAXOS_BIN:-$target/release/paxos}
scripts=$here
install_peers
"$here/start.sh" rebuild
enter_private_net # other programs of this host keep their ports
fresh_results "${RESULTS:-$suite/results-compare}"
START_DELAY=0
on_disk=$(mktemp -d "$data/paxos-compare.XXXXXX")
in_memory=$(mktemp -d /dev/shm/paxos-compare.XXXXXX)
# shellcheck disable=SC2317 # called by clean_up
on_exit() {
    rm -rf -- "$on_disk" "$in_memory"
    if (($1)); then note "what every process said is in $RESULTS/logs"; fi
}
arm

# Three copies, some of them in a log and in a store: no run may fill memory or disk.
bytes_max=$((1 << 30))
for room in $(($(awk '/^MemAvailable/ { print $2 }' /proc/meminfo) * 1024)) \
    $(($(stat -f -c '%a * %S' -- "$data"))) $(($(stat -f -c '%a * %S' /dev/shm))); do
    if ((room / 16 < bytes_max)); then bytes_max=$((room / 16)); fi
done

# run_of PEER DURABLE SIZE: starts it, measures it, ends it, and adds a line to the results.
run_of() {
    local peer=$1 kind=$2 size=$3 place=$in_memory command report
    if [[ $kind == durable ]]; then place=$on_disk; fi
    report=$RESULTS/report.json
    if [[ $peer == bench ]]; then
        command=("$program" bench --json --runs 1 --no-raw --duration "$seconds" --size "$size")
        if [[ $kind == durable ]]; then command+=(--data "$place"); fi
    else
        "start_$peer" "$kind"
        command=("$target/release/peers" "${generator[@]}" --size "$size" --seconds "$seconds" --in-flight "$in_flight"
            --bytes-max "$bytes_max")
    fi
    setsid -- timeout --kill-after 5 $((seconds + 90)) "${command[@]}" </dev/null >"$report" 2>>"$RESULTS/logs/$peer.log" 8<&- &
    pid[generator]=$!
    role[generator]=peer
    groups+=("$!")
    reap generator
    ((status[generator] == 0)) || fail "$peer, $kind, $size bytes: the run ended with status ${status[generator]}; see $RESULTS/logs/$peer.log"
    printf '{"peer":"%s","kind":"%s","run":%s}\n' "$peer" "$kind" "$(head -n 1 "$report")" >>"$RESULTS/runs.jsonl"
    stop "${!pid[@]}"
    rm -rf -- "${place:?}"/*
    note "$peer, $kind, $size bytes: $(sed 's/.*"values_per_s":\([0-9]*\).*/\1/;q' "$report") values/s"
}

read -ra peers <<<"$only"
for ((run = 1; run <= runs; run++)); do
    note "round $run of $runs"
    for size in $sizes; do
        for kind in volatile durable; do
            # Each round begins with another one, so that none always has the same neighbour before it.
            for ((at = run - 1; at < run - 1 + ${#peers[@]}; at++)); do
                run_of "${peers[at % ${#peers[@]}]}" "$kind" "$size"
            done
        done
    done
done

version_of() {
    case $1 in
    ours) git -C "$root" describe --always --dirty 2>/dev/null || echo 'of unknown version' ;;
    etcd) "$etcd" --version | awk 'NR == 1 { print $NF }' ;;
    nats) "$nats" --version | awk '{ print $NF }' ;;
    redis) redis-cli --version | awk '{ print $2 }' ;;
    esac
}

{
    echo "Measured on $(date -u +%F), $(nproc) cores ($(sed -n '/^model name/{s/^[^:]*: //p;q}' /proc/cpuinfo)), Linux $(uname -r), durable data on $(df --output=fstype -- "$data" | tail -n 1)."
    echo "Ours $(version_of ours), etcd $(version_of etcd), NATS $(version_of nats), Redis $(version_of redis)."
    echo "All on loopback, generator and consumer on the same machine; runs of $seconds s, medians of $runs. At most $in_flight values were in"
    echo "flight: submitted, and not yet with the consumer; \`paxos bench\` has no such bound, so its latency is that of full pipes."
    echo "The values of the generator are noise; those of \`paxos bench\` are padded with one letter, and nothing of ours compresses."
    echo "Every value came to the consumer once, each producer's in order, or there would be no table."
    echo
    "$target/release/peers" table "$RESULTS/runs.jsonl" --plot "$RESULTS/compare.svg"
    echo
    cat "$here_peers/differences.md"
    if [[ " $only " == *' nats '* ]] && ! nats_knows_sync; then
        echo
        echo "This NATS is older than \`sync_interval: always\`; every write of its files was made synchronous by \`chattr +S\` instead."
    fi
} | tee "$RESULTS/compare.md"
note "table, plot, single runs and logs are in $RESULTS"
