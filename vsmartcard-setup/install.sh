#!/bin/sh
# Installs pcscd and the virtual smart card reader's driver (vpcd), which the tests put simulated cards behind.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh

installed=$(missing_packages vsmartcard-vpcd)
need_packages pcscd vsmartcard-vpcd iproute2
[ -z "$installed" ] || cat <<'NOTE'
Note: with vsmartcard-vpcd installed, this machine's own pcscd listens on TCP ports 35963 and 35964 on all interfaces
while it runs. The tests do not need that: they start a pcscd of their own in a network namespace. To be rid of it,
remove /etc/reader.conf.d/vpcd and restart pcscd.
NOTE
