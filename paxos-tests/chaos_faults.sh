# shellcheck shell=bash
# How chaos.sh makes each fault of its plan, and how it makes good again. Sourced, never run.
#
# A fault F of the plan is strike_F TARGET [PARAMETER] and heal_F TARGET [PARAMETER]. It may begin when ready_F TARGET holds,
# if there is such a function, and its lane goes on when over_F TARGET holds. None of them waits.

declare -A data_of=()    # acceptor -> its data directory
declare -A address_of=() # node -> its address
nodes=()                 # all processes, by name
touched=()               # nodes whose rules are to be flushed
datagrams_lost=0         # by the rules, as iptables counted

# --- death and sleep ------------------------------------------------------------------------------------------------

# each TARGET: sets `names`: of `acceptors` all three, of `everything` all but the clients.
each() {
    case $1 in
    acceptors) names=("${acceptors[@]}") ;;
    everything) names=("${acceptors[@]}" "${proposers[@]}" "${learners[@]}") ;;
    *) names=("$1") ;;
    esac
}

strike_kill() {
    each "$1"
    kill_hard "${names[@]}"
}

heal_kill() {
    local name
    each "$1"
    for name in "${names[@]}"; do launch "$name"; done
}

ready_kill() { none_is_down "$1"; }
over_kill() { all_members "$1"; }

strike_pause() { signal "$1" STOP; }
heal_pause() { signal "$1" CONT; }

# An acceptor without data is killed: it has lost all that it knew. One at a time, and the others must have all of it.
strike_forget() { strike_kill "$1"; }
heal_forget() { heal_kill "$1"; }
ready_forget() { acceptors_are_whole; }
over_forget() { all_members "$1"; }

# --- disks ----------------------------------------------------------------------------------------------------------

# First the power, then the process: it may still see that its writes fail, and must not speak of them as done.
strike_power_cut() {
    local name dirs=()
    each "$1"
    for name in "${names[@]}"; do
        if [[ ${disk_of[$name]-} ]]; then dirs+=("${disk_of[$name]}"); fi
    done
    if ((${#dirs[@]})); then cut_power "${dirs[@]}" || die "cannot cut the power"; fi
    strike_kill "$1"
}

heal_power_cut() {
    local name
    each "$1"
    for name in "${names[@]}"; do
        if [[ ${disk_of[$name]-} ]]; then remount "$name"; fi
    done
    heal_kill "$1"
}

ready_power_cut() { none_is_down "$1"; }
over_power_cut() { all_members "$1"; }

strike_fill_disk() {
    if [[ ${disk_of[$1]-} ]]; then fill "$1"; fi
}

heal_fill_disk() {
    if [[ ${disk_of[$1]-} ]]; then empty "$1"; fi
}

# The disk is gone, and the acceptor comes back with an empty one.
strike_lose_disk() {
    strike_kill "$1"
    rm -rf -- "${data_of[$1]}"
}

heal_lose_disk() { heal_kill "$1"; }
ready_lose_disk() { acceptors_are_whole; }
over_lose_disk() { all_members "$1"; }

# --- the network ----------------------------------------------------------------------------------------------------

# drop NODE RULE...: adds a rule that drops what NODE should hear.
drop() {
    local node=$1
    shift
    inside "$node" iptables -w -A INPUT "$@" -j DROP
    touched+=("$node")
}

# deafen NODE SENDER...: NODE hears nothing from those.
deafen() {
    local node=$1 sender list=''
    shift
    for sender; do
        if [[ $sender != "$node" ]]; then list+=${list:+,}${address_of[$sender]}; fi
    done
    [[ ! $list ]] || drop "$node" -s "$list"
}

heal_network() {
    local node
    for node in "${touched[@]}"; do
        datagrams_lost=$((datagrams_lost + $(inside "$node" iptables -w -nvxL INPUT |
            awk '$3 == "DROP" { n += $1 } END { print n + 0 }')))
        inside "$node" iptables -w -F INPUT
    done
    touched=()
}

# sides LIST: sets `here`, the nodes in LIST, and `there`, the others.
sides() {
    local node
    here=() there=()
    for node in "${nodes[@]}"; do
        if [[ ,$1, == *,$node,* ]]; then here+=("$node"); else there+=("$node"); fi
    done
}

strike_isolate() {
    strike_deaf "$1"
    strike_mute "$1"
}

strike_deaf() { deafen "$1" "${nodes[@]}"; }

strike_mute() {
    local node
    for node in "${nodes[@]}"; do
        if [[ $node != "$1" ]]; then deafen "$node" "$1"; fi
    done
}

# One side does not hear the other, which hears it.
strike_partition_one_way() {
    local node
    sides "$2"
    for node in "${here[@]}"; do deafen "$node" "${there[@]}"; done
}

strike_partition() {
    local node
    strike_partition_one_way all "$2"
    for node in "${there[@]}"; do deafen "$node" "${here[@]}"; done
}

strike_loss() {
    local node
    for node in "${nodes[@]}"; do
        if [[ $1 == all || $1 == "$node" ]]; then
            drop "$node" -m statistic --mode random --probability "$(printf '0.%02d' "$2")"
        fi
    done
}

heal_isolate() { heal_network; }
heal_deaf() { heal_network; }
heal_mute() { heal_network; }
heal_partition() { heal_network; }
heal_partition_one_way() { heal_network; }
heal_loss() { heal_network; }
