# Reads who is who (`pid program role …`, from ps) and what perf sampled (a block for each sample: the pid, then the
# stack from the inside out), and prints a table: stages by roles. A kernel that cannot be interrupted at the moment is
# sampled a little later, so only the system call that a sample belongs to is told, not the function.

BEGIN {
    names = "client proposer acceptor learner bench"
    roles = split(names, role_names, " ")
    stages = split("hash,copies,the rest of the program,send: copy in,send: the rest,network stack up to the sockets," \
        "receive: copy out,receive: the rest,poll and timers,sleep and wake,pipes,new memory,log: write and sync," \
        "start and end and the rest", stage_names, ",")
}

function stage(leaf, stack) {
    if (stack !~ /entry_SYSCALL|asm_/) {
        if (leaf ~ /xxhash|header::tag/) return "hash"
        if (leaf ~ /mem(move|cpy|set|cmp)/) return "copies"
        return "the rest of the program"
    }
    if (stack ~ /exc_page_fault|madvise/) return "new memory"
    if (stack ~ /execve|do_exit|exit_mmap|sys_open|mmap|clone|do_wait/) return "start and end and the rest"
    if (stack ~ /schedule|finish_task_switch/ && stack !~ /sys_(send|write)/) return "sleep and wake"
    if (stack ~ /process_backlog|netif_receive_skb/) return "network stack up to the sockets"
    if (stack ~ /sys_send/) return leaf ~ /copy_from/ ? "send: copy in" : "send: the rest"
    if (stack ~ /sys_recv/) return leaf ~ /copy_to_iter/ ? "receive: copy out" : "receive: the rest"
    if (stack ~ /fsync|fdatasync|pwrite|ext4|fallocate/) return "log: write and sync"
    if (stack ~ /pipe_(read|write)/) return "pipes"
    if (stack ~ /epoll|timerfd|poll/) return "poll and timers"
    if (stack ~ /futex|nanosleep/) return "sleep and wake"
    return "start and end and the rest"
}

# Counts the sample that was read.
function count() {
    if (leaf != "" && pid in role_of) sum[stage(leaf, stack), role_of[pid]]++
    leaf = stack = ""
}

FNR == NR { if (index(" " names " ", " " $3 " ")) role_of[$1] = $3; next }
NF == 0 { count(); next }
NF == 1 && leaf == "" { pid = $1; next }
{ if (leaf == "") leaf = $2 " " $3; stack = stack " " $2 }

END {
    count()
    printf "| |"
    for (r = 1; r <= roles; r++) printf " %s |", role_names[r] (role_names[r] == "bench" ? " itself" : "s")
    printf " all |\n|---|"
    for (r = 0; r <= roles; r++) printf "--:|"
    for (s = 1; s <= stages; s++) row(stage_names[s])
    row("all")
}

function row(name,    r, role, all) {
    printf "\n| %s |", name
    for (r = 1; r <= roles; r++) {
        role = role_names[r]
        total["all", role] += sum[name, role]
        all += name == "all" ? total["all", role] : sum[name, role]
        printf " %d |", (name == "all" ? total["all", role] : sum[name, role]) * ns_per_sample / values + 0.5
    }
    printf " %d |", all * ns_per_sample / values + 0.5
    if (name == "all") print ""
}
