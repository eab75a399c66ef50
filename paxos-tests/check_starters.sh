#!/usr/bin/env bash
# check_starters.sh: do the role scripts keep their promises? Usable from any directory and through links, CONF as the
# caller wrote it on the command line of the very process that was started, one build however many start at once.
# Neither the real program nor the real cargo is run.
set -euo pipefail
export LC_ALL=C

scripts=$(dirname "$(readlink -f "$0")")/../scripts
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
unset CARGO_TARGET_DIR PAXOS_BIN
failed=0 cases=0

# expect WHAT EXPECTED FOUND
expect() {
    cases=$((cases + 1))
    if [[ $2 != "$3" ]]; then
        echo "check_starters: $1: expected '$2', found '$3'"
        failed=1
    fi
}

# A program that prints its process id, its arguments and its stdin.
mkdir -p "$work/a b/conf" "$work/links" "$work/more links"
cat >"$work/program" <<'PROGRAM'
#!/bin/sh
echo "$$"
for argument; do echo "[$argument]"; done
cat
PROGRAM
chmod +x "$work/program"
: >"$work/a b/conf/my paxos.conf"
cd "$work/a b"
export PAXOS_BIN=$work/program

for role in acceptor proposer learner client; do
    expected=$(printf '[%s]\n' $role 7 'conf/my paxos.conf' --option 'two words'; echo a value)
    found=$(echo 'a value' | "$scripts/$role.sh" 7 'conf/my paxos.conf' --option 'two words' | tail -n +2)
    expect "$role.sh hands on its arguments and stdin" "$expected" "$found"

    ln -s "$scripts/$role.sh" "$work/links/$role.sh"
    ln -s "../links/$role.sh" "$work/more links/a $role"
    found=$(cd "$work" && PATH="$work/more links:$PATH" "a $role" 7 "$work/a b/conf/my paxos.conf" </dev/null | sed -n '2p;4p')
    expect "$role.sh through two links and PATH" "[$role]"$'\n'"[$work/a b/conf/my paxos.conf]" "$found"

    "$scripts/$role.sh" 7 'conf/my paxos.conf' </dev/null >"$work/out" &
    expected=$!
    wait $expected
    expect "$role.sh becomes the program" $expected "$(head -n 1 "$work/out")"

    for bad in '' '7' 'x conf/c' '7 --option' '7 no-such-file' '123456 conf/c'; do
        code=0
        # shellcheck disable=SC2086 # several arguments
        "$scripts/$role.sh" $bad >"$work/out" 2>"$work/err" </dev/null || code=$?
        expect "$role.sh $bad: exit status" 2 $code
        expect "$role.sh $bad: usage on stderr" 1 "$(grep -c "^usage: $role.sh ID CONF" "$work/err")"
        expect "$role.sh $bad: stdout" '' "$(cat "$work/out")"
    done
done

# Eight at once in a copy of the tree without a program, with a slow cargo that talks on stdout and would eat stdin.
unset PAXOS_BIN
mkdir -p "$work/tree copy/scripts" "$work/bin"
cp "$scripts"/*.sh "$work/tree copy/scripts"
cat >"$work/bin/cargo" <<CARGO
#!/bin/sh
echo "cargo \$*: building"
echo built >>"$work/builds"
cat
sleep 0.5
mkdir -p "\$CARGO_TARGET_DIR/release"
cp "$work/program" "\$CARGO_TARGET_DIR/release/paxos"
CARGO
chmod +x "$work/bin/cargo"
PATH=$work/bin:$PATH
for target in '' "$work/elsewhere" 'not absolute'; do
    : >"$work/builds"
    pids=()
    for i in 1 2 3 4 5 6 7 8; do
        (
            if [[ $target ]]; then export CARGO_TARGET_DIR=$target; fi
            echo "value $i" | "$work/tree copy/scripts/client.sh" $i 'conf/my paxos.conf' 2>/dev/null | tail -n +2 >"$work/out$i"
        ) &
        pids+=($!)
    done
    wait "${pids[@]}"
    expect "builds for eight at once, target '$target'" 1 "$(wc -l <"$work/builds")"
    for i in 1 2 3 4 5 6 7 8; do
        expect "output of starter $i of eight, target '$target'" "$(printf '[%s]\n' client $i 'conf/my paxos.conf'; echo "value $i")" "$(cat "$work/out$i")"
    done
done
expect "where a relative CARGO_TARGET_DIR leads" yes "$([[ -x "$work/a b/not absolute/release/paxos" ]] && echo yes)"
"$work/tree copy/scripts/client.sh" 1 'conf/my paxos.conf' </dev/null >/dev/null
expect "builds once it is there" 1 "$(wc -l <"$work/builds")"
"$work/tree copy/scripts/start.sh" rebuild >"$work/out" 2>/dev/null
expect "builds after rebuild" 2 "$(wc -l <"$work/builds")"
expect "stdout of rebuild" '' "$(cat "$work/out")"

if ((failed)); then
    echo "check_starters FAILED"
    exit 1
fi
echo "check_starters ok: $cases cases"
