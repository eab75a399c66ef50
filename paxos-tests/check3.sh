#!/usr/bin/env bash
# check3.sh [RESULTS]: every proposed value was printed by every learner; what was proposed twice, twice.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=check_lib.sh
. "$(dirname "$(readlink -f "$0")")/check_lib.sh"
begin_check 3 "$@"

sort -- "${inputs[@]}" >"$work/proposed"
distinct_outputs
for out in "${distinct[@]}"; do
    sort -- "$out" | comm -23 "$work/proposed" - >"$work/missing"
    if [[ -s $work/missing ]]; then
        wrong "${out##*/} lacks $(lines "$work/missing") of $(lines "$work/proposed") values, the first of them $(line "$work/missing" 1)"
    fi
done
right "every one of the $(lines "$work/proposed") proposed values is there"
