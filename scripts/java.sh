#!/bin/sh
# scripts/java.sh [GOAL...]: Maven over applet-java; without a goal it builds and tests all of it.
# The runner is applet-java/simulator/target/cardwright-simulator.jar afterwards.
set -eu
cd "$(dirname "$0")/../applet-java"
[ $# -gt 0 ] || set -- verify
exec mvn --batch-mode --no-transfer-progress "$@"
