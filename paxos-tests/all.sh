#!/usr/bin/env bash
# all.sh [--long] [--shell]: every test there is, in under 15 minutes on two cores; CI runs this.
# Formats, lints, Rust tests, release build, then the shell suite: the scripts themselves, the plain runs, every scenario.
#   --long   also 100,000 and 500,000 values per client and the losses at 10,000
#   --shell  only the shell suite; builds the program only if it is missing
# Ends with a table and the line `N passed, N failed, N skipped`; fails if a step failed. What a step printed is in
# results-all/ (or RESULTS) beside the outputs of its processes.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

long='' shell=''
for argument; do
    case $argument in
    --long) long=1 ;;
    --shell) shell=1 ;;
    *)
        echo "usage: all.sh [--long] [--shell]" >&2
        exit 2
        ;;
    esac
done
root=$(dirname "$suite")
scripts=$root/scripts
cd "$root"
fresh_results "${RESULTS:-$suite/results-all}"
base=$RESULTS
patience=10 # a run that is ended takes a moment for its own processes
arm

passed=0 failures=0 skips=0 number=0 table=''

# row RESULT SECONDS NAME DETAIL
row() {
    local text
    text=$(printf '%-7s %7s  %-53s %s' "$@")
    table+=$text$'\n'
    echo "$text"
}

skipped() {
    skips=$((skips + 1))
    row skipped - "$1" "$2"
}

# What was started: by the number of the step, its name, its log, when it began and when it is to be done.
declare -A name_of=() log_of=() begun_at=() done_by=()
asides=()

# begin_step NAME LIMIT COMMAND...: starts it, in a process group of its own, as step `number`.
begin_step() {
    local name=$1 limit=$2
    shift 2
    number=$((number + 1))
    export RESULTS
    RESULTS=$base/$(printf '%02d-%s' $number "${name//[^A-Za-z0-9]/-}")
    name_of[$number]=$name log_of[$number]=$RESULTS.log begun_at[$number]=${EPOCHREALTIME/./}
    done_by[$number]=$((SECONDS + limit))
    # shellcheck disable=SC2016 # for the inner shell
    setsid -- "$BASH" -c 'code=0; "$@" || code=$?; echo "${EPOCHREALTIME/./}" >"$0"; exit $code' "$RESULTS.end" "$@" \
        </dev/null >>"$RESULTS.log" 2>&1 8<&- &
    pid[step$number]=$!
    groups+=("$!")
}

# end_step NUMBER: waits for it, ends it when it takes longer than its limit, and tells how it went; status 77 says it skipped
# itself.
end_step() {
    local step=step$1 name=${name_of[$1]} log=${log_of[$1]} code=0 end seconds detail=''
    local end_at=${log%.log}.end
    if [[ -t 2 ]]; then printf '        %7s  %s' ... "$name" >&2; fi
    while running "$step" && ((SECONDS < done_by[$1])); do sleep 0.05; done
    if running "$step"; then
        echo "all.sh: not done in time" >>"$log"
        signal "$step" TERM
        end=$((SECONDS + patience))
        while running "$step" && ((SECONDS < end)); do sleep 0.05; done
        signal "$step" KILL
        disown "${pid[$step]}" 2>/dev/null || true
        forget "$step"
        code=124
    else
        reap "$step"
        code=${status[$step]}
    fi
    [[ -s $end_at ]] || echo "${EPOCHREALTIME/./}" >"$end_at"
    seconds=$(awk -v us=$(($(<"$end_at") - begun_at[$1])) 'BEGIN { printf "%.1f s", us / 1e6 }')
    if [[ -s ${log%.log}/summary ]]; then
        detail=$(grep -v '^peak memory' "${log%.log}/summary" | awk '{ printf "%s%s", (NR > 1 ? "; " : ""), $0 }') || true
    else
        detail=$(grep -E '^(demo.sh: [0-9]+ values|check_|[0-9]+ runs, )' "$log" | tail -n 1) || true
    fi
    clear_progress
    case $code in
    0)
        passed=$((passed + 1))
        row ok "$seconds" "$name" "$detail"
        ;;
    "$SKIPPED")
        skips=$((skips + 1))
        row skipped "$seconds" "$name" "$(grep -m 1 -o 'skipped: .*' "$log" | cut -c 10-)"
        ;;
    *)
        failures=$((failures + 1))
        row FAILED "$seconds" "$name" "status $code; $log"
        tail -n 60 -- "$log" | cut -c 1-400 | sed 's/^/        | /'
        ;;
    esac
}

# step NAME LIMIT COMMAND...
step() {
    begin_step "$@"
    end_step "$number"
}

# aside NAME LIMIT COMMAND...: the same, beside the steps that follow, until `end_asides`.
aside() {
    begin_step "$@"
    asides+=("$number")
}

end_asides() {
    local each
    for each in "${asides[@]}"; do end_step "$each"; done
    asides=()
}

# scenario SCRIPT ARGUMENT...: a run of the suite; `checked` has the four checks look at its outputs too.
scenario() {
    step "$*" 300 "$suite/$1" "$scripts" "${@:2}"
}

checked() {
    # shellcheck disable=SC2016 # for the inner shell
    step "$*" 300 "$BASH" -c '"$1/$2" "${@:3}" && "$1/check_all.sh"' checked "$suite" "$1" "$scripts" "${@:2}"
}

# --- what is needed -------------------------------------------------------------------------------------------------

packages=()
for pair in iptables:iptables ip:iproute2 tshark:tshark shellcheck:shellcheck perl:perl mkfs.ext4:e2fsprogs \
    tcpdump:tcpdump python3:python3 chromium:chromium systemd-analyze:systemd groff:groff-base tmux:tmux \
    prometheus:prometheus; do
    command -v "${pair%:*}" >/dev/null || packages+=("${pair#*:}")
done
if ((${#packages[@]} == 0)); then
    :
elif ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    skipped "install ${packages[*]}" "only root with apt-get can; what needs them is skipped below"
else
    # shellcheck disable=SC2016 # for the inner shell
    step "install ${packages[*]}" 300 "$BASH" -c '
        export DEBIAN_FRONTEND=noninteractive
        { apt-get -q update && apt-get -q -y --no-install-recommends install "$@"; } ||
            { echo "skipped: apt-get failed; what needs them is skipped below"; exit 77; }' install "${packages[@]}"
fi

# --- the program ----------------------------------------------------------------------------------------------------

cargo_step() {
    if [[ $shell ]]; then
        skipped "$*" "only the shell suite was asked for"
    elif ! cargo --version >/dev/null 2>&1; then
        skipped "$*" "cargo is missing"
    elif [[ $2 == fmt || $2 == clippy ]] && ! cargo "$2" --version >/dev/null 2>&1; then
        skipped "$*" "cargo has no $2 here"
    else
        step "$*" 900 "$@"
    fi
}

# No time for what only makes it faster: one profile for what looks at the code and for the tests, so that what both need is
# compiled once, C code without optimization in it; and for the suite a program without the optimization across crates.
export CARGO_INCREMENTAL=0
cargo_step cargo fmt --all --check
CFLAGS=-O0 cargo_step cargo clippy --workspace --all-targets --profile test -- -D warnings
CFLAGS=-O0 RUSTDOCFLAGS='-D warnings' cargo_step cargo doc --workspace --no-deps --profile test
CFLAGS=-O0 cargo_step cargo test --workspace
CFLAGS=-O0 cargo_step cargo test --workspace --bench codec --bench turns # each of them once; `cargo bench` measures
if [[ ! $long ]]; then
    export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
fi
cargo_step cargo build --release --workspace
# The tests have built it already; in `release` it would have other features, and everything be compiled again.
if [[ -x target/debug/examples/forge ]]; then export FORGE_BIN=${FORGE_BIN:-$root/target/debug/examples/forge}; fi

# --- the simulator --------------------------------------------------------------------------------------------------

if [[ -x target/release/paxos ]]; then
    step "paxos sim --seeds 1000" 300 target/release/paxos -qq sim --seeds 1000
else
    skipped "paxos sim --seeds 1000" "target/release/paxos is missing"
fi

# These wait more than they work, in networks of their own.
aside "chaos.sh 60 1" 300 "$suite/chaos.sh" 60 1
aside "chaos.sh 20 2, DATA=0" 300 env DATA=0 "$suite/chaos.sh" 20 2

# --- the scripts ----------------------------------------------------------------------------------------------------

if command -v shellcheck >/dev/null; then
    aside "shellcheck" 120 shellcheck -x .ci/run scripts/*.sh scripts/debian/{postinst,prerm,postrm} paxos-tests/*.sh paxos-tests/peers/*.sh
else
    skipped "shellcheck" "it is missing"
fi
step "check_selftest.sh" 60 "$suite/check_selftest.sh"
step "check_chaos_selftest.sh" 60 "$suite/check_chaos_selftest.sh"
step "check_starters.sh" 60 "$suite/check_starters.sh"

# --- the runs -------------------------------------------------------------------------------------------------------

checked run.sh 1000
checked run.sh 10000
checked run_2acceptor.sh 1000
scenario run_1acceptor.sh 1000
checked run_late_acceptor.sh 1000
checked run_catch_up.sh 10000
checked run_late_learner.sh 10000
checked run_kill_leader.sh 3000
checked run_kill_leader.sh 300000 0
checked run_kill_acceptors.sh 20000
checked run_rolling_restart.sh 20000 4
scenario run_lines.sh
checked run_deaf_tail.sh 1000
checked run_full_disk.sh
checked run_trace.sh 10000
scenario run_dissector.sh 1000
scenario run_flow.sh 10
scenario run_check.sh 20000
scenario run_units.sh 1000
scenario run_status.sh 1000
scenario run_doctor.sh
for loss in 10 30 50; do
    checked run_loss.sh 2000 $loss
    checked run_per_receiver_loss.sh 2000 $loss
done
step "demo.sh 10000" 300 "$scripts/demo.sh" 10000

end_asides

if [[ $long ]]; then
    step "paxos sim --seeds 10000" 900 target/release/paxos -qq sim --seeds 10000
    step "run_package.sh" 900 "$suite/run_package.sh"
    step "chaos.sh 600" 900 "$suite/chaos.sh" 600
    step "chaos.sh 300, DATA=0" 600 env DATA=0 "$suite/chaos.sh" 300
    checked run.sh 100000
    checked run.sh 500000
    checked run_catch_up.sh 500000
    checked run_late_learner.sh 500000
    checked run_kill_leader.sh 500000 0
    checked run_kill_acceptors.sh 100000 4
    checked run_rolling_restart.sh 100000 8
    for loss in 10 30 50; do
        checked run_loss.sh 10000 $loss
        checked run_per_receiver_loss.sh 10000 $loss
    done
fi

# --- the end --------------------------------------------------------------------------------------------------------

echo
printf '%-7s %7s  %-53s %s\n' result time step detail
printf '%s\n' "$table"
echo "$passed passed, $failures failed, $skips skipped"
((failures == 0))
