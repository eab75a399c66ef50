#!/usr/bin/env bash
# run_package.sh [DEB NEXT]: the Debian package on a clean Debian, whose own systemd is booted in namespaces: installed, a
# cluster of its units, values, hung and killed processes, a refused configuration, an upgrade one process after the other,
# one to the next version of the wire, and the purge. Takes a minute, and what it takes to make the packages.
#   DEB   the package; scripts/deb.sh makes it if it is not given
#   NEXT  the same of a later program, which speaks the next version of the wire; made from a changed copy of the sources
# Root only, and mmdebstrap, which fetches Debian's packages; nothing is installed on this machine. SUITE and SOURCES name another
# release than this machine's, and a file in the manner of /etc/apt/sources.list that says where it is.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
root=$(dirname "$suite")
((EUID == 0)) || skip "only root can boot a Debian in namespaces"
for tool in mmdebstrap unshare nsenter dpkg-deb; do
    command -v $tool >/dev/null || skip "$tool is missing"
done
cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
[[ -n $cgroups ]] || skip "there is no cgroup2 file system, which systemd needs"
fresh_results "${RESULTS:-$suite/results-package}"
arm
begun=$SECONDS

# --- the packages ---------------------------------------------------------------------------------------------------

version=$(sed -n 's/^pub const VERSION: u8 = \([0-9]*\);$/\1/p' "$root/wire/src/header.rs")
[[ -n $version ]] || fail "wire/src/header.rs names no version"

# The sources with the next version of the wire and of the program, built where the next run finds what it can use again.
make_next() {
    local copy=$root/target/next
    mkdir -p "$copy"
    tar -C "$root" --exclude='target*' --exclude='results*' -cf - Cargo.toml Cargo.lock src wire scripts docs README.md paxos-tests |
        tar -C "$copy" -xf -
    sed -i "s/^pub const VERSION: u8 = .*/pub const VERSION: u8 = $((version + 1));/" "$copy/wire/src/header.rs"
    sed -i '0,/^version = .*/s//version = "99.0.0"/' "$copy/Cargo.toml"
    (cd "$copy" && unset CARGO_TARGET_DIR && CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo build --release --workspace --bins && DEB_BUILT=1 scripts/deb.sh -o "$RESULTS/next.deb") >>"$RESULTS/logs/next.log" 2>&1 ||
        fail "the next version cannot be built"
}

if (($# == 2)); then
    cp -- "$1" "$RESULTS/first.deb"
    cp -- "$2" "$RESULTS/next.deb"
else
    cargo deb --version >/dev/null 2>&1 || skip "cargo deb is missing: cargo install cargo-deb --locked"
    "$root/scripts/deb.sh" -o "$RESULTS/first.deb" >>"$RESULTS/logs/deb.log" 2>&1 || fail "scripts/deb.sh failed"
    make_next
fi
# The same program in a later package.
dpkg-deb -R "$RESULTS/first.deb" "$RESULTS/again"
sed -i 's/^Version: .*/&+again/' "$RESULTS/again/DEBIAN/control"
dpkg-deb -b "$RESULTS/again" "$RESULTS/again.deb" >/dev/null
rm -r "$RESULTS/again"

# --- a clean Debian, booted -----------------------------------------------------------------------------------------

debian=$RESULTS/root
sources=${SOURCES-}
for file in /etc/apt/sources.list /etc/apt/sources.list.d/{debian.sources,ubuntu.sources}; do
    if [[ -z $sources ]] && grep -qE '^(deb|Types)' "$file" 2>/dev/null; then sources=$file; fi
done
[[ -n $sources ]] || skip "where Debian's packages are is not in /etc/apt; name a file that says it in SOURCES"
mmdebstrap --variant=minbase --aptopt='Acquire::Languages "none"' --include=systemd,systemd-sysv,iproute2 \
    "${SUITE:-$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)}" "$debian" - <"$sources" >"$RESULTS/logs/mmdebstrap.log" 2>&1 || skip "mmdebstrap failed; see $RESULTS/logs/mmdebstrap.log"
cp "$RESULTS"/{first,again,next}.deb "$debian/root/"

cgroup=$cgroups/paxos-package-$$
booted='' init=''

# Called by lib.sh.
# shellcheck disable=SC2317
on_exit() {
    local ended=0
    if [[ $booted ]]; then
        if ((failed || $1 != 0)) && [[ $init ]]; then
            inside journalctl --no-pager >"$RESULTS/logs/journal.log" 2>&1
            note "what the journal has of it is in $RESULTS/logs/journal.log"
        fi
        kill -KILL "$booted" 2>/dev/null # and with it all that is in its namespaces
        wait "$booted" 2>/dev/null
    fi
    while [[ -d $cgroup ]] && ((ended++ < 100)); do
        find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
        sleep 0.05
    done
    rm -rf --one-file-system -- "$debian"
}

# shellcheck disable=SC2016 # for the inner shell
boot='
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
mount -t tmpfs -o mode=755 tmpfs run
mkdir dev/pts dev/shm
for node in null zero full random urandom tty; do
    touch dev/$node
    mount --bind /dev/$node dev/$node
done
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ip link set lo up
ip link set lo multicast on
mkdir -p old
pivot_root . old
umount -l /old
rmdir /old
exec env -i container=paxos PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=journal --show-status=0'
mkdir "$cgroup"
(
    echo "$BASHPID" >"$cgroup/cgroup.procs"
    exec unshare --fork --kill-child --pid --mount --uts --ipc --net --cgroup bash -c "$boot" boot "$debian"
) </dev/null >"$RESULTS/logs/boot.log" 2>&1 8<&- &
booted=$!
disown "$booted"

inside() { nsenter -t "$init" -a -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
# until_true SECONDS WHAT COMMAND...
until_true() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        ((SECONDS < end)) || fail "$what"
        sleep 0.05
    done
}
# shellcheck disable=SC2317 # called by until_true
is_up() {
    init=$(pgrep -x systemd -P "$booted") && [[ $(inside systemctl is-system-running 2>/dev/null) == @(running|degraded) ]]
}
until_true 30 "systemd does not come up; see $RESULTS/logs/boot.log" is_up

# Files and their kinds, but for what systemd and dpkg keep of their own.
files() {
    (cd "$debian" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./root -o \
        -path ./var/log -o -path ./var/tmp -o -path ./var/cache -o -path ./var/lib/dpkg -o -path ./var/lib/systemd \) -prune -o \
        -printf '%y %P\n') | sort
}
files >"$RESULTS/files.before"

# --- the package ----------------------------------------------------------------------------------------------------

install() { inside dpkg -i "/root/$1.deb" >>"$RESULTS/logs/dpkg.log" 2>&1 || fail "dpkg -i $1.deb failed"; }
property() { inside systemctl show -p "$2" --value "paxos-$1.service"; }
start_units() { inside systemctl start "${@/#/paxos-}" || fail "systemctl start $* failed"; }
values() { cat "$debian/var/lib/paxos/learner-$1.values"; }
# shellcheck disable=SC2317 # called by until_true
learned_all() { values 1 | cmp -s - "$RESULTS/expected" && values 2 | cmp -s - "$RESULTS/expected"; }
# submit PROGRAM CLIENT COUNT [OPTION...]: as nobody in particular; what is decided is expected of the learners from then on.
submit() {
    "$suite/generate.sh" "$2" "$3" >"$RESULTS/input"
    inside setpriv --reuid 65534 --regid 65534 --clear-groups "$1" client "$2" /etc/paxos/paxos.conf "${@:4}" \
        <"$RESULTS/input" >>"$RESULTS/logs/client.log" 2>&1 || fail "client $2 failed: $(tail -n 3 "$RESULTS/logs/client.log")"
    cat "$RESULTS/input" >>"$RESULTS/expected"
}
expect_all() { until_true 20 "$1: the learners do not print what was submitted" learned_all; }

install first
inside systemd-analyze verify --man=no /usr/lib/systemd/system/paxos-{acceptor,proposer,learner}@.service >"$RESULTS/logs/verify.log" 2>&1 ||
    problem "systemd-analyze verify fails"
if [[ -s $RESULTS/logs/verify.log ]]; then problem "systemd-analyze verify: $(head -n 3 "$RESULTS/logs/verify.log")"; fi
[[ $(inside paxos check /etc/paxos/paxos.conf | wc -l) -ge 13 ]] || problem "the configuration is not understood"
dpkg-deb -c "$RESULTS/first.deb" | awk '{ print $6 }' >"$RESULTS/contents"
for file in man/man5/paxos.conf.5.gz man/man1/paxos.1.gz man/man1/paxos-learner.1.gz man/man1/wire-dump.1.gz bash-completion/completions/paxos \
    zsh/vendor-completions/_wire fish/vendor_completions.d/paxos.fish doc/paxos/install.md doc/paxos/copyright; do
    grep -qxF "./usr/share/$file" "$RESULTS/contents" || problem "the package lacks $file"
done

servers=(acceptor@{1,2,3} proposer@{1,2})
units=("${servers[@]}" learner@{1,2})
inside systemctl -q enable "${units[@]/#/paxos-}"
start_units "${units[@]}"
: >"$RESULTS/expected"
submit paxos 1 1000
expect_all "after the installation"
for unit in "${units[@]}"; do
    pid=$(property "$unit" MainPID)
    [[ $(inside cat "/proc/$pid/status" | awk '/^Uid|^CapEff/ { print $2 }' | xargs) == "$(inside id -u paxos) 0000000000000000" ]] ||
        problem "$unit runs with privileges"
    exposure=$(inside systemd-analyze security --no-pager "paxos-$unit" | awk '/Overall exposure/ { print $(NF - 2) }')
    awk -v at="$exposure" 'BEGIN { exit !(at != "" && at < 2) }' || problem "$unit is exposed: $exposure"
done
# shellcheck disable=SC2317 # called by until_true
says_that_it_leads() { [[ $(property proposer@1 StatusText) == "leading in ballot "*"; decided below instance "* ]]; }
until_true 20 "proposer 1 does not say that it leads" says_that_it_leads
say "installed: 7 units run as user paxos, without capabilities, exposure ${exposure:-unknown} (systemd-analyze security); 1000 values on both learners"

inside journalctl -u 'paxos-*' -o json --output-fields=PRIORITY,MESSAGE,_COMM --no-pager | grep '"_COMM":"paxos"' >"$RESULTS/journal"
[[ -s $RESULTS/journal ]] || problem "nothing of ours is in the journal"
if grep -v '"PRIORITY":"[3-7]"' "$RESULTS/journal" | grep . || grep -E '"MESSAGE":"(<|20[0-9][0-9]-)' "$RESULTS/journal"; then
    problem "lines in the journal lack a priority, or have a time of their own"
fi

# --- reload, kill, hang, refusal ------------------------------------------------------------------------------------

for unit in "${units[@]}"; do
    pid=$(property "$unit" MainPID)
    inside systemctl reload "paxos-$unit" || problem "systemctl reload $unit fails"
    [[ $(property "$unit" ActiveState) == active && $(property "$unit" MainPID) == "$pid" ]] || problem "a reload ends $unit"
done

# shellcheck disable=SC2317 # called by until_true
restarted() { [[ $(property "$1" NRestarts) -gt 0 && $(property "$1" ActiveState) == active && $(property "$1" MainPID) != "$2" ]]; }
pid=$(property proposer@1 MainPID)
inside kill -KILL "$pid" 2>/dev/null || inside bash -c "kill -KILL $pid"
submit paxos 2 500
until_true 20 "proposer 1 is not started again" restarted proposer@1 "$pid"
expect_all "with the leader killed"

# A drop-in for a test that does not take half a minute.
inside mkdir -p /run/systemd/system/paxos-acceptor@2.service.d
printf '[Service]\nWatchdogSec=2\n' | inside tee /run/systemd/system/paxos-acceptor@2.service.d/quick.conf >/dev/null
inside systemctl daemon-reload
inside systemctl restart paxos-acceptor@2
sleep 3 # longer than its patience: signs of life come
[[ $(property acceptor@2 NRestarts) == 0 ]] || problem "acceptor 2 is taken for hung, and is not"
pid=$(property acceptor@2 MainPID)
inside bash -c "kill -STOP $pid"
stopped=${EPOCHREALTIME/./}
until_true 20 "acceptor 2 hangs, and is not started again" restarted acceptor@2 "$pid"
took=$(((${EPOCHREALTIME/./} - stopped) / 1000))
inside journalctl --no-pager -u paxos-acceptor@2 | grep -q 'Watchdog timeout' || problem "the journal does not name the watchdog"
submit paxos 3 500
expect_all "with an acceptor that hung"

if inside systemctl start paxos-acceptor@9 2>/dev/null; then problem "acceptor 9, which is none, starts"; fi
sleep 3 # longer than RestartSec
[[ $(property acceptor@9 ExecMainStatus) == 78 && $(property acceptor@9 NRestarts) == 0 ]] ||
    problem "a refused configuration: status $(property acceptor@9 ExecMainStatus), started $(property acceptor@9 NRestarts) times again"
inside mkdir -p /run/systemd/system/paxos-proposer@3.service.d
printf '[Service]\nEnvironment=OPTIONS=--nonsense\n' | inside tee /run/systemd/system/paxos-proposer@3.service.d/wrong.conf >/dev/null
inside systemctl daemon-reload
if inside systemctl start paxos-proposer@3 2>/dev/null; then problem "proposer 3, whose options are nonsense, starts"; fi
sleep 3
[[ $(property proposer@3 ExecMainStatus) == 2 && $(property proposer@3 NRestarts) == 0 ]] ||
    problem "a wrong command line: status $(property proposer@3 ExecMainStatus), started $(property proposer@3 NRestarts) times again"
inside journalctl --no-pager -p warning -u paxos-proposer@3 | grep -q "unexpected argument '--nonsense'" ||
    problem "the journal has no warning of a wrong command line"
say "reloaded; a killed leader and a stopped acceptor (watchdog of 2 s) started again, the latter after $took ms; what was given a refused configuration, or a wrong command line, not"

# --- the same wire: one process after the other ---------------------------------------------------------------------

pids() { local unit; for unit in "${units[@]}"; do property "$unit" MainPID; done; }
before=$(pids)
install again
[[ $(pids) == "$before" ]] || problem "an upgrade of the package restarts processes"
"$suite/generate.sh" 4 30000 >"$RESULTS/input"
inside setpriv --reuid 65534 --regid 65534 --clear-groups paxos client 4 /etc/paxos/paxos.conf --rate 2500 <"$RESULTS/input" >>"$RESULTS/logs/client.log" 2>&1 &
client=$!
# shellcheck disable=SC2317 # called by until_true
is_member() { [[ $(property "$1" StatusText) == @(member of log|caught up with instance)* ]]; }
for unit in "${servers[@]}"; do
    inside systemctl restart "paxos-$unit"
    if [[ $unit == acceptor@* ]]; then until_true 20 "$unit is not whole again" is_member "$unit"; fi
done
[[ -d /proc/$client ]] || problem "the client was done before the last restart"
wait "$client" || problem "the client failed during the upgrade"
cat "$RESULTS/input" >>"$RESULTS/expected"
expect_all "after the restart of one process after the other"
inside systemctl restart paxos-learner@{1,2}
expect_all "after the restart of the learners"
say "upgraded within a version of the wire: five processes restarted one after the other under 2,500 values/s, the learners after them"

# --- another wire: all at once --------------------------------------------------------------------------------------

inside cp /usr/bin/paxos /root/paxos-former
inside chmod 755 /root /root/paxos-former
install next
inside systemctl restart paxos-acceptor@3 # as if it were the same wire
# shellcheck disable=SC2317 # called by until_true
named() { inside journalctl --no-pager -p warning -u "paxos-$1" | grep -q "of another version of the wire, $2; this program speaks $3"; }
until_true 20 "acceptor 1 does not name the other version" named acceptor@1 $((version + 1)) "$version"
until_true 20 "proposer 1 does not name the other version" named proposer@1 $((version + 1)) "$version"
until_true 20 "acceptor 3 does not name the other version" named acceptor@3 "$version" $((version + 1))
submit /root/paxos-former 5 500
expect_all "with two versions of the wire"
for unit in "${units[@]}"; do
    [[ $(property "$unit" ActiveState) == active ]] || problem "$unit ended when another version spoke"
done
[[ $(property acceptor@3 NRestarts) == 0 ]] || problem "acceptor 3 ended when another version spoke"
values 1 >"$RESULTS/before"
inside systemctl stop 'paxos-*@*.service'
start_units "${units[@]}"
submit paxos 6 500
expect_all "after the upgrade to another version of the wire"
values 1 | head -c "$(stat -c %s "$RESULTS/before")" | cmp -s - "$RESULTS/before" || problem "the order before the upgrade is no prefix of the one after it"
[[ $(inside paxos --version) == "paxos 99.0.0" ]] || problem "the next program does not run"
say "upgraded from version $version of the wire to $((version + 1)): the other version was named by both sides and harmed neither; stopped and started, $(wc -l <"$RESULTS/expected") values in one order"

# --- purge ----------------------------------------------------------------------------------------------------------

inside dpkg -P paxos >>"$RESULTS/logs/dpkg.log" 2>&1 || problem "dpkg -P failed"
[[ -z $(inside systemctl list-units --no-legend --state=active 'paxos-*') ]] || problem "units run without their package"
files >"$RESULTS/files.after"
# sysusers keeps what passwd and its kin were; the user and its directory stay, as docs/install.md says.
if comm -13 "$RESULTS/files.before" "$RESULTS/files.after" | grep -vE '^. (etc/(passwd|group|shadow|gshadow)-|etc/\.pwd\.lock|var/lib/paxos(/.*)?)$'; then
    problem "the purge leaves files"
fi
if comm -23 "$RESULTS/files.before" "$RESULTS/files.after" | grep .; then problem "the purge takes files of others"; fi
say "purged: nothing is left but /var/lib/paxos and the user paxos; all in $((SECONDS - begun)) s"
exit "$failed"
