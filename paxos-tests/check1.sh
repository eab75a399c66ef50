#!/usr/bin/env bash
# check1.sh [RESULTS]: same total order. The outputs of any two learners are prefixes of one another,
# and the same to the last byte where both are complete.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=check_lib.sh
. "$(dirname "$(readlink -f "$0")")/check_lib.sh"
begin_check 1 "$@"

longest=${outputs[0]}
for out in "${outputs[@]}"; do
    (($(tail -c 1 -- "$out" | od -An -tu1) == 10)) || wrong "${out##*/} ends in the middle of a line"
    if (($(stat -c %s -- "$out") > $(stat -c %s -- "$longest"))); then longest=$out; fi
done

proposed=$(lines "${inputs[@]}")
shorter=''
for out in "${outputs[@]}"; do
    if cmp -s -- "$out" "$longest"; then continue; fi
    if ! cmp -s -n "$(stat -c %s -- "$out")" -- "$out" "$longest"; then
        at=$(cmp -- "$out" "$longest" | awk '{ print $NF }') || true
        wrong "line $at differs: ${out##*/} has $(line "$out" "$at"), ${longest##*/} has $(line "$longest" "$at")"
    fi
    at=$(lines "$out")
    if ((at >= proposed)); then
        wrong "${longest##*/} goes on after the $at lines of ${out##*/} with $(line "$longest" $((at + 1)))"
    fi
    shorter+="; ${out##*/} is a prefix of $at lines"
done
right "same total order: ${longest##*/} has $(lines "$longest") lines${shorter:-, and so have all the others}"
