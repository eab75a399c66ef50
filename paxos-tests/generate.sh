#!/usr/bin/env bash
# generate.sh CLIENT COUNT: COUNT values on stdout, one a line, as c1-000001-9f3a07c2.
# No value occurs twice, within a client or between two, so a value lost or doubled cannot hide behind an equal one;
# the random end tells the values of one run from those of another.
set -euo pipefail
export LC_ALL=C

if [[ $# != 2 || ! $1 =~ ^[0-9]+$ || ! $2 =~ ^[0-9]+$ ]]; then
    echo "usage: generate.sh CLIENT COUNT, both numbers" >&2
    exit 2
fi
seed=$(od -An -N4 -tu4 /dev/urandom) # 31 bits of it: mawk takes all larger seeds for one
awk -v client="$1" -v count="$2" -v seed="$seed" 'BEGIN {
    srand(int(seed / 2))
    for (i = 1; i <= count; i++)
        printf "c%d-%06d-%04x%04x\n", client, i, int(rand() * 65536), int(rand() * 65536)
}'
