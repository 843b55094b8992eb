# Sourced; `name` is the rig's. What is kept of a rig that was started: one directory each, private to the user.
#   lock        held, shared, by every process of the rig; nobody holds it: the rig is gone
#   pid         the rig's init and its network namespace
#   rig         number of readers, kind of cards
#   cardwright  the program that pcscd is asked with
#   log         what the rig said while it started
# shellcheck shell=sh disable=SC2154

# Sets `state`; fails where nothing is known of `name`.
state_find() {
    state=${XDG_RUNTIME_DIR:-/tmp}
    if [ "$state" = /tmp ]; then
        state=/tmp/cardwright-readers-$(id -u)
    else
        state=$state/cardwright-readers
    fi
    if [ -e "$state" ] || [ -L "$state" ]; then
        # In /tmp anybody could have made it.
        case "$(stat -c '%u %a %F' "$state")" in
            "$(id -u) 700 directory") ;;
            *)
                echo "error: $state is not a directory of mode 700 of this user's: look who made it, and remove it" >&2
                exit 1
                ;;
        esac
    fi
    state=$state/$name
    [ -d "$state" ]
}

# Makes the directory of a new rig; there is none of that name.
state_create() {
    if ! state_find; then
        (
            umask 077
            mkdir -p "${state%/*}"
        )
    fi
    state_find || :
    mkdir "$state" 2>/dev/null || {
        echo "error: $name is running, or was left behind" >&2
        echo "next: readers.sh status, exec or stop --name $name; or start another with --name" >&2
        exit 1
    }
    : >"$state/log"
}

state_enter() {
    echo "$1 $(readlink "/proc/$1/ns/net")" >"$state/pid"
}

# Sets `pid`; fails where the rig is gone.
state_alive() {
    [ -s "$state/pid" ] && [ -e "$state/lock" ] || return 1
    ! flock --nonblock "$state/lock" true || return 1
    read -r pid namespace <"$state/pid"
    # A pid that has been given to another process since is not ours.
    [ "$(readlink "/proc/$pid/ns/net")" = "$namespace" ]
}

# Ends the rig, waits until every process of it is gone, removes its directory.
state_stop() {
    ! state_alive || kill -s KILL "$pid" 2>/dev/null || :
    if [ -e "$state/lock" ] && ! flock --wait 20 "$state/lock" true; then
        echo "error: processes of $name are still there; $state is kept" >&2
        exit 1
    fi
    rm -rf "$state"
    # The last one's goes with it.
    rmdir "${state%/*}" 2>/dev/null || :
}
