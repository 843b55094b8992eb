#!/bin/sh
# Runs what works on secrets under valgrind, with the secrets marked undefined (tests/constant-time): as it is shipped, and
# once more with AES and GHASH in software, as where the processor has no instructions for them. What such an instruction
# does inside, valgrind takes for granted.
set -eu
cd "$(dirname "$0")/.."

command -v valgrind >/dev/null || {
    [ "${CI:-}" != true ] || {
        echo "valgrind is not installed." >&2
        exit 1
    }
    echo "SKIPPED: valgrind is not installed"
    exit 0
}

# check DIRECTORY: builds in it, and runs what was built.
check() {
    cargo build --quiet --release --locked --manifest-path tests/constant-time/Cargo.toml --target-dir "$1"
    # Its words about what is public, excepted or a control are there to be read when something else is found.
    valgrind --quiet --error-exitcode=0 --track-origins=no --error-limit=no --log-file="$1/valgrind.log" \
        "$1/release/cardwright-constant-time" || {
        echo "Where: $1/valgrind.log" >&2
        return 1
    }
}

target=tests/constant-time/target
echo '-- as shipped'
check "$target"
echo '-- AES and GHASH in software'
RUSTFLAGS="${RUSTFLAGS:-} --cfg aes_backend=\"soft\" --cfg polyval_backend=\"soft\"" check "$target/soft"
