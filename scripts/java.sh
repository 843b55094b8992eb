#!/bin/sh
# scripts/java.sh [GOAL...]: Maven over applet-java; without a goal it builds and tests all of it.
# The runner is applet-java/simulator/target/cardwright-simulator.jar afterwards.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh
JAVA_HOME=$(java_home) || {
    echo "There is no JDK 17, 18 or 19 (later ones cannot write class files of Java 7, which CAP converters want)." >&2
    echo "Install one, or set JAVA_HOME to where it is." >&2
    exit 1
}
export JAVA_HOME PATH="$JAVA_HOME/bin:$PATH"
[ $# -eq 0 ] || exec mvn --batch-mode --no-transfer-progress --file applet-java/pom.xml "$@"
mvn --batch-mode --no-transfer-progress --file applet-java/pom.xml verify
sh applet-java/card/src/test/sh/cap.sh
