#!/bin/sh
# scripts/tool.sh NAME VERSION: installs a cargo tool of exactly this version in .tools, unless it is on the PATH or
# there already.
set -eu
cd "$(dirname "$0")/.."
name=$1
version=$2

PATH="$PWD/.tools/bin:$PATH"
if command -v "$name" >/dev/null; then
    case "$("$name" "${name#cargo-}" --version 2>/dev/null || "$name" --version)" in
        *" $version"*) exit 0 ;;
    esac
fi
echo "Installing $name $version in .tools (this is built from source, and takes some minutes)"
env -u CARGO_TARGET_DIR cargo install --quiet --locked --root .tools --force --version "=$version" "$name"
