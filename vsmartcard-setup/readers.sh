#!/bin/sh
# Virtual smart card readers on a pcscd of their own, in namespaces of their own. See README.md.
set -eu

usage() {
    cat <<'USAGE'
Virtual smart card readers on a pcscd of their own, which only the commands run beside it see.

    readers.sh install                      install pcscd and the virtual reader's driver
    readers.sh start  [--name NAME] [RIG]   start a rig, and return when every reader and card answers
    readers.sh status [--name NAME]         its readers; exit 0: all is well, 1: it is not, 3: there is none
    readers.sh exec   [--name NAME | --pid PID] COMMAND...
                                            run a command in it
    readers.sh shell  [--name NAME | --pid PID]
    readers.sh stop   [--name NAME]         end it, with every process in it
    readers.sh run    [RIG] COMMAND...      a rig for the length of one command, which finds in READERS_PID what
                                            `exec --pid` takes

RIG:
    --readers N              an even number, 2 to 16 [2]
    --cards rust|java|none   a card in every reader, in order [rust; run: none]
    --profile WORDS          what the cards are, as in `cardwright sim serve --profile`; serials are 1, 2, 3...
    --applet AID=CLASS       java: an applet for every card; may be repeated
    --classpath JAR          java: where its classes are; may be repeated

NAME is `default` where it is not given. Exits with 2 for wrong usage and with 77 where something is missing.
USAGE
}

wrong() {
    echo "readers.sh: $1" >&2
    echo "next: readers.sh --help" >&2
    exit 2
}

missing() {
    echo "$1" >&2
    exit 77
}

here=$(cd "$(dirname "$0")" && pwd -P)
root=${here%/*}
# shellcheck source=vsmartcard-setup/state.sh
. "$here/state.sh"
PATH="$PATH:/usr/sbin:/sbin"

# Sets the options' variables, and `used` to the number of words that they took.
options() {
    name=default pid='' readers=2 cards='' profile='' applets='' used=0
    allowed=$1
    shift
    while [ $# -gt 0 ]; do
        case "$1" in
            --) used=$((used + 1)) && return ;;
            -*) ;;
            *) return ;;
        esac
        case " $allowed " in *" $1 "*) ;; *) wrong "unknown option $1" ;; esac
        [ $# -gt 1 ] || wrong "$1 wants a value"
        case "$1" in
            --name) name=$2 ;;
            --pid) pid=$2 ;;
            --readers) readers=$2 ;;
            --cards) cards=$2 ;;
            --profile) profile=$2 ;;
            --applet | --classpath) applets="$applets$1=$2
" ;;
        esac
        used=$((used + 2))
        shift 2
    done
}

check_name() {
    case "$name" in
        '' | [.-]* | *[!A-Za-z0-9._-]*) wrong "a name is made of letters, digits and . _ -, not \"$name\"" ;;
    esac
}

check_rig() {
    case "$readers" in
        2 | 4 | 6 | 8 | 10 | 12 | 14 | 16) ;;
        *) wrong "--readers is an even number from 2 to 16 (the driver makes them in twos, and pcscd ends at 16), not \"$readers\"" ;;
    esac
    case "$cards" in
        rust | java | none) ;;
        *) wrong "--cards is rust, java or none, not \"$cards\"" ;;
    esac
    [ -z "$profile" ] || [ "$cards" != none ] || wrong "--profile is for --cards rust or java"
    case ",$profile" in
        *,serial=* | *,state=*) wrong "each card of a rig has its own serial and memory: no serial= or state= in --profile" ;;
    esac
    [ -z "$applets" ] || [ "$cards" = java ] || wrong "--applet and --classpath are for --cards java"
}

# What the rig is made with. Relative class paths and programs are the caller's, so nothing here changes the directory.
check_machine() {
    for program in pcscd ip unshare nsenter setpriv flock; do
        command -v "$program" >/dev/null || missing "there is no $program: run vsmartcard-setup/readers.sh install"
    done
    driver=/usr/lib/pcsc/drivers/serial/libifdvpcd.so
    [ -e "$driver" ] || missing "there is no $driver: run vsmartcard-setup/readers.sh install"
    find_cardwright
    jar=$root/applet-java/simulator/target/cardwright-simulator.jar
    if [ "$cards" = java ]; then
        command -v java >/dev/null || missing "there is no java, which --cards java needs: install a JRE, 17 or later"
        [ -e "$jar" ] || missing "the Java card is not built: run scripts/java.sh package"
    fi
    # Root can do without a user namespace; everybody else needs one.
    user=''
    unshare --mount --net --pid true 2>/dev/null || user=--map-root-user
    # shellcheck disable=SC2086 # an option or nothing
    [ -z "$user" ] || why=$(unshare $user --mount --net --pid true 2>&1) || missing "$why
This system allows no namespaces here (unshare $user --mount --net --pid). Run this as root, or allow user namespaces:
sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns;
in a container, its seccomp profile."
}

# pcscd is asked through cardwright, with --cards none as well.
find_cardwright() {
    cardwright=${CARDWRIGHT:-}
    if [ -z "$cardwright" ]; then
        for cardwright in "$root/target/release/cardwright" "$root/target/debug/cardwright" \
            "$(command -v cardwright || :)"; do
            [ ! -x "$cardwright" ] || break
        done
    fi
    [ -x "$cardwright" ] ||
        missing "there is no ${CARDWRIGHT:-cardwright}: run cargo build --release --bin cardwright, or set CARDWRIGHT to its path"
}

# The rig's commands find the program that its cards are made of, unless they have one of their own.
with_cardwright() {
    PATH="$PATH:$(dirname "$cardwright")"
}

# rig --run COMMAND... | --hold: becomes a rig.
#
# Its first process starts no other than inside.sh, which is therefore the init of the new pid namespace: where that one
# ends, the kernel ends every process in there. And it ends with the process out here, however that is killed.
rig() {
    with_cardwright
    # A terminal's ^C is for the command.
    # shellcheck disable=SC2016 # for the inner shell
    outer='trap : INT QUIT; setpriv --pdeathsig KILL -- "$@"; exit $?'
    # shellcheck disable=SC2086 # an option or nothing
    exec $session unshare $user --mount --net --pid sh -c "$outer" rig \
        "$here/inside.sh" "$readers" "$cards" "$profile" "$applets" "$driver" "$cardwright" "$jar" "$@"
}

start() {
    options '--name --readers --cards --profile --applet --classpath' "$@"
    [ "$used" -eq $# ] || wrong "start takes options only"
    cards=${cards:-rust}
    check_name
    check_rig
    check_machine
    # Whoever interrupts this leaves nothing behind. While the directory is being made it may be another rig's.
    interrupted=''
    trap 'interrupted=1' INT TERM HUP
    state_create
    trap 'state_stop; exit 143' INT TERM HUP
    if [ -n "$interrupted" ]; then
        state_stop
        exit 143
    fi
    echo "$readers $cards" >"$state/rig"
    echo "$cardwright" >"$state/cardwright"
    # Every process of the rig holds the lock, in descriptor 9: who gets it knows that they are gone.
    # The pipe is descriptor 3: the rig says its pid there, then that it is ready; or it ends, and so does the pipe.
    (
        flock --shared 9
        session=setsid
        rig --hold 3>&1 >/dev/null 2>>"$state/log" </dev/null &
    ) 9>>"$state/lock" | {
        read -r init && state_enter "$init" && read -r word && [ "$word" = ready ]
    } || {
        cat "$state/log" >&2
        state_stop
        echo "error: $name did not start" >&2
        exit 1
    }
    trap - INT TERM HUP
    echo "$name: $readers readers, cards: $cards"
}

status() {
    options --name "$@"
    [ "$used" -eq $# ] || wrong "status takes --name only"
    check_name
    state_find || {
        echo "$name: not running"
        exit 3
    }
    state_alive || {
        echo "$name: it was killed or did not finish starting"
        echo "next: readers.sh stop --name $name"
        exit 1
    }
    read -r readers cards <"$state/rig"
    read -r cardwright <"$state/cardwright"
    listed=$(enter env -u CARDWRIGHT_JSON timeout 20 "$cardwright" readers) || {
        echo "$name: pcscd does not answer; its log:"
        (enter cat /run/readers/pcscd.log)
        echo "next: readers.sh stop --name $name"
        exit 1
    }
    there=$(echo "$listed" | grep -c '^pcsc:' || :)
    filled=$(echo "$listed" | grep -c '(card, ' || :)
    echo "$name: $there of $readers readers, $filled cards ($cards)"
    echo "$listed"
    [ "$there" -eq "$readers" ] && { [ "$cards" = none ] || [ "$filled" -eq "$readers" ]; }
}

stop() {
    options --name "$@"
    [ "$used" -eq $# ] || wrong "stop takes --name only"
    check_name
    state_find || {
        echo "$name: not running"
        return
    }
    state_stop
    echo "$name: stopped"
}

# enter COMMAND...: becomes the command in the namespaces of `pid`, in this directory.
enter() {
    # It would name another pcscd's socket than the rig's, which is at its usual place.
    unset PCSCLITE_CSOCK_NAME
    user=''
    [ "$(readlink /proc/self/ns/user)" = "$(readlink "/proc/$pid/ns/user")" ] || user='--user --preserve-credentials'
    # nsenter waits outside for the command: the command ends with it, also when it is killed.
    # shellcheck disable=SC2086 # options or nothing
    exec nsenter --target "$pid" $user --mount --net --pid env --chdir "$PWD" setpriv --pdeathsig KILL -- "$@"
}

# execute COMMAND...: becomes the command, in the rig that the options named.
execute() {
    if [ -z "$pid" ]; then
        check_name
        if ! state_find || ! state_alive; then
            echo "error: $name is not running" >&2
            echo "next: readers.sh status --name $name, or start it" >&2
            exit 3
        fi
        read -r cardwright <"$state/cardwright"
        with_cardwright
        # Stopping the rig waits for this command as well.
        exec 9>>"$state/lock"
        flock --shared 9
    fi
    READERS_PID=$pid
    export READERS_PID
    enter "$@"
}

verb=${1:-}
[ $# -eq 0 ] || shift
case "$verb" in
    install)
        [ $# -eq 0 ] || wrong "install takes no options"
        exec "$here/install.sh"
        ;;
    start | status | stop) "$verb" "$@" ;;
    run)
        options '--readers --cards --profile --applet --classpath' "$@"
        shift "$used"
        [ $# -gt 0 ] || wrong "run wants a command"
        cards=${cards:-none}
        check_rig
        check_machine
        session=''
        rig --run "$@"
        ;;
    exec)
        options '--name --pid' "$@"
        shift "$used"
        [ $# -gt 0 ] || wrong "exec wants a command"
        execute "$@"
        ;;
    shell)
        options '--name --pid' "$@"
        [ "$used" -eq $# ] || wrong "shell takes options only"
        execute "${SHELL:-sh}"
        ;;
    -h | --help | help) usage ;;
    *) wrong "there is no command \"$verb\"" ;;
esac
