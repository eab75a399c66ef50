#!/usr/bin/env bash
# check4.sh [RESULTS]: nothing was printed twice, and the values of each client are in the order it read them.
# Both are only visible where no two input lines are equal, as generate.sh makes them.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=check_lib.sh
. "$(dirname "$(readlink -f "$0")")/check_lib.sh"
begin_check 4 "$@"

# One table holds for every value its file and line as one number; a value met is marked by the sign.
# A repeated value is counted as such and says nothing about the order; an unknown one is check 2's business.
cat >"$work/order.awk" <<'AWK'
FNR == 1 { file++ }
file <= inputs {
    if ($0 in place) { print "input " FNR; exit }
    place[$0] = file * 1e9 + FNR
    next
}
!($0 in place) { next }
{
    at = place[$0]
    if (at < 0) {
        if (!doubled++) first_doubled = FNR
        next
    }
    place[$0] = -at
    client = int(at / 1e9)
    if (at < last[client]) {
        if (!turned++) { first_turned = FNR; after = met[client] }
    } else {
        last[client] = at
        met[client] = FNR
    }
}
END {
    if (doubled) print "doubled", first_doubled, doubled
    else if (turned) print "turned", first_turned, turned, after
}
AWK

distinct_outputs
for out in "${distinct[@]}"; do
    read -r what at count after < <(awk -v inputs="${#inputs[@]}" -f "$work/order.awk" -- "${inputs[@]}" "$out") || true
    case $what in
    input) wrong "an input holds line $at twice or has it in common with another: use the values of generate.sh" ;;
    doubled) wrong "values repeated in ${out##*/}: $count, the first in line $at: $(line "$out" "$at")" ;;
    turned) wrong "values in ${out##*/} behind later ones of their client: $count, the first in line $at: $(line "$out" "$at") comes after $(line "$out" "$after")" ;;
    esac
done
right "nothing twice, each client's values in its own order"
