#!/bin/sh
# inside.sh READERS CARDS PROFILE APPLETS DRIVER CARDWRIGHT JAR --hold | --run COMMAND...
#
# The init of a rig, in its namespaces: starts pcscd and the cards, waits until every one of them answers, and then for
# the command (--run) or for ever (--hold). For readers.sh only.
set -eu

readers=$1 cards=$2 profile=$3 applets=$4 driver=$5 cardwright=$6 jar=$7 mode=$8
shift 8
first_port=35963
deadline=$(($(date +%s) + 60))
dir=/run/readers

# The name of another pcscd's socket, of the caller's. This rig's is at its usual place.
unset PCSCLITE_CSOCK_NAME

# This process as those outside know it; while /proc is theirs.
read -r READERS_PID rest </proc/self/stat
export READERS_PID
if [ "$mode" = --hold ]; then
    echo "$READERS_PID" >&3
else
    # Nobody listens.
    exec 3>/dev/null
fi

# fail WORDS [LOG...]
fail() {
    echo "error: $1" >&2
    shift
    [ $# -eq 0 ] || cat "$@" >&2
    exit 1
}

# The driver gives two readers an entry. Entries that shared one file would overwrite each other, so each has a copy; and
# pcscd tells apart by their names only readers of the same file, so each has a name.
configure() {
    entry=0
    for letter in '' ' B' ' C' ' D' ' E' ' F' ' G' ' H'; do
        [ $((entry * 2)) -lt "$readers" ] || return 0
        cp "$driver" "$dir/driver$entry.so"
        port=$(printf '0x%X' $((first_port + entry * 2)))
        cat <<CONF
FRIENDLYNAME "Virtual PCD$letter"
DEVICENAME /dev/null:$port
LIBPATH $dir/driver$entry.so
CHANNELID $port

CONF
        entry=$((entry + 1))
    done
}

start_pcscd() {
    mkdir /run/pcscd
    configure >"$dir/reader.conf"
    # It shares nothing with the command's input and output, so that whoever reads these sees the end of the command.
    pcscd --foreground --config "$dir/reader.conf" </dev/null >"$dir/pcscd.log" 2>&1 3>&- &
    pcscd=$!
    # The socket is made before the readers are, but answered after that: whoever connects finds them.
    until [ -S /run/pcscd/pcscd.comm ]; do
        in_time 'pcscd did not start' "$dir/pcscd.log"
        sleep 0.02
    done
}

start_cards() {
    case "$cards" in
        rust)
            card=1
            while [ "$card" -le "$readers" ]; do
                start_card "$cardwright" sim serve --port "$((first_port + card - 1))" \
                    --profile "${profile:+$profile,}serial=$(printf '%08X' "$card")"
                card=$((card + 1))
            done
            ;;
        java)
            # This one counts serials itself.
            set -- --profile "${profile:+$profile,}serial=00000001"
            card=0
            while [ "$card" -lt "$readers" ]; do
                set -- "$@" --port "$((first_port + card))"
                card=$((card + 1))
            done
            while IFS='=' read -r option value; do
                [ -z "$option" ] || set -- "$@" "$option" "$value"
            done <<APPLETS
$applets
APPLETS
            start_card java -jar "$jar" "$@"
            ;;
    esac
}

# The processes of the cards, for in_time.
processes=''
start_card() {
    "$@" </dev/null >>"$dir/cards.log" 2>&1 3>&- &
    processes="$processes $!"
}

# in_time WORDS LOG: fails with these where a process has ended, or time is up.
in_time() {
    for process in "$pcscd" $processes; do
        kill -0 "$process" 2>/dev/null || fail "$1: it ended, saying" "$2"
    done
    [ "$(date +%s)" -lt "$deadline" ] || fail "$1 in a minute" "$2"
}

# wait_for COUNT PATTERN WORDS LOG: until pcscd lists this many readers of that kind.
wait_for() {
    until [ "$(env -u CARDWRIGHT_JSON timeout 20 "$cardwright" readers 2>&1 | grep -c "$2" || :)" -eq "$1" ]; do
        in_time "$3" "$4"
        sleep 0.02
    done
}

ip link set lo up
# pcscd has its socket and pid file below /run; its usual clients find them there. All of this goes with the namespace.
mount -t tmpfs tmpfs /run
mkdir "$dir"
# For ps, and what else looks at processes; where a container forbids it, these see the processes outside.
mount -t proc proc /proc 2>/dev/null || :
: >"$dir/cards.log"

start_pcscd
wait_for "$readers" '^pcsc:' "pcscd did not make $readers readers" "$dir/pcscd.log"
start_cards
[ "$cards" = none ] || wait_for "$readers" '(card, ' 'the cards did not answer' "$dir/cards.log"

if [ "$mode" = --hold ]; then
    # Fails where the one who started this has gone.
    echo ready >&3
    exec 3>&-
    # The shell stays, as the parent that every orphan in here needs.
    sleep infinity
    exit
fi
exec 3>&-
trap : INT QUIT
status=0
"$@" || status=$?
exit "$status"
