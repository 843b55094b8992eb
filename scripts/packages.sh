# Sourced. Finds out which Debian packages are missing by looking for what they bring, and installs these.
# shellcheck shell=sh

# Whether what the package brings is there, from whatever source.
has_package() {
    case "$1" in
        gcc) command -v cc >/dev/null ;;
        libc6-dev) [ -e /usr/include/stdlib.h ] ;;
        make | pkg-config | pcscd | gdb | shellcheck | valgrind) command -v "$1" >/dev/null ;;
        openjdk-17-jdk-headless) java_home >/dev/null ;;
        maven) command -v mvn >/dev/null ;;
        libpcsclite-dev) pkg-config --exists libpcsclite 2>/dev/null ;;
        vsmartcard-vpcd) [ -e /usr/lib/pcsc/drivers/serial/libifdvpcd.so ] ;;
        softhsm2) command -v softhsm2-util >/dev/null && softhsm_module >/dev/null ;;
        libssl-dev) pkg-config --exists libcrypto 2>/dev/null ;;
        libsqlite3-dev) pkg-config --exists sqlite3 2>/dev/null ;;
        libclang-dev) clang_headers ;;
        iproute2) command -v ip >/dev/null ;;
        util-linux) command -v unshare >/dev/null ;;
        python3) [ -x /usr/bin/python3 ] ;;
        python3-venv) /usr/bin/python3 -c 'import ensurepip' 2>/dev/null ;;
        python3-pyscard) /usr/bin/python3 -c 'import smartcard' 2>/dev/null ;;
        *) dpkg-query -W "$1" >/dev/null 2>&1 ;;
    esac
}

# Prints where a JDK is that both runs the simulator, which wants 17, and writes class files of Java 7, which CAP
# converters want and JDKs from 20 on cannot do.
java_home() {
    javac=$(command -v javac || :)
    [ -z "$javac" ] || javac=$(readlink -f "$javac")
    for home in "${JAVA_HOME:-}" "${javac%/bin/javac}" /usr/lib/jvm/*; do
        if [ -z "$home" ] || [ ! -x "$home/bin/javac" ]; then
            continue
        fi
        case "$("$home/bin/javac" -version 2>&1)" in
            'javac 17'* | 'javac 18'* | 'javac 19'*)
                echo "$home"
                return 0
                ;;
        esac
    done
    return 1
}

# Prints where SoftHSM's module is.
softhsm_module() {
    for file in /usr/lib/softhsm /usr/lib/*/softhsm /usr/lib/pkcs11 /usr/lib64/pkcs11 /usr/local/lib/softhsm; do
        file=$file/libsofthsm2.so
        if [ -e "$file" ]; then
            echo "$file"
            return 0
        fi
    done
    return 1
}

# Whether bindgen finds the library of clang, and the headers that clang brings, which are packages of their own.
clang_headers() {
    for file in /usr/lib/llvm-*/lib/libclang*.so /usr/lib64/libclang.so; do
        [ -e "$file" ] || continue
        for header in "${file%/lib*.so}"/clang/*/include/stdarg.h; do
            [ ! -e "$header" ] || return 0
        done
    done
    return 1
}

# Prints those of its arguments that are missing.
missing_packages() {
    for package in "$@"; do
        has_package "$package" || printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

# need_packages PACKAGE...: installs those that are missing. Fails, and says what is missing, where it cannot.
need_packages() {
    # Daemons and ip live here, and are no part of an ordinary user's PATH.
    PATH="$PATH:/usr/sbin:/sbin"
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "Missing: $missing" >&2
        echo "These are the names of Debian and Ubuntu packages, and this system has no apt-get to install them with." >&2
        echo "Install what they are called here, and try again." >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        echo "Missing: $missing" >&2
        echo "Installing packages wants root, and there is no sudo. As root, do this, and try again:" >&2
        echo "    apt-get update && apt-get install --no-install-recommends $missing" >&2
        return 1
    fi
    echo "Installing Debian packages: $missing"
    # shellcheck disable=SC2086 # a list of names
    if ! { as_root apt-get -q update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing; }; then
        echo "apt-get could not install: $missing" >&2
        return 1
    fi
    missing=$(missing_packages "$@")
    [ -z "$missing" ] || {
        echo "apt-get installed everything, and these are still not usable: $missing" >&2
        return 1
    }
}
