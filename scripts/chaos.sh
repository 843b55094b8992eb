#!/bin/sh
# What the tests do a part of, whole: every disk fault at every operation of the commands, and random lives of keys, in the
# library and, ten commands each, through the command line. Their numbers can be given: SEQUENCES, LIVES.
set -eu
cd "$(dirname "$0")/.."
export POINTS=all SEQUENCES="${SEQUENCES:-100000}" LIVES="${LIVES:-100000}"
cargo test --release --locked --package cardwright --lib -- --nocapture control::tests::no_forbidden
cargo test --release --locked --package cardwright-tests --test e2e -- --nocapture faults_on_disk:: lifecycle::random_lives
