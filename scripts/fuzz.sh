#!/bin/sh
# scripts/fuzz.sh SECONDS: runs every target of tests/fuzz for that long. `--ready`: says whether that can be done here.
set -eu
cd "$(dirname "$0")/.."

nightly() {
    command -v rustup >/dev/null && rustup run nightly rustc --version >/dev/null 2>&1
}

if [ "${1:-}" = --ready ]; then
    nightly
    exit
fi
seconds=${1:?how many seconds?}
nightly || {
    echo "Fuzzing wants a nightly toolchain: rustup toolchain install nightly" >&2
    exit 1
}
scripts/tool.sh cargo-fuzz 0.13.2
export PATH="$PWD/.tools/bin:$PATH"

fuzz() {
    command=$1
    shift
    rustup run nightly cargo fuzz "$command" --fuzz-dir tests/fuzz "$@"
}

fuzz build
targets=$(fuzz list)
[ -n "$targets" ]
for target in $targets; do
    echo "-- $target"
    # What it finds goes to the first directory; the second one is the repository's own corpus.
    mkdir -p "tests/fuzz/target/corpus/$target"
    fuzz run "$target" "tests/fuzz/target/corpus/$target" "tests/fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -verbosity=0 -print_final_stats=1
done
