#!/usr/bin/env bash
# planted.sh [SECONDS] [BUG...]: builds a program in which bugs can be planted (`--cfg planted`, src/planted.rs) and lets the
# simulator look for each of them, or for those that are named, for at most so many core-seconds (default 60). Ends with a table
# in Markdown, as it stands in docs/planted.md; fails if a bug was not found, or something was found where none was planted.
set -euo pipefail
root=$(dirname "$(dirname "$(readlink -f "$0")")")
cd "$root"
limit=${1:-60}
if [[ ! $limit =~ ^[1-9][0-9]{0,4}$ ]]; then
    echo "usage: planted.sh [SECONDS] [BUG...]" >&2
    exit 2
fi
shift || true
RUSTFLAGS="${RUSTFLAGS-} --cfg planted" cargo build --release --quiet --target-dir target/planted
paxos=target/planted/release/paxos
bugs=("$@")
if ((${#bugs[@]} == 0)); then
    mapfile -t bugs < <(sed -n 's/^        ("\([a-z-]*\)", Bug::.*/\1/p' src/planted.rs)
fi

# cpu PID: the processor time that it took so far, in 1/100 s.
cpu() { awk '{ print $14 + $15 }' "/proc/$1/stat" 2>/dev/null || echo 0; }

# look_for OPTION...: sets `told` to the line that tells the failure, `runs` and `spent` (1/100 s).
look_for() {
    local out pid
    out=$(mktemp)
    "$paxos" -qq sim --first --seeds 1000000 "$@" >"$out" 2>/dev/null &
    pid=$!
    spent=0
    while kill -0 "$pid" 2>/dev/null; do
        now=$(cpu "$pid")
        if ((now > spent)); then spent=$now; fi
        if ((spent > limit * 100)); then kill "$pid"; fi
        sleep 0.05
    done
    wait "$pid" 2>/dev/null || true
    told=$(grep -a -m 1 '^seed ' "$out") || true
    runs=$(sed -n 's/^\([0-9]*\) runs, .*/\1/p' "$out")
    rm -f "$out"
}

missed=0 found=0
look_for
if [[ $told ]]; then
    echo "nothing is planted, and yet: $told"
    missed=1
fi
echo "| bug | found by seed | runs | core-seconds | as |"
echo "|---|---|---|---|---|"
for bug in "${bugs[@]}"; do
    look_for --planted "$bug"
    if [[ $told ]]; then
        found=$((found + 1))
        seed=${told#seed } seed=${seed%%:*}
        as=$(cut -c 1-110 <<<"${told#*: }")
    else
        missed=$((missed + 1))
        seed='not found' as=''
    fi
    echo "| $bug | $seed | ${runs:-?} | $(awk -v s="$spent" 'BEGIN { printf "%.1f", s / 100 }') | ${as//|/\\|} |"
done
echo
echo "$found of ${#bugs[@]} found"
((missed == 0))
