#!/usr/bin/env bash
# deb.sh [OPTION...]: makes the Debian package, and prints its name; OPTIONs go to `cargo deb`.
# Builds both programs, has them write their man pages and completions, and packs it all: `cargo install cargo-deb --locked`
# installs what that takes. DEB_BUILT=1 packs the programs that stand in target/release, or below CARGO_TARGET_DIR, as they are.
set -euo pipefail

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
cd "$root"
target=${CARGO_TARGET_DIR:-target}
if ! cargo deb --version >/dev/null 2>&1; then
    echo "deb.sh: cargo deb is missing; install it: cargo install cargo-deb --locked" >&2
    exit 1
fi
[[ ${DEB_BUILT-} ]] || cargo build --release --locked --workspace --bins >&2

made=$target/release/package
rm -rf -- "$made"
mkdir -p "$made"/{man,bash,zsh,fish}
for program in paxos wire; do
    run=$target/release/$program
    "$run" man "$made/man"
    "$run" completions bash >"$made/bash/$program"
    "$run" completions zsh >"$made/zsh/_$program"
    "$run" completions fish >"$made/fish/$program.fish"
done
gzip -9n "$made"/man/man?/*
cargo deb --no-build --strip "$@"
