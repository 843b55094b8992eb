#!/bin/sh
# Makes a machine ready: `scripts/setup.sh demo` for building and running, `scripts/setup.sh java` for the Java cards too,
# `scripts/setup.sh hsm` for tokens in software, `scripts/setup.sh test` for all the tests.
# Does nothing, and asks nothing of the network, where all is there.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh

case "${1:-}" in
    demo | java | hsm | test) ;;
    *)
        echo "usage: scripts/setup.sh demo|java|hsm|test" >&2
        exit 2
        ;;
esac

command -v cargo >/dev/null || {
    echo "There is no cargo. Install Rust 1.89 or later, with your distribution's rustup or from rust-lang.org." >&2
    exit 1
}
need_packages gcc libc6-dev pkg-config libpcsclite-dev
[ "$1" != demo ] || exit 0

tokens() {
    need_packages softhsm2 libssl-dev libsqlite3-dev libclang-dev
    scripts/hsm.sh build
}

[ "$1" != hsm ] || {
    tokens
    exit
}
need_packages openjdk-17-jdk-headless maven
[ "$1" = test ] || exit 0

vsmartcard-setup/install.sh
need_packages gdb libfaketime util-linux python3 python3-venv python3-pyscard shellcheck valgrind
tokens
scripts/python.sh
scripts/tool.sh cargo-deny 0.20.2
