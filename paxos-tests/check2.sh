#!/usr/bin/env bash
# check2.sh [RESULTS]: every value a learner printed was proposed.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=check_lib.sh
. "$(dirname "$(readlink -f "$0")")/check_lib.sh"
begin_check 2 "$@"

sort -u -- "${inputs[@]}" >"$work/proposed"
distinct_outputs
for out in "${distinct[@]}"; do
    sort -u -- "$out" | comm -13 "$work/proposed" - >"$work/alien"
    if [[ -s $work/alien ]]; then
        head -n 1 "$work/alien" >"$work/first"
        at=$(grep -anxF -m 1 -f "$work/first" -- "$out" | cut -d : -f 1 | head -n 1)
        wrong "values in ${out##*/} that nobody proposed: $(lines "$work/alien"), one of them in line $at: $(line "$out" "$at")"
    fi
done
right "only proposed values"
