# shellcheck shell=bash
# The common part of the checks. Sourced, never run.

export LC_ALL=C

# begin_check NUMBER [RESULTS]: sets `inputs` (prop1 prop2 ...) and `outputs` (learn1 learn2 ...); fails where one of
# those four is missing or any is empty, since nothing at all would pass every check.
begin_check() {
    check="check $1"
    local file results=${2:-${RESULTS:-$(dirname "$(readlink -f "$0")")/results}}
    for file in prop1 prop2 learn1 learn2; do
        [[ -e $results/$file ]] || wrong "$results/$file is missing"
    done
    inputs=("$results"/prop[0-9]*)
    outputs=("$results"/learn[0-9]*)
    for file in "${inputs[@]}" "${outputs[@]}"; do
        [[ -s $file ]] || wrong "$file is empty"
    done
    work=$(mktemp -d)
    trap 'rm -rf -- "$work"' EXIT
}

right() {
    echo "$check ok: $*"
    exit 0
}

wrong() {
    echo "$check FAILED: $*"
    exit 1
}

# line FILE NUMBER: that line as a sentence can hold it, in quotes, 60 bytes of it at most.
line() {
    local text
    text=$(sed -n "$2{p;q}" -- "$1" 2>/dev/null | head -c 61 | cat -v)
    if ((${#text} > 60)); then text=${text:0:60}...; fi
    echo "\"$text\""
}

lines() {
    cat -- "$@" | wc -l
}

# Sets `distinct`, the outputs that differ: of identical ones the first speaks for all.
distinct_outputs() {
    local out other
    distinct=()
    for out in "${outputs[@]}"; do
        for other in "${distinct[@]}"; do
            if cmp -s -- "$out" "$other"; then continue 2; fi
        done
        distinct+=("$out")
    done
}
