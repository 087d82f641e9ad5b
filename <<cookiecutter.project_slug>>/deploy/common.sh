#!/bin/sh
# What the commands of both ways of deploying share. It is read by them, not run.

fail() {
    printf 'Error: %s\n' "$1" >&2
    exit 1
}

need_root() {
    [ "$(id -u)" = 0 ] || fail "this command must be run as root; put sudo before it."
}

# step NAME: print the next step. If it fails, the error message has its name.
step() {
    current_step=$1
    printf '==> %s\n' "$1"
}

# stop_at_step CONSEQUENCE: name the step that failed and its consequence, and exit.
stop_at_step() {
    fail "step \"$current_step\" failed; see the output above. $1."
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

# request_pages FILE: request the SMOKE_URLS of an environment file from the new release, as nginx does for the site's name; fail
# unless each responds with a status below 400. Unset, it is the first page. If it is empty, no page is requested.
request_pages() {
    step "Request the pages of SMOKE_URLS"
    host=$(sed -n 's/^ALLOWED_HOSTS=//p' "$1" | tr -d "\"' " | cut -d , -f 1)
    urls=/
    if grep --quiet '^SMOKE_URLS=' "$1"; then
        urls=$(sed -n 's/^SMOKE_URLS=//p' "$1" | tr -d "\"' " | tr ',' ' ')
    fi
    # A URL may have a question mark, which is no pattern of files.
    set -f
    # shellcheck disable=SC2086 # the URLs are words
    set -- $urls
    set +f
    for url in "$@"; do
        case $url in
            /*) ;;
            *)
                echo "SMOKE_URLS must list paths such as /,/accounts/login/." >&2
                return 1
                ;;
        esac
        if ! status=$(page_status "${host#.}" "$url"); then status=none; fi
        echo "$url $status"
        case $status in
            [23]??) ;;
            *)
                show_log
                echo "The new release must respond to $url with a status below 400, but the status is $status." >&2
                return 1
                ;;
        esac
    done
}

# take_certificate NAME FOLDER MODE GROUP [FULLCHAIN PRIVATE_KEY]: put a certificate and its key, which gets MODE and GROUP, into
# FOLDER. Without files it is certbot's hook, which is called for every certificate that was renewed, and takes the one of
# the name NAME.
take_certificate() {
    name=$1
    folder=$2
    mode=$3
    group=$4
    shift 4
    if [ -n "${RENEWED_LINEAGE:-}" ]; then
        [ "$(basename "$RENEWED_LINEAGE")" = "$name" ] || exit 0
        set -- "$RENEWED_LINEAGE/fullchain.pem" "$RENEWED_LINEAGE/privkey.pem"
    fi
    [ $# = 2 ] || fail "certificate takes two files: the certificate with its chain, and its private key."
    for file in "$1" "$2"; do
        [ -r "$file" ] || fail "there is no file $file."
    done
    [ "$(openssl x509 -in "$1" -noout -pubkey)" = "$(openssl pkey -in "$2" -pubout)" ] ||
        fail "$2 is not the key of $1; use the two that belong together."
    openssl x509 -in "$1" -noout -checkend 0 >/dev/null || fail "the certificate in $1 has expired. Use a valid one."

    install -m 0644 "$1" "$folder/fullchain.pem"
    install -m "$mode" -g "$group" "$2" "$folder/privkey.pem"
    openssl x509 -in "$folder/fullchain.pem" -noout -subject -enddate
}

# make_certificate NAME FOLDER: until there is a real certificate, nginx needs one to start with.
make_certificate() {
    (
        umask 077
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=$1" \
            -keyout "$2/privkey.pem" -out "$2/fullchain.pem"
    )
    chmod 0644 "$2/fullchain.pem"
}

# move_hook FORMER PRESENT: have certbot, which remembers the command to run after a renewal, run it at its present path. If the
# command is missing, certbot still renews the certificate, but nginx goes on using the former one.
move_hook() {
    for renewal in /etc/letsencrypt/renewal/*.conf; do
        if [ -e "$renewal" ] && grep --quiet --fixed-strings "$1" "$renewal"; then
            [ -w "$renewal" ] || fail "$renewal names a command that has moved; run: sudo sed --in-place 's|$1|$2|' $renewal"
            sed --in-place "s|$1|$2|" "$renewal"
            echo "wrote $renewal"
        fi
    done
}
