#!/bin/sh
# Every check and test, one step after another: `make test`. A failed step does not stop the ones behind it.
# With CI=true nothing that a distribution or a registry has is skipped for want of it.
set -u
cd "$(dirname "$0")/.." || exit 1
. scripts/steps.sh
export PATH="$PWD/.tools/bin:$PATH:/usr/sbin:/sbin"

step 'Set-up' scripts/setup.sh test
[ "$failed" -eq 0 ] || finish
step 'Format' cargo fmt --all -- --check
step 'Format outside the workspace' \
    rustfmt --check --edition 2024 tests/fuzz/src/lib.rs tests/fuzz/fuzz_targets/*.rs tests/no-std/src/*.rs \
    tests/kryoptic/src/lib.rs tests/pkcs11-tap/src/lib.rs tests/disk-faults/src/lib.rs tests/constant-time/src/main.rs
step 'Shell scripts' shellcheck scripts/*.sh vsmartcard-setup/*.sh applet-java/card/src/test/sh/*.sh .ci/run
step 'Links in the documents' /usr/bin/python3 scripts/check_links.py
step 'Lints' cargo clippy --workspace --all-targets --locked -- -D warnings
step 'Lints of Kryoptic as a module' cargo clippy --manifest-path tests/kryoptic/Cargo.toml --release --locked -- -D warnings
step 'Lints of the PKCS#11 tap' cargo clippy --manifest-path tests/pkcs11-tap/Cargo.toml --release --locked -- -D warnings
step 'Lints of the disk faults' cargo clippy --manifest-path tests/disk-faults/Cargo.toml --release --locked -- -D warnings
step 'Licences, bans, sources' cargo deny --locked check licenses bans sources
step 'API documentation' env RUSTDOCFLAGS='-D warnings' cargo doc --workspace --locked --no-deps
step 'proto without std' cargo build --manifest-path tests/no-std/Cargo.toml --locked --release
step 'Java: applets and simulator' scripts/java.sh
step 'Tests' cargo test --workspace --locked --no-fail-fast
step 'The suite on Java cards' env CARD=java cargo test --package cardwright-tests --test suite --locked
step 'Custody on Java cards' env CARD=java cargo test --package cardwright-tests --test custody --locked -- --skip tears::
step 'The suite through pcscd' env CARD=pcsc cargo test --package cardwright-tests --test suite --locked
step 'Constant time' scripts/constant-time.sh
step 'The corpus of the fuzz targets' cargo test --manifest-path tests/fuzz/Cargo.toml --locked
if ! scripts/fuzz.sh --ready; then
    skip 'Fuzzing' 'there is no nightly toolchain (rustup toolchain install nightly)'
else
    step 'Fuzzing, ten seconds each' scripts/fuzz.sh 10
fi
if [ "${CI:-}" = true ]; then
    # Intended to be added, new files show in the difference as well.
    step 'Nothing in the work tree changed' sh -c 'git add --intent-to-add . && git --no-pager diff --exit-code'
fi
finish
