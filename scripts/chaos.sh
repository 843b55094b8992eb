#!/bin/sh
# What the tests do a part of, whole: every disk fault at every operation of the commands, power lost at every command of a
# ceremony, a look into the program's memory behind every command of it, and random lives of keys, in the library and, ten
# commands each, through the command line; jobs killed at every command with 1,000 cards each, and 5,000 cards with faults
# through 8 readers. Their numbers can be given: SEQUENCES, LIVES, CARDS, SOAK.
# Where the Java cards are built (scripts/java.sh): 10,000 times a card put in, in ceremonies of Java and Rust cards side by side.
set -eu
cd "$(dirname "$0")/.."
export POINTS=all SEQUENCES="${SEQUENCES:-100000}" LIVES="${LIVES:-100000}" CARDS="${CARDS:-1000}" SOAK="${SOAK:-5000}"
cargo test --release --locked --package cardwright --lib -- --nocapture control::tests::no_forbidden
cargo test --release --locked --package cardwright-tests --test ceremony -- --nocapture power::
cargo test --release --locked --package cardwright-tests --test e2e -- --nocapture faults_on_disk:: lifecycle::random_lives \
    ceremony::stopped secrets::ceremony batch::killed batch::torn batch::soak batch::disk
if [ -e applet-java/simulator/target/cardwright-simulator.jar ]; then
    SEQUENCES=10000 cargo test --release --locked --package cardwright-tests --test java -- --nocapture custody::
fi
