#!/bin/sh
# vsmartcard-setup/namespace.sh COMMAND [ARGUMENT...]
#
# Runs a command beside a pcscd of its own with two virtual readers, in a network and a mount namespace that nothing else
# sees: cards dial in to 127.0.0.1:35963 and :35964 there. Both namespaces and pcscd end with the command.
# For example, an interactive shell with a simulated card in the first reader:
#
#     vsmartcard-setup/namespace.sh sh
#     # cardwright sim serve --port 35963 &
#     # cardwright readers
#
# Exits as the command does; with 77 where something that it needs is missing.
set -eu

missing() {
    echo "$1" >&2
    exit 77
}

PATH="$PATH:/usr/sbin:/sbin"
driver=/usr/lib/pcsc/drivers/serial/libifdvpcd.so

if [ "${1:-}" != --inside ]; then
    [ $# -gt 0 ] || {
        echo "usage: vsmartcard-setup/namespace.sh COMMAND [ARGUMENT...]" >&2
        exit 2
    }
    for program in pcscd unshare ip; do
        command -v "$program" >/dev/null || missing "there is no $program: run vsmartcard-setup/install.sh"
    done
    [ -e "$driver" ] || missing "there is no $driver: run vsmartcard-setup/install.sh"
    # An ordinary user gets the same through a user namespace, where the system allows these.
    user=''
    [ "$(id -u)" -eq 0 ] || user=--map-root-user
    # shellcheck disable=SC2086 # an option or nothing
    unshare $user --mount --net true || missing "this system allows no namespaces here (unshare --mount --net)"
    # shellcheck disable=SC2086
    exec unshare $user --mount --net "$0" --inside "$@"
fi
shift

ip link set lo up
# pcscd has its socket and pid file below /run; its usual clients find them there.
mount -t tmpfs tmpfs /run
mkdir /run/pcscd
cat >/run/pcscd/reader.conf <<CONF
FRIENDLYNAME "Virtual PCD"
DEVICENAME /dev/null:0x8C7B
LIBPATH $driver
CHANNELID 0x8C7B
CONF

# It shares nothing with the command's input and output, so that whoever reads these sees the end of the command.
pcscd --foreground --config /run/pcscd/reader.conf </dev/null >/run/pcscd/log 2>&1 &
pcscd=$!
trap 'kill "$pcscd" 2>/dev/null || true' EXIT
trap 'exit 143' TERM INT HUP

# The socket is made before the readers are, but answered after that: whoever connects finds them.
tries=500
until [ -S /run/pcscd/pcscd.comm ]; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ] || ! kill -0 "$pcscd" 2>/dev/null; then
        echo "pcscd did not start:" >&2
        cat /run/pcscd/log >&2
        exit 1
    fi
    sleep 0.02
done

status=0
"$@" || status=$?
exit "$status"
