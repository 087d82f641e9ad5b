#!/bin/sh
# What the commands of both ways of deploying share. It is read by them, not run.

fail() {
    printf 'Error: %s\n' "$1" >&2
    exit 1
}

need_root() {
    [ "$(id -u)" = 0 ] || fail "this command must be run as root; put sudo before it."
}

# Say what is done next; should it fail, this is what is said to have failed.
step() {
    current_step=$1
    printf '==> %s\n' "$1"
}

# stop_at_step CONSEQUENCE: end with the step that has failed, and what follows from it.
stop_at_step() {
    fail "stopped at the step \"$current_step\", for the reason above; $1."
}

# need_free_disk MEGABYTES FOLDER...: fail unless each has as much free.
need_free_disk() {
    need=$1
    shift
    for folder in "$@"; do
        megabytes=$(($(df --output=avail --block-size=1M "$folder" | tail -n 1)))
        if [ "$megabytes" -lt "$need" ]; then
            echo "$folder has $megabytes MB free; a release needs $need MB." >&2
            return 1
        fi
    done
}
