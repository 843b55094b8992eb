#!/bin/sh
# Changes the protocol and journal code in small ways, one at a time, and runs the tests against each change.
# A change that no test notices is a survivor: mutants.out/missed.txt lists them.
set -eu
cd "$(dirname "$0")/.."
scripts/tool.sh cargo-mutants 27.1.0
export PATH="$PWD/.tools/bin:$PATH"
cargo mutants \
    --file 'scp*.rs' --file '**/scp/*.rs' --file 'kdf*.rs' --file 'share*.rs' --file 'journal*.rs' --file '**/audit_file.rs' --file '**/audit_file/*.rs' "$@"
