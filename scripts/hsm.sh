#!/bin/sh
# Tokens in software, for the tests and for trying things out:
#   scripts/hsm.sh build                        builds Kryoptic's module, where it is not fresh
#   scripts/hsm.sh module softhsm|kryoptic      prints where the module is
#   scripts/hsm.sh token softhsm|kryoptic DIR   makes a token `cardwright-try` in DIR, asks for its PINs, and prints how
#                                               to use it
# `make hsm` installs and builds what they need.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/scripts/packages.sh"

usage() {
    sed -n '2,/^set/{s/^# \{0,1\}//p;}' "$0" >&2
    exit 2
}

build() {
    cargo build --quiet --release --locked --manifest-path "$root/tests/kryoptic/Cargo.toml" \
        --target-dir "$root/tests/kryoptic/target"
}

# module KIND
module() {
    case "$1" in
        softhsm) found=$(softhsm_module || :) ;;
        kryoptic) found=$root/tests/kryoptic/target/release/libcardwright_kryoptic.so ;;
        *) usage ;;
    esac
    [ -e "$found" ] || {
        echo "There is no module of $1: run make hsm." >&2
        return 1
    }
    echo "$found"
}

# What each module reads its settings from: softhsm_settings DIR, kryoptic_settings DIR.
softhsm_settings() {
    mkdir "$1/tokens"
    printf '%s\n' "directories.tokendir = $1/tokens" 'log.level = ERROR' >"$1/softhsm2.conf"
    settings="SOFTHSM2_CONF=$1/softhsm2.conf"
}

# These let a master be joined to a known key, and so be carried out: `cardwright hsm probe` finds that.
kryoptic_denied='mechanisms = ["DENY", "CKM_CONCATENATE_BASE_AND_KEY", "CKM_CONCATENATE_BASE_AND_DATA", "CKM_CONCATENATE_DATA_AND_BASE", "CKM_XOR_BASE_AND_DATA", "CKM_EXTRACT_KEY_FROM_KEY"]'

kryoptic_settings() {
    printf '%s\n' '[[slots]]' 'slot = 1' 'dbtype = "sqlite"' "dbargs = \"$1/token.sql\"" "$kryoptic_denied" >"$1/kryoptic.conf"
    settings="KRYOPTIC_CONF=$1/kryoptic.conf"
}

# token KIND DIR
token() {
    found=$(module "$1")
    # Kryoptic gives its database the mode that the process's mask leaves.
    umask 077
    mkdir -p "$2"
    dir=$(cd "$2" && pwd)
    [ -z "$(ls -A "$dir")" ] || {
        echo "$2 is not empty." >&2
        return 1
    }
    "$1_settings" "$dir"
    export "${settings?}"
    # SoftHSM's tool works with any module, and without options it asks for the PINs.
    softhsm2-util --module "$found" --init-token --free --label cardwright-try
    serial=$(softhsm2-util --module "$found" --show-slots |
        sed -n 's/^ *Serial number: *\([^ ]*\) */\1/p;' | sed '/^$/d;q')
    echo
    echo "In every shell that uses the token:"
    echo "    export $settings"
    echo "Its URI:"
    echo "    pkcs11:token=cardwright-try;serial=$serial?module-path=$found"
}

case "${1:-}:$#" in
    build:1) build ;;
    module:2) module "$2" ;;
    token:3) token "$2" "$3" ;;
    *) usage ;;
esac
