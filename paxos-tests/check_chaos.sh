#!/usr/bin/env bash
# check_chaos.sh [RESULTS]: what chaos.sh left, judged. RESULTS holds, of every start S of client C and learner L,
#   clientC.S.sent    the last line: how many values it was given, c<C>-<S>-00000001 and on (long_values in chaos_lib.sh)
#   clientC.S.acked   the last line: how many of them it said are decided; clientC.S.done is there if it ended with status 0
#   learnL.S          what the learner printed; the last start of each was there to the end
# Prints a line for each kind of violation, and one that says ok or names the kinds:
#   divergence  two outputs are not prefixes of one another, or the last ones end in the middle of a line
#   gap         a value is missing though a later one of its client is there
#   duplicate   a value is there twice
#   invented    a line that nobody sent
#   lost        an acknowledged value is missing on a learner that was there to the end
#   order       a value stands behind a later one of its client
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=chaos_lib.sh
. "$(dirname "$(readlink -f "$0")")/chaos_lib.sh"

results=${1:-${RESULTS:-$(dirname "$(readlink -f "$0")")/results}}
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
kinds=''

violation() {
    echo "violation: $1: $2"
    [[ " $kinds" == *" $1 "* ]] || kinds+="$1 "
}

wrong() {
    echo "check_chaos FAILED: $*"
    exit 1
}

# last_number FILE: its last whole line, 0 without one. A killed writer may leave half a line.
last_number() {
    local line last=0
    if [[ -s $1 ]]; then
        while read -r line; do last=$line; done < <(tail -n 2 -- "$1")
    fi
    echo "$last"
}

# --- the outputs among one another ----------------------------------------------------------------------------------

outputs=("$results"/learn[0-9]*.[0-9]*)
[[ -e ${outputs[0]} ]] || wrong "$results holds no output of a learner"
longest=${outputs[0]}
declare -A start_of=() # learner -> its last start
for out in "${outputs[@]}"; do
    if (($(stat -c %s -- "$out") > $(stat -c %s -- "$longest"))); then longest=$out; fi
    learner=${out##*/learn} learner=${learner%.*}
    if ((${out##*.} > ${start_of[$learner]:-0})); then start_of[$learner]=${out##*.}; fi
done
[[ -s $longest ]] || wrong "no learner printed anything"

for out in "${outputs[@]}"; do
    if ! cmp -s -n "$(stat -c %s -- "$out")" -- "$out" "$longest"; then
        at=$(cmp -- "$out" "$longest" | awk '{ print $NF }') || true
        violation divergence "${out##*/} and ${longest##*/} differ in line $at: $(cut_line "$out" "$at") and $(cut_line "$longest" "$at")"
    fi
done

# Those that were there to the end; of equal ones the first speaks for all.
distinct=()
for learner in "${!start_of[@]}"; do
    out=$results/learn$learner.${start_of[$learner]}
    if [[ -s $out && $(tail -c 1 -- "$out" | od -An -tu1) -ne 10 ]]; then
        violation divergence "${out##*/} ends in the middle of a line"
    fi
    for other in "${distinct[@]}"; do
        if cmp -s -- "$out" "$other"; then continue 2; fi
    done
    distinct+=("$out")
done
if (($(stat -c %s -- "${distinct[@]}" | sort -n | tail -n 1) < $(stat -c %s -- "$longest"))); then
    violation divergence "${longest##*/}, of a learner that was killed, goes on after the end of the others"
fi

# --- the values -----------------------------------------------------------------------------------------------------

# A line "SESSION SENT ACKNOWLEDGED" for every start of a client.
inputs=("$results"/client[0-9]*.[0-9]*.sent)
[[ -e ${inputs[0]} ]] || wrong "$results does not say what any client sent"
for file in "${inputs[@]}"; do
    session=${file##*/client} session=${session%.sent}
    sent=$(last_number "$file")
    acked=$(last_number "${file%.sent}.acked")
    [[ ! -e ${file%.sent}.done ]] || acked=$sent
    echo "c${session/./-} $sent $acked"
done >"$work/sessions"

cat >"$work/values.awk" <<'AWK'
# Says the first of each kind, and how many there are.
function found(kind, text) {
    if (!count[kind]++) first[kind] = text
}
function cut(text) {
    return "\"" (length(text) > 60 ? substr(text, 1, 60) "..." : text) "\""
}
BEGIN {
    for (long = ""; length(long) < tail; ) long = long "x"
}
FNR == NR { sent[$1] = $2; acked[$1] = $3; top[$1] = 0; next }
{
    # Session and number are what must be right, and the line exactly what they make.
    at = split($1, part, "-")
    session = part[1] "-" part[2]
    number = part[3] + 0
    right = sprintf("%s-%08d", session, number)
    if (number % every == 0) right = right " " long
    if (at != 3 || $0 != right || number < 1 || !(session in sent) || number > sent[session]) {
        found("invented", "line " FNR ": " cut($0))
        next
    }
    values++
    if (number == top[session] + 1) {
        top[session] = number
    } else if (number > top[session]) {
        for (skipped = top[session] + 1; skipped < number; skipped++) missing[session, skipped] = FNR
        top[session] = number
    } else if ((session, number) in missing) {
        delete missing[session, number]
        found("order", "line " FNR ": " cut($0) " comes after " sprintf("%s-%08d", session, top[session]))
    } else {
        found("duplicate", "line " FNR ": " cut($0))
    }
}
END {
    for (which in missing) {
        split(which, part, SUBSEP)
        name = sprintf("%s-%08d", part[1], part[2])
        found("gap", name " is missing before line " missing[which])
        if (part[2] + 0 <= acked[part[1]]) found("lost", name " was acknowledged")
    }
    for (session in sent) {
        if (acked[session] > top[session]) {
            found("lost", acked[session] " values of " session " were acknowledged, the last one here is number " top[session])
        }
    }
    for (kind in count) print kind, count[kind], first[kind]
    print "values", values + 0
}
AWK

values=0
for out in "${distinct[@]}"; do
    while read -r kind count text; do
        if [[ $kind == values ]]; then
            if ((count > values)); then values=$count; fi
        else
            violation "$kind" "${out##*/}: $count times; $text"
        fi
    done < <(awk -v every="$long_every" -v tail="$long_tail" -f "$work/values.awk" "$work/sessions" "$out")
done

if [[ $kinds ]]; then wrong "${kinds% }"; fi
echo "check_chaos ok: $values values of ${#inputs[@]} client starts, ${#outputs[@]} outputs of learners, 0 violations"
