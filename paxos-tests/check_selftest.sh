#!/usr/bin/env bash
# check_selftest.sh [N]: do the checks see what they are for? Each case doctors a faultless run of 2 x N values and
# names the checks that must fail, no more and no fewer.
set -euo pipefail
export LC_ALL=C

here=$(dirname "$(readlink -f "$0")")
n=${1:-300}
if [[ ! $n =~ ^[0-9]+$ ]] || ((n < 20)); then
    echo "usage: check_selftest.sh [N], N from 20" >&2
    exit 2
fi
all=$((2 * n))
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
good=$work/good
now="$work/a directory with spaces"
mkdir "$good"
for id in 1 2; do "$here/generate.sh" "$id" "$n" >"$good/prop$id"; done
paste -d '\n' "$good/prop1" "$good/prop2" >"$good/learn1"
cp "$good/learn1" "$good/learn2"

# doctor FILE... SED-SCRIPT: edits each of those files.
doctor() {
    local file
    for file in "${@:1:$#-1}"; do sed -i "${!#}" "$now/$file"; done
}

# both SED-SCRIPT: the same fault on both learners, which a comparison of the two cannot see.
both() { doctor learn1 learn2 "$1"; }

faultless() { :; }
other_interleaving() { both '10{h;d};11{G}'; }
one_behind() { doctor learn2 "$((all - 5)),\$d"; }
orders_differ() { doctor learn2 '10{h;d};11{G}'; }
tail_differs() { doctor learn2 "$((all - 1)){h;d};${all}{G}"; }
one_goes_on() { doctor learn2 "\$p"; }
cut_in_a_line() { truncate -s -3 "$now/learn2"; }
invented() { both '7s/^c/x/'; }
invented_empty() { both '7{h;s/.*//;p;g}'; }
invented_on_one() { doctor learn2 '7s/$/x/'; }
lost() { both '7d'; }
lost_last() { both "\$d"; }
lost_on_one() { doctor learn2 '7d'; }
doubled() { both '7p'; }
doubled_later() { sed -n 7p "$good/learn1" | tee -a "$now/learn1" >>"$now/learn2"; }
# As many lines as there should be, and no line that should not be: what `sort -u` and `wc -l` let pass.
lost_for_doubled() { both '8d;9p'; }
client_order() { both '9{h;d};11{G}'; }
client_order_on_one() { doctor learn2 '9{h;d};11{G}'; }
other_run() { for id in 1 2; do "$here/generate.sh" "$id" "$n" >"$now/prop$id"; done; }
equal_inputs() { doctor prop1 '7p'; }
learner_empty() { : >"$now/learn2"; }
both_learners_empty() { : >"$now/learn1" && : >"$now/learn2"; }
learner_missing() { rm "$now/learn1"; }
proposed_empty() { : >"$now/prop2"; }
proposed_missing() { rm "$now/prop1"; }
nothing_at_all() { rm -r "$now"; }

failed=0 cases=0
# expect "NUMBERS" CASE: these checks fail on it, the others pass, and each says so in one line.
expect() {
    local number found='' out
    rm -rf -- "$now"
    cp -r "$good" "$now"
    "$2"
    for number in 1 2 3 4; do
        if out=$("$here/check$number.sh" "$now" 2>&1); then
            [[ $out == "check $number ok: "* ]] || found+="$number(said '$out') "
        else
            [[ $out == "check $number FAILED: "* ]] || found+="(said '$out')"
            found+="$number "
        fi
        [[ $out != *$'\n'* ]] || found+="(more than one line) "
        if [[ ${VERBOSE-} ]]; then echo "    $2: $out"; fi
    done
    if "$here/check_all.sh" "$now" >/dev/null 2>&1; then out=''; else out=all; fi
    if [[ ${found% } != "$1" || ${out:+all} != "${1:+all}" ]]; then
        echo "check_selftest: $2: expected to fail: '$1', failed: '${found% }', check_all ${out:-ok}"
        failed=1
    fi
    cases=$((cases + 1))
}

expect '' faultless
expect '' other_interleaving
expect '3' one_behind
expect '1' orders_differ
expect '1' tail_differs
expect '1 4' one_goes_on
expect '1 2 3' cut_in_a_line
expect '2 3' invented
expect '2' invented_empty
expect '1 2 3' invented_on_one
expect '3' lost
expect '3' lost_last
expect '1 3' lost_on_one
expect '4' doubled
expect '4' doubled_later
expect '3 4' lost_for_doubled
expect '4' client_order
expect '1 4' client_order_on_one
expect '2 3' other_run
expect '3 4' equal_inputs
for missing in learner_empty both_learners_empty learner_missing proposed_empty proposed_missing nothing_at_all; do
    expect '1 2 3 4' $missing
done

if ((failed)); then
    echo "check_selftest FAILED"
    exit 1
fi
echo "check_selftest ok: $cases cases"
