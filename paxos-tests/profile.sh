#!/usr/bin/env bash
# Where the time of a value goes: runs `paxos bench` under perf and prints a Markdown table, a stage a row and a role a
# column, in nanoseconds of CPU time per value. Needs Linux's perf and the right to watch the whole system (root).
#
#   profile.sh [options of `paxos bench`, but for --runs, --json and --size lists]
#
# PAXOS names the program; otherwise `cargo build --release` makes it.
set -euo pipefail
export LC_ALL=C
here=$(dirname "$(readlink -f "$0")")
die() { echo "profile.sh: $*" >&2 && exit 2; }

rate=1999 # samples a second of each core; a prime, so as not to keep step with a timer
arguments=("$@")
[[ ${#arguments[@]} -gt 0 ]] || arguments=(--size 1024 --duration 5)
[[ ${arguments[0]} != -h && ${arguments[0]} != --help ]] || { sed -n '2,/^set /{/^set /d;s/^# \?//p}' "$0" && exit; }
command -v perf >/dev/null || die "perf is missing; install linux-perf"
if [[ -z ${PAXOS-} ]]; then
    (cd "$here/.." && cargo build --release) || die "the program cannot be built"
    PAXOS=$here/../target/release/paxos
fi

work=$(mktemp -d)
watcher=
end() {
    [[ -z $watcher ]] || kill "$watcher" 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT

# perf knows processes by their numbers, and ps whose they are.
while sleep 0.2; do ps -C "${PAXOS##*/}" -o pid=,args= || true; done >"$work/processes" &
watcher=$!
perf record -q -a -g -F $rate -o "$work/samples" -- \
    "$PAXOS" bench "${arguments[@]}" --runs 1 --no-raw --json >"$work/run" 2>"$work/talk" ||
    { cat "$work/talk" >&2 && exit 1; }
kill "$watcher" && watcher=
[[ $(wc -l <"$work/run") -le 2 ]] || die "one size at a time"

of() { grep -o "\"$1\":[^,}]*" "$work/run" | head -n 1 | cut -d: -f2; }
echo "${arguments[*]}: $(of values_per_s | cut -d. -f1) values/s; ns of CPU time per value:"
echo
perf script -i "$work/samples" -F pid,ip,sym 2>/dev/null |
    awk -v ns_per_sample=$((1000000000 / rate)) -v values="$(of values)" -f "$here/profile.awk" "$work/processes" -
