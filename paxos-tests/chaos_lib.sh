# shellcheck shell=bash
# What chaos.sh, its check and the test of that share: the values. Sourced, never run.

export LC_ALL=C

long_every=250 # every so many values of a client comes a long one, of several packets
long_tail=4000 # bytes that it is longer

printf -v long_text '%*s' $long_tail ''
long_text=${long_text// /x}

# long_value SESSION NUMBER: adds the value to `lines`.
long_value() {
    local value
    printf -v value '%s-%08d' "$1" "$2"
    (($2 % long_every)) || value+=" $long_text"
    lines+=("$value")
}

# cut_line FILE NUMBER: that line as a sentence can hold it, in quotes, 60 bytes of it at most.
cut_line() {
    local text
    text=$(sed -n "$2{p;q}" -- "$1" 2>/dev/null | head -c 61 | cat -v)
    if ((${#text} > 60)); then text=${text:0:60}...; fi
    echo "\"$text\""
}
