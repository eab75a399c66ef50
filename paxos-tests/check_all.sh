#!/usr/bin/env bash
# check_all.sh [RESULTS]: all four checks over the results of the last run; fails if any of them does.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")

failed=()
for number in 1 2 3 4; do
    "$here/check$number.sh" "$@" || failed+=("$number")
done
if ((${#failed[@]})); then
    echo "check_all FAILED: check ${failed[*]}"
    exit 1
fi
echo "check_all ok"
