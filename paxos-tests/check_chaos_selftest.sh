#!/usr/bin/env bash
# check_chaos_selftest.sh: does check_chaos.sh see what it is for? Each case doctors the results of a faultless run, in
# which learner 2 and client 2 were killed once, and names the violations that must be found, no more and no fewer.
# And is a plan of chaos.sh a function of its seed, with every kind of fault in it?
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=chaos_lib.sh
. "$(dirname "$(readlink -f "$0")")/chaos_lib.sh"

here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
good=$work/good
now="$work/a directory with spaces"
mkdir "$good"

# values SESSION FROM TO
values() {
    local at lines=()
    for ((at = $2; at <= $3; at++)); do long_value "$1" "$at"; done
    printf '%s\n' "${lines[@]}"
}

# Client 1 ended well with 600 values. Client 2 was killed when it had read 400, with 300 acknowledged and 350 decided;
# its second start ended well with 100. Learner 2 was killed in the middle of a line.
values c1-1 1 600 >"$work/one"
{ values c2-1 1 350 && values c2-2 1 100; } >"$work/two"
paste -d '\n' "$work/one" "$work/two" | grep . >"$good/learn1.1"
cp "$good/learn1.1" "$good/learn2.2"
head -c 5003 "$good/learn1.1" >"$good/learn2.1"
printf '%s\n' 200 400 600 >"$good/client1.1.sent"
printf '%s\n' 17 600 >"$good/client1.1.acked"
printf '%s\n' 200 400 >"$good/client2.1.sent"
printf '%s\n' 100 300 >"$good/client2.1.acked"
printf '%s\n' 100 >"$good/client2.2.sent"
printf '%s\n' 100 >"$good/client2.2.acked"
touch "$good/client1.1.done" "$good/client2.2.done"
all=$(wc -l <"$good/learn1.1")

# doctor FILE... SED-SCRIPT: edits each of those files.
doctor() {
    local file
    for file in "${@:1:$#-1}"; do sed -i "${!#}" "$now/$file"; done
}

# both SED-SCRIPT: the same fault on both learners, which no comparison can see. That of learner 2 which was killed has
# only the first few lines, which stay as they are.
both() { doctor learn1.1 learn2.2 "$1"; }

faultless() { :; }
unacknowledged_tail_missing() { both '/^c2-1-000003[0-5]/{/00000300/!d}'; }
half_a_number() { printf 3 >>"$now/client2.1.acked"; }
nothing_acknowledged() { rm "$now/client2.1.acked"; }
killed_later() { cp "$good/learn1.1" "$now/learn2.1"; }
orders_differ() { doctor learn2.2 '610{h;d};611{G}'; }
killed_one_differs() { doctor learn2.1 '10{h;d};11{G}'; }
cut_in_a_line() { truncate -s -3 "$now/learn2.2"; }
killed_one_went_on() { { cat "$good/learn1.1" && echo c2-2-00000101; } >"$now/learn2.1"; }
missing_in_the_middle() { both '/^c2-1-00000320/d'; }
acknowledged_missing_in_the_middle() { both '/^c2-1-00000220/d'; }
doubled() { both '/^c1-1-00000320/p'; }
doubled_later() { sed -n 600p "$good/learn1.1" | tee -a "$now/learn1.1" >>"$now/learn2.2"; }
lost_for_doubled() { both '/^c2-1-00000321/d;/^c2-1-00000330/p'; }
other_client() { both '/^c1-1-00000320/s/c1/c3/;/^c1-1-00000320/!b'; }
added() { both "700i$1"; }
from_nowhere() { added c9-1-00000001; }
other_start() { added c1-2-00000001; }
not_sent_yet() { added c2-1-00000401; }
number_zero() { added c1-1-00000000; }
no_number() { added nonsense; }
empty_line() { added "\\\\"; }
bad_digits() { added c1-1-321; }
tail_cut() { both '/^c1-1-00000500/s/xx$/x/'; }
tail_damaged() { both '/^c1-1-00000500/s/xx$/xy/'; }
last_acknowledged_lost() { both '/^c1-1-00000600/d'; }
killed_ones_acknowledged_lost() { both '/^c2-1-000003/d'; }
lost_on_one() { truncate -s "$(sed "$((all - 5))q" "$good/learn1.1" | wc -c)" "$now/learn2.2"; }
done_but_not_complete() { echo 700 >>"$now/client1.1.sent"; }
one_client_turned() { both '/^c1-1-00000320/{h;d};/^c1-1-00000321/{G}'; }
turned_on_one() { doctor learn2.2 '/^c1-1-00000320/{h;d};/^c1-1-00000321/{G}'; }
no_learner() { rm "$now"/learn*; }
empty_learners() { for file in "$now"/learn*; do : >"$file"; done; }
no_client() { rm "$now"/client*; }
nothing_at_all() { rm -r "$now"; }

failed=0 cases=0
# expect "KINDS" CASE: these violations are found, in the order of the alphabet; `none` with a failure that is none of them.
expect() {
    local out code=0 found last
    rm -rf -- "$now"
    cp -r "$good" "$now"
    "$2"
    out=$("$here/check_chaos.sh" "$now" 2>&1) || code=$?
    last=${out##*$'\n'}
    found=$(sed -n 's/^violation: \([a-z]*\): .*/\1/p' <<<"$out" | sort -u | paste -s -d ' ')
    if [[ ${VERBOSE-} ]]; then echo "    $2: ${out//$'\n'/$'\n'    }"; fi
    case $code$last in
    "0check_chaos ok: "*) ;;
    "1check_chaos FAILED: "*) found=${found:-none} ;;
    *) found+=" (status $code, said '$last')" ;;
    esac
    if [[ $found != "$1" ]]; then
        echo "check_chaos_selftest: $2: expected '$1', found '$found'"
        failed=1
    fi
    cases=$((cases + 1))
}

expect '' faultless
expect '' unacknowledged_tail_missing
expect '' half_a_number
expect '' nothing_acknowledged
expect '' killed_later
expect divergence orders_differ
expect divergence killed_one_differs
expect 'divergence invented lost' cut_in_a_line
expect divergence killed_one_went_on
expect gap missing_in_the_middle
expect 'gap lost' acknowledged_missing_in_the_middle
expect duplicate doubled
expect duplicate doubled_later
expect 'duplicate gap' lost_for_doubled
expect 'gap invented lost' other_client
for case in from_nowhere other_start not_sent_yet number_zero no_number empty_line bad_digits; do
    expect invented $case
done
expect 'gap invented lost' tail_cut
expect 'gap invented lost' tail_damaged
expect lost last_acknowledged_lost
expect lost killed_ones_acknowledged_lost
expect lost lost_on_one
expect lost done_but_not_complete
expect order one_client_turned
expect 'divergence order' turned_on_one
for case in no_learner empty_learners no_client nothing_at_all; do
    expect none $case
done

# plans KIND NUMBER: those of three seeds, each with so many kinds of fault within a minute.
plans() {
    local seed plan kinds
    for seed in 1 2 3; do
        plan=$("$here/chaos_plan.sh" 60 $seed "$1")
        kinds=$(cut -d ' ' -f 3 <<<"$plan" | sort -u | wc -l)
        if ((kinds != $2)) || [[ $plan != "$("$here/chaos_plan.sh" 60 $seed "$1")" ||
            $plan == "$("$here/chaos_plan.sh" 60 $((seed + 1)) "$1")" ]]; then
            echo "check_chaos_selftest: the plan of seed $seed, $1, is not as it should be; it has $kinds kinds of fault"
            failed=1
        fi
    done
}

plans disks 11
plans volatile 9

if ((failed)); then
    echo "check_chaos_selftest FAILED"
    exit 1
fi
echo "check_chaos_selftest ok: $cases cases, 6 plans"
