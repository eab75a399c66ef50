# shellcheck shell=bash
# File systems of their own for acceptors, whose power can be cut and which can be filled. Sourced after lib.sh, never run.
# They are mounted in the mount namespace of the run, so that mounts and loop devices vanish with it, whatever ends it.

declare -A disk_of=() # acceptor -> where its file system is mounted; nothing without loop mounts

# disk ACCEPTOR MIB: gives it a file system of its own, in a sparse file. Fails where there are no loop mounts.
disk() {
    local image=$RESULTS/disks/$1.img
    mkdir -p "$RESULTS/disks/$1"
    truncate -s "$2M" "$image"
    mkfs.ext4 -q -F -m 0 -E lazy_itable_init=1,lazy_journal_init=1 "$image" &&
        mount -o loop,noatime "$image" "$RESULTS/disks/$1" && disk_of[$1]=$RESULTS/disks/$1
}

# cut_power DIR...: from here on nothing reaches those file systems any more, and what was not synced is lost: the ioctl
# EXT4_IOC_SHUTDOWN without a flush of the journal.
cut_power() {
    perl -e 'for (@ARGV) {
        my $flags = pack("L", 2);
        open(my $dir, "<", $_) or die "$_: $!\n";
        ioctl($dir, 0x8004587D, $flags) or die "$_: EXT4_IOC_SHUTDOWN: $!\n";
    }' -- "$@"
}

# remount ACCEPTOR: mounts its file system anew, which replays the journal.
remount() {
    local tries=0
    until umount "${disk_of[$1]}" 2>/dev/null; do
        ((++tries < 50)) || die "cannot unmount ${disk_of[$1]}"
        sleep 0.02
    done
    mount -o loop,noatime "$RESULTS/disks/$1.img" "${disk_of[$1]}" || die "cannot mount the disk of $1 again"
}

# A power cut that loses nothing would show nothing: what was synced is there after one, and what was not is not.
try_power_cut() {
    local dir=${disk_of[$1]}
    echo synced >"$dir/synced" && sync "$dir/synced" && echo not synced >"$dir/not-synced" || return
    cut_power "$dir" && remount "$1" || return
    [[ $(cat "$dir/synced") == synced && ! -s $dir/not-synced ]] || return
    rm -f "$dir"/*synced
}

# fill ACCEPTOR: files that leave no block of its file system free.
fill() {
    local dir=${disk_of[$1]} number=0 left size
    left=$(stat -f -c '%a * %S' "$dir")
    for ((size = left; size >= 4096; )); do
        if fallocate -l "$size" "$dir/ballast$number" 2>/dev/null; then
            left=$(stat -f -c '%a * %S' "$dir")
            size=$((left < size ? left : size))
            number=$((number + 1))
        else
            rm -f "$dir/ballast$number"
            size=$((size / 2))
        fi
    done
}

empty() {
    rm -f -- "${disk_of[$1]}"/ballast*
    sync -f "${disk_of[$1]}" # or a power cut brings them back
}

# The disks of a run that failed are evidence; of one that did not, they are many megabytes.
discard_disks() {
    local name
    for name in "${!disk_of[@]}"; do umount "${disk_of[$name]}" && rm -f -- "$RESULTS/disks/$name.img"; done
}
