#!/usr/bin/env bash
# chaos_plan.sh SECONDS SEED [disks|volatile]: the faults that chaos.sh will make, one a line, in order of time:
#
#   AT LANE FAULT TARGET FOR [PARAMETER]      AT and FOR in milliseconds
#
# A function of the arguments and nothing else. Three lanes run side by side, one fault at a time in each: `acceptors`,
# `processes` (all other roles) and `network`. Each lane deals its kinds of fault from a shuffled deck, so every kind comes
# before any comes again. `disks` (the default): acceptors have data directories; `volatile`: they forget when they die.
set -euo pipefail

usage='usage: chaos_plan.sh SECONDS SEED [disks|volatile], SECONDS from 1 to 99999, SEED a number'
if (($# < 2 || $# > 3)) || [[ ! $1 =~ ^[1-9][0-9]{0,4}$ || ! $2 =~ ^[0-9]{1,18}$ || ! ${3-} =~ ^(disks|volatile|)$ ]]; then
    echo "$usage" >&2
    exit 2
fi
end=$((10#$1 * 1000))
acceptors=(acceptor{1,2,3})
proposers=(proposer{1,2,3})
learners=(learner{1,2,3})
clients=(client{1,2,3})
nodes=("${acceptors[@]}" "${proposers[@]}" "${learners[@]}" "${clients[@]}")

# draw N: sets `drawn` to 0..N-1. A linear congruential generator (Knuth's MMIX), so that no version of bash changes a plan.
draw() {
    state=$((state * 6364136223846793005 + 1442695040888963407))
    drawn=$(((state >> 33 & 0x3fffffff) % $1))
}

between() {
    draw $(($2 - $1 + 1))
    drawn=$(($1 + drawn))
}

# one_of ITEM...: sets `item`.
one_of() {
    draw $#
    shift "$drawn"
    item=$1
}

# deal: sets `card` to the next of `deck`, shuffled anew when it has come to its end.
deal() {
    local at swap
    if ((dealt == ${#deck[@]})); then
        for ((at = ${#deck[@]} - 1; at > 0; at--)); do
            draw $((at + 1))
            swap=${deck[at]} deck[at]=${deck[drawn]} deck[drawn]=$swap
        done
        dealt=0
    fi
    card=${deck[dealt]}
    dealt=$((dealt + 1))
}

# lane NAME REST_MIN REST_MAX CARD...: deals until the time is up, with a rest after each fault. Every lane draws
# from a stream of its own: another deck in one leaves the others as they are.
lane() {
    local name=$1 rest_min=$2 rest_max=$3 at number
    shift 3
    deck=("$@") dealt=$#
    state=$seed
    for ((number = 0; number < ${#name}; number++)); do state=$((state * 31 + $(printf %d "'${name:number:1}"))); done
    draw 1
    between 1000 3000
    at=$drawn
    while :; do
        deal
        target=all parameter=''
        "plan_${card//-/_}"
        ((at + duration < end)) || return 0
        echo "$at $name ${card%:*} $target $duration${parameter:+ $parameter}"
        between "$rest_min" "$rest_max"
        at=$((at + duration + drawn))
    done
}

# lasts MIN MAX: how long the fault does, in milliseconds.
lasts() {
    between "$1" "$2"
    duration=$drawn
}

an_acceptor() { one_of "${acceptors[@]}" && target=$item; }
# Twice as often the one that most probably leads.
a_proposer() { one_of proposer1 "${proposers[@]}" && target=$item; }
a_learner() { one_of "${learners[@]}" && target=$item; }
a_client() { one_of "${clients[@]}" && target=$item; }
# One that matters: without clients and learners twice as often as with them.
a_node() { one_of "${acceptors[@]}" "${proposers[@]}" "${nodes[@]}" && target=$item; }
# All acceptors at once; or all but the clients, so that the disks are all that is left.
several() { one_of acceptors everything && target=$item; }
a_loss() { between 5 50 && parameter=$drawn; }

# some_nodes: sets `parameter` to one side of a division of all nodes, neither side empty.
some_nodes() {
    local node
    while :; do
        parameter=''
        for node in "${nodes[@]}"; do
            draw 2
            ((drawn)) || parameter+=${parameter:+,}$node
        done
        [[ $parameter != *,*,*,*,*,*,*,*,*,*,*,* && -n $parameter ]] && return
    done
}

# Kinds of one fault for several roles are cards `fault:role`.
plan_kill:acceptor() { an_acceptor && lasts 200 3000; }
plan_kill:several() { several && lasts 200 2000; }
plan_pause:acceptor() { an_acceptor && lasts 300 4000; }
plan_power_cut() { an_acceptor && lasts 200 3000; }
plan_power_cut:several() { several && lasts 200 2000; }
plan_fill_disk() { an_acceptor && lasts 3000 8000; }
plan_lose_disk() { an_acceptor && lasts 200 2000; }
plan_forget() { an_acceptor && lasts 200 3000; }

plan_kill:proposer() { a_proposer && lasts 100 3000; }
plan_kill:learner() { a_learner && lasts 100 3000; }
plan_kill:client() { a_client && lasts 100 1500; }
plan_pause:proposer() { a_proposer && lasts 300 4000; }
plan_pause:learner() { a_learner && lasts 300 4000; }
plan_pause:client() { a_client && lasts 300 2000; }

plan_isolate() { a_node && lasts 500 4000; }
plan_deaf() { a_node && lasts 500 4000; }
plan_mute() { a_node && lasts 500 4000; }
plan_partition() { some_nodes && lasts 500 3000; }
plan_partition_one_way() { some_nodes && lasts 500 3000; }
plan_loss() { a_loss && lasts 1000 4000; }
plan_loss:one() { a_node && a_loss && lasts 1000 4000; }

seed=$((10#$2))
{
    if [[ ${3-} == volatile ]]; then
        lane acceptors 500 2500 forget forget forget pause:acceptor
    else
        lane acceptors 300 2000 kill:acceptor kill:acceptor pause:acceptor power-cut power-cut fill-disk lose-disk \
            kill:several power-cut:several power-cut:several
    fi
    lane processes 300 1500 kill:proposer kill:proposer kill:learner kill:client kill:client \
        pause:proposer pause:learner pause:client
    lane network 500 2500 isolate deaf mute partition partition-one-way loss loss:one
} | sort -s -n -k 1,1
