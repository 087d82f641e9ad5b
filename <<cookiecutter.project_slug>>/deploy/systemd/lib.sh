#!/bin/sh
# What the commands in deploy/systemd/bin share. It is read by them, not run.
# shellcheck disable=SC2034 # they use what is set here

# shellcheck source=deploy/common.sh
. "$(dirname "$(readlink -f "$0")")/../../common.sh"

project="<< cookiecutter.project_slug >>"
root="/srv/$project"               # source, releases, environments, current, previous
source="$root/source"
state="/var/lib/$project"          # uploaded files and whatever else the services write
backups="/var/backups/$project"
read_only_lock="$state/.read-only.lock"
former_read_only_lock="$state/.restore.lock"    # its former name, which counts too
environment="/etc/$project/environment"
tls="/etc/ssl/$project"
socket="/run/$project/web.sock"
services="web<< ' worker beat' if cookiecutter.use_celery >>"

# One provision, release or rollback at a time.
lock() {
    exec 9>"/run/lock/$project-deploy"
    flock --nonblock 9 || fail "another provision, release or rollback of $project is running. Wait until it ends."
}

# The name of the release that a link of $root leads to, or nothing.
release_at() {
    if [ -L "$root/$1" ]; then basename "$(readlink "$root/$1")"; fi
}

# uses_own VARIABLE: whether its URL is one that provision has written, or will write, and not one of another machine.
uses_own() {
    [ ! -e "$environment" ] || grep --quiet "^$1=.*:[0-9a-f]*@127[.]0[.]0[.]1:" "$environment"
}

# sandboxed UNIT FOLDER [OPTION...] -- COMMAND...: run a command in FOLDER as the services' user, hardened as they are
# (UNIT begins with the project's name), with OPTIONS of systemd-run. Its status is the command's.
sandboxed() {
    unit=$1
    folder=$2
    shift 2
    systemd-run --quiet --collect --wait --pipe --pty --unit="$unit" --uid="$project" --gid="$project" \
        --working-directory="$folder" "$@"
}

# manage_in RELEASE [OPTION...] -- COMMAND...: run a command of manage.py as the services do; it may write backups too.
manage_in() {
    folder="$root/releases/$1"
    shift
    options=
    while [ "$1" != -- ]; do
        options="$options $1"
        shift
    done
    shift
    # shellcheck disable=SC2086 # the options are words
    sandboxed "$project-manage-$$" "$folder" --property=EnvironmentFile="$environment" \
        --property=ReadWritePaths="-$backups" --setenv=DJANGO_SETTINGS_MODULE=config.settings.production $options -- \
        "$(readlink -f "$folder/.venv")/bin/python" manage.py "$@"
}

# begin: from here to the end, whatever fails leaves the former release in service and says which step it was.
begin() {
    keep_former_paths
    current_step=
    unfinished=
    is_switched=
    is_read_only=
    former=$(release_at current)
    before_former=$(release_at previous)
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' HUP TERM
}

finish() {
    status=$?
    trap - EXIT
    [ "$status" != 0 ] || exit 0
    trap '' INT HUP TERM
    if systemctl --quiet is-active "$project-manage-$$.service"; then systemctl stop "$project-manage-$$.service"; fi
    stop_trial
    consequence="No release is in service"
    if [ -n "$is_switched" ]; then
        printf '==> Roll back to %s\n' "${former:-having none}"
        point current "$former"
        point previous "$before_former"
        if [ -z "$former" ]; then
            systemctl stop "$project.target"
        elif ! install_files || ! restart; then
            printf 'Error: %s does not start either; see: journalctl --unit="%s-*"\n' "$former" "$project" >&2
        fi
    fi
    if [ -n "$is_read_only" ] && ! manage_in "$is_read_only" -- read_only off; then
        printf 'Error: the site is still read-only; see: %s/deploy/systemd/bin/manage read_only status\n' "$source" >&2
    fi
    if [ -n "$former" ]; then consequence="$former keeps serving"; fi
    # shellcheck disable=SC2086 # the folders are words
    rm -rf $unfinished
    stop_at_step "$consequence"
}

# point LINK RELEASE: lead a link of $root to a release, at once; without a release, remove it.
point() {
    if [ -n "$2" ]; then
        ln -sfn "releases/$2" "$root/$1.new"
        mv -T "$root/$1.new" "$root/$1"
    else
        rm -f "$root/$1"
    fi
}

restart() {
    # >> if cookiecutter.use_celery
    # The worker first: it must know the tasks that the new site sends.
    systemctl restart "$project-worker.service" "$project-beat.service"
    # >> endif
    systemctl start "$project-web.socket" "$project-backup.timer"
    restart_web
}

# restart_web: restart the site without a gap. While the former processes end their requests, for GUNICORN_GRACEFUL_TIMEOUT at most, a
# second service has the new ones on the same socket. It exists only for that time.
restart_web() {
    standby="$project-web-standby.service"
    runtime=/run/systemd/system
    # If not, an interrupted release may have left the standby, which then serves.
    if systemctl --quiet is-active "$project-web.service"; then
        remove_standby
        install -d "$runtime/$standby.d"
        # What an operator has changed holds for both.
        if [ -e "/etc/systemd/system/$project-web.service.d" ]; then
            cp /etc/systemd/system/"$project"-web.service.d/*.conf "$runtime/$standby.d"
        fi
        printf '[Service]\nSockets=%s-web.socket\n' "$project" >"$runtime/$standby.d/socket.conf"
        install -m 0644 "/etc/systemd/system/$project-web.service" "$runtime/$standby"
        systemctl daemon-reload
        systemctl start "$standby"
    fi
    systemctl restart "$project-web.service"
    remove_standby
}

remove_standby() {
    if [ ! -e "$runtime/$standby" ]; then return 0; fi
    systemctl stop "$standby"
    if systemctl --quiet is-failed "$standby"; then systemctl reset-failed "$standby"; fi
    rm -r "${runtime:?}/$standby" "$runtime/$standby.d"
    systemctl daemon-reload
}

# ask_ready SOCKET: print the answer of /ready/; the status is 0 when it is 200.
ask_ready() {
    curl --silent --show-error --fail-with-body --max-time 60 --unix-socket "$1" http://localhost/ready/
}

# require_ready SOCKET UNIT: print that answer; fail unless it is 200, at the third time of asking at the latest, for the first
# answer of a machine that is busy may come too late. Then show the end of the unit's log.
require_ready() {
    if ! ask_ready "$1" && sleep 1 && ! ask_ready "$1" && sleep 2 && ! ask_ready "$1"; then
        journalctl --unit="$2" --since=-2min --no-pager --output=cat --lines=30
        return 1
    fi
    echo
}

stop_trial() {
    for unit in "$project-trial.socket" "$project-trial.service"; do
        if systemctl --quiet is-active "$unit"; then systemctl stop "$unit"; fi
    done
    rm -f "/run/$project/trial.sock"
}

# smoke_test RELEASE: start the site on a private socket, and fail unless /ready/ responds with 200. put_into_service stops it.
smoke_test() {
    stop_trial
    folder="$root/releases/$1"
    systemd-run --quiet --collect --unit="$project-trial" --socket-property=ListenStream="/run/$project/trial.sock" \
        --socket-property=SocketMode=0600 --uid="$project" --gid="$project" --working-directory="$folder" \
        --property=EnvironmentFile="$environment" --setenv=GUNICORN_WORKERS=1 \
        "$(readlink -f "$folder/.venv")/bin/gunicorn" config.wsgi
    require_ready "/run/$project/trial.sock" "$project-trial.service"
}

# page_status HOST URL: print the status with which the release that is tested responds.
page_status() {
    curl --silent --show-error --max-time 60 --unix-socket "/run/$project/trial.sock" --output /dev/null --write-out '%{http_code}' \
        --header "X-Forwarded-Proto: https" --header "X-Forwarded-For: 127.0.0.1" "http://$1$2"
}

# show_log: print the end of its log.
show_log() {
    journalctl --unit="$project-trial.service" --since=-2min --no-pager --output=cat --lines=30
}

# put_into_service RELEASE: switch to a release that was built, and return when it serves.
put_into_service() {
    # Only now: before the migrations, new pages may miss a column.
    request_pages "$environment"
    stop_trial

    step "Switch to $1"
    is_switched=yes
    if [ "$1" != "$former" ]; then point previous "$former"; fi
    point current "$1"

    step "Install systemd units and the nginx site"
    install_files

    step "Restart the services"
    restart

    step "Wait until the site is ready"
    require_ready "$socket" "$project-web.service"
}

# has_present_layout TREE: whether a release has its units where this version has them. Version 0.2.0 and before had the units in
# deploy/systemd and the commands in deploy/bin.
has_present_layout() {
    [ -e "$1/deploy/systemd/units" ]
}

# check_out RELEASE: check out a release's commit in the source, which has the commands. If the release has the former layout, keep
# the present commands: the former ones cannot install a release of the present layout.
check_out() {
    if has_present_layout "$root/releases/$1"; then
        git -C "$source" checkout --quiet --force --detach "$(cat "$root/releases/$1/REVISION")"
    else
        echo "$source keeps the commands of the newer version."
    fi
}

# keep_former_paths: the hook of certbot, the messages of former releases and schedules of operators name commands in deploy/bin.
keep_former_paths() {
    move_hook "$source/deploy/bin/certificate" "$source/deploy/systemd/bin/certificate"
    for old in "$root"/releases/*; do
        if [ -e "$old/deploy/bin" ] && [ ! -e "$source/deploy/bin" ]; then ln -s systemd/bin "$source/deploy/bin"; fi
    done
}

# put FILE PLACE: install a file, if it differs from the one that is there.
put() {
    if cmp --silent "$1" "$2"; then return 0; fi
    install -D -m 0644 "$1" "$2"
    echo "  wrote $2"
    is_changed=yes
}

# render TREE FOLDER: write what nginx needs of a release into a folder.
render() {
    "$1/deploy/nginx/render" "$2" "$(sed -n 's/^ALLOWED_HOSTS=//p' "$environment")" site.conf \
        "$(sed -n 's/^CSRF_TRUSTED_ORIGINS=//p' "$environment")" "$(sed -n 's/^NGINX_TRUSTED_PROXIES=//p' "$environment")"
}

# Put the files of deploy/ where systemd and nginx read them: those of the release in service, else those of the source. Sets
# is_changed when there was anything to do.
install_files() {
    is_changed=
    tree="$root/current"
    if [ ! -e "$tree" ]; then tree=$source; fi
    units="$tree/deploy/systemd/units"
    optional=
    if ! has_present_layout "$tree"; then
        units="$tree/deploy/systemd"
        # Version 0.2.0 made no backups.
        optional="backup.service backup.timer"
    fi
    # shellcheck disable=SC2086 # the names are words
    for unit in web.socket backup.service backup.timer $(printf '%s.service ' $services); do
        case " $optional " in
            *" $unit "*) [ -e "$units/$unit" ] || continue ;;
        esac
        put "$units/$unit" "/etc/systemd/system/$project-$unit"
    done
    put "$units/all.target" "/etc/systemd/system/$project.target"
    dropins="/etc/systemd/system/$project-.service.d"
    put "$units/hardening.conf" "$dropins/hardening.conf"
    # places.conf is the former name of paths.conf. systemd reads it after that, so what it says would win.
    for file in paths.conf places.conf; do
        if [ -e "$units/$file" ]; then
            put "$units/$file" "$dropins/$file"
        elif [ -e "$dropins/$file" ]; then
            rm "$dropins/$file"
            echo "  removed $dropins/$file"
            is_changed=yes
        fi
    done
    put "$tree/deploy/nginx/mozilla-intermediate.conf" /etc/nginx/snippets/mozilla-intermediate.conf
    put "$tree/deploy/nginx/host.conf" "/etc/nginx/$project/local.conf"
    for file in headers-http.conf headers-server.conf; do
        # Before the first release there are none.
        if [ -e "$tree/$file" ]; then put "$tree/$file" "/etc/nginx/$project/$file"; else touch "/etc/nginx/$project/$file"; fi
    done

    rendered=$(mktemp --directory)
    render "$tree" "$rendered"
    put "$rendered/site.conf" "/etc/nginx/sites-enabled/$project.conf"
    # It is one for all sites, and provision's.
    rm -f "$rendered/site.conf" "$rendered/default-server.conf"
    for file in "$rendered"/*; do
        put "$file" "/etc/nginx/$project/$(basename "$file")"
    done
    rm -r "$rendered"

    if [ -n "$is_changed" ]; then
        nginx -t -q
        systemctl daemon-reload
        systemctl reload nginx.service
    fi
}
