#!/bin/sh
# Tests the profile `cap` without a kit: its errors, and the command line that a stand-in for the converter gets.
# Arguments, if any, go to Maven (-o).
set -eu
here=$(cd "$(dirname "$0")/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    cat "$work/log"
    echo "cap.sh: $1" >&2
    exit 1
}

# A failing run has to say this.
says() {
    text=$1
    shift
    if mvn -q -B -f "$here/.." -pl card -am -Pcap validate "$@" >"$work/log" 2>&1; then
        fail "no error, but expected: $text"
    fi
    grep -qF -e "$text" "$work/log" || fail "not in the output: $text"
}

kit=$work/kit
says 'Say where your Java Card kit is: -Djc.home=DIRECTORY' "$@"
says "Say where GlobalPlatform's export files are: -Dgp.exp=DIRECTORY" -Djc.home="$kit" "$@"
says 'There is no converter: is jc.home a Java Card kit?' -Djc.home="$kit" -Dgp.exp="$work/gp" "$@"

mkdir -p "$kit/lib" "$work/classes"
cat >"$work/Main.java" <<'JAVA'
package com.sun.javacard.converter;
public class Main {
    public static void main(String[] args) throws Exception {
        java.nio.file.Path file = java.nio.file.Path.of(System.getProperty("jc.home"), "args");
        java.nio.file.Files.write(file, java.util.List.of(args));
    }
}
JAVA
javac -d "$work/classes" "$work/Main.java"
jar --create --file "$kit/lib/tools.jar" -C "$work/classes" .
says 'There are no export files of the Java Card API' -Djc.home="$kit" -Dgp.exp="$work/gp" "$@"
mkdir -p "$kit/api_export_files/javacard/framework/javacard" "$work/gp/org/globalplatform/javacard"
: >"$kit/api_export_files/javacard/framework/javacard/framework.exp"
says 'There are no export files of org.globalplatform in gp.exp' -Djc.home="$kit" -Dgp.exp="$work/gp" "$@"
: >"$work/gp/org/globalplatform/javacard/globalplatform.exp"

mvn -q -B -f "$here/.." -pl card -am -Pcap -DskipTests prepare-package -Djc.home="$kit" -Dgp.exp="$work/gp" \
    -Djc.arguments='-target 3.0.4' "$@" >"$work/log" 2>&1 || fail 'the profile fails with a kit'
aid=0xF0:0x43:0x57:0x43:0x55:0x53
printf '%s\n' -target 3.0.4 -classdir "$here/target/classes" -exportpath "$kit/api_export_files:$work/gp" -d \
    "$here/target/cap" -out CAP EXP -applet "$aid:0x54" cardwright.custodian.CustodianApplet \
    cardwright.custodian "$aid" 2.0 \
    >"$work/expected"
diff "$work/expected" "$kit/args" || fail 'another command line'
echo 'cap.sh: 5 errors and the command line as they should be'
