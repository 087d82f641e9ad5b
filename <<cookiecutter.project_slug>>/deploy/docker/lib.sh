#!/bin/sh
# What the commands in deploy/docker/bin share. It is read by them, not run, from the project's folder.
# shellcheck disable=SC2034 # they use what is set here

# shellcheck source=deploy/common.sh
. deploy/common.sh

environment=.env.production

# The value of a variable of the environment file, or nothing.
setting() {
    sed -n "s/^$1=//p" "$environment" | tr -d "'\""
}

[ -s "$environment" ] || fail "$environment is missing; make it with: make env-production"
# Images and containers bear this name.
image=$(setting COMPOSE_PROJECT_NAME)

compose() {
    docker compose --env-file "$environment" --ansi never --progress quiet "$@"
}

# containers SERVICE [OPTION...]: the running containers of a service, or those that OPTIONS of docker ps choose.
containers() {
    service=$1
    shift
    docker ps --quiet --no-trunc --filter "label=com.docker.compose.project=$image" \
        --filter "label=com.docker.compose.service=$service" --filter label=com.docker.compose.oneoff=False "$@"
}

# share_mounts: let containers, which run as users of their own, read what they mount from a clone that was made with umask 077.
share_mounts() {
    chmod go+rx nginx/ssl
    find deploy nginx/acme ! -type l ! -perm -go=r -exec chmod go+rX {} +
}

# begin: one release or rollback at a time; until traffic is switched, a failure leaves the former image in service.
begin() {
    exec 9<"$environment"
    flock --nonblock 9 || fail "another release or rollback is running. Wait until it ends."
    require_mounts
    share_mounts
    move_hook "$PWD/deploy/docker/certificate" "$PWD/deploy/docker/bin/certificate"
    some=$(containers web | head -n 1)
    [ -n "$some" ] || fail "the site is not running; start it with: make up-prod"
    # The container with the traffic; after a release that was interrupted there may be another.
    serving=$(basename "$(docker exec "$some" readlink /run/<< cookiecutter.project_slug >>/web.sock)" .sock)
    old=$(containers web | grep "^$serving") || fail "no container serves the site; look at: make logs-prod"
    former=$(docker inspect --format '{{.Image}}' "$old")
    current_step=
    built=
    is_tagged=
    is_switched=
    is_read_only=
    consequence="The former release keeps serving"
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' HUP TERM
    remove_all_but "$old"
}

# require_mounts: fail if a running container mounts a file of this folder that a new version has at another path. The container
# could not start again after a restart of the machine, and a reload of nginx would miss files that its configuration includes.
require_mounts() {
    mounts='{{range .Mounts}}{{if eq .Type "bind"}}{{println .Source}}{{end}}{{end}}'
    for container in $(docker ps --quiet --filter "label=com.docker.compose.project=$image"); do
        for path in $(docker inspect --format "$mounts" "$container"); do
            case $path in
                "$PWD"/*) [ -e "$path" ] || fail "a container mounts $path, which has moved; run: make up-prod" ;;
            esac
        done
    done
}

finish() {
    status=$?
    trap - EXIT
    [ "$status" != 0 ] || exit 0
    trap '' INT HUP TERM
    if [ -n "$is_tagged" ]; then docker tag "$former" "$image:current"; fi
    if [ -n "$is_switched" ]; then
        echo "==> Roll back to the former image"
        if ! restart_others; then echo "Error: some of its services do not start; see: make logs-prod" >&2; fi
        if ! switch_traffic_to "$old"; then echo "Error: nginx does not send requests to its container; see: make logs-prod" >&2; fi
    fi
    if [ -n "$is_read_only" ] && ! manage read_only off; then
        echo "Error: the site is still read-only; see: deploy/docker/bin/manage read_only status" >&2
    fi
    remove_all_but "$old"
    if [ -n "$built" ] && [ -n "$(docker image ls --quiet "$built")" ]; then docker image rm "$built" >/dev/null; fi
    stop_at_step "$consequence"
}

# remove_all_but CONTAINER: stop and remove the other containers of the site, when their requests have ended.
remove_all_but() {
    for container in $(containers web --all); do
        if [ "$container" != "$1" ]; then
            docker stop "$container" >/dev/null
            docker rm "$container" >/dev/null
        fi
    done
}

# Have nginx, if it is one of the containers, read its configuration again.
reload() {
    for container in $(containers nginx); do
        docker exec "$container" nginx -t -q && docker exec "$container" nginx -s reload
    done
}

# image_script CONTAINER NAME FORMER: the path of a script in a container. Images of version 0.2.0 and before, which rollback can
# start, have it in deploy/docker under the name FORMER.
image_script() {
    if docker exec "$1" test -e "deploy/docker/image/$2"; then echo "deploy/docker/image/$2"; else echo "deploy/docker/$3"; fi
}

# switch_traffic_to CONTAINER: publish its static files and nginx configuration, reload nginx, then send requests to the container.
switch_traffic_to() {
    docker exec "$1" "$(image_script "$1" publish-assets publish)" && reload &&
        docker exec "$1" "$(image_script "$1" switch-traffic take-over)"
}

# ask_ready CONTAINER [SOCKET]: print what its site answers to /ready/, at its port or at a socket; fail unless that is 200.
ask_ready() {
    docker exec "$1" python "$(image_script "$1" probe.py ask.py)" /ready/ ${2:+"$2"}
}

# start [--scale SERVICE=N] SERVICE...: create the containers that are missing, start them, and return when they are healthy.
# Running containers stay as they are: replacing them is what a release does with care. Compose itself would run migrate again
# before it starts anything, and --no-deps would give containers another configuration than up-prod does, which replaces them.
start() {
    compose up --no-start --no-build --no-recreate "$@" || return 1
    created=
    for name in "$@"; do
        case $name in
            --scale | *=*) ;;
            *) created="$created $(containers "$name" --all --filter status=created)" ;;
        esac
    done
    for container in $created; do docker start "$container" >/dev/null || return 1; done
    for container in $created; do wait_for_health "$container" || return 1; done
}

# wait_for_health CONTAINER: fail when it has ended, is unhealthy, or needs more than two minutes.
wait_for_health() {
    attempts=240
    while :; do
        case $(docker inspect --format '{{.State.Health.Status}} {{.RestartCount}}' "$1") in
            "healthy 0") return 0 ;;
            "starting 0") ;;
            *) break ;;
        esac
        attempts=$((attempts - 1))
        [ "$attempts" -gt 0 ] || break
        sleep 0.5
    done
    echo "The container $(docker inspect --format '{{.Name}}' "$1" | tr -d /) is not healthy." >&2
    return 1
}

# What besides the site runs from its image.
restart_others() {
    compose rm --stop --force backup<< ' worker beat' if cookiecutter.use_celery >> && start backup<< ' worker beat' if cookiecutter.use_celery >>
}

# manage COMMAND...: run a command of manage.py of the image that is tagged current, which may write backups too.
manage() {
    compose run --rm --no-deps backup python manage.py "$@"
}

# smoke_test IMAGE: start a container of an image beside the one in service, without traffic, and fail unless /ready/ responds with 200.
smoke_test() {
    is_tagged=yes
    docker tag "$1" "$image:current"
    if ! start --scale web=2<< ' broker' if cookiecutter.use_celery >> web; then
        docker logs --tail 30 "$(newest)"
        return 1
    fi
    new=$(newest)
    ask_ready "$new"
}

# The container that was started last.
newest() {
    containers web --all --latest
}

# page_status HOST URL: print the status with which the container that is tested responds, at the socket that nginx will use. Images of
# former versions have a probe.py without HOST, so the container gets the present one.
page_status() {
    docker exec --interactive "$new" python - "$2" "/run/<< cookiecutter.project_slug >>/$(docker exec "$new" hostname).sock" "$1" \
        <deploy/docker/image/probe.py
}

# show_log: print the end of its log.
show_log() {
    docker logs --tail 30 "$new"
}

# put_into_service: switch traffic to the container that was tested, and return when the former one is gone.
put_into_service() {
    # Only now: before the migrations, new pages may miss a column.
    request_pages "$environment"
    is_switched=yes
    # >> if cookiecutter.use_celery
    # The worker first: it must know the tasks that the new site sends.
    # >> endif
    step "Restart the other services"
    restart_others

    step "Switch traffic"
    switch_traffic_to "$new"
    ask_ready "$new" /run/<< cookiecutter.project_slug >>/web.sock

    # Those who have connected to the former one are on their way in.
    sleep 2
    is_tagged=
    is_switched=
    built=
    old=$new
    consequence="The new release is in service"
    if [ "$former" != "$(docker inspect --format '{{.Image}}' "$new")" ]; then docker tag "$former" "$image:previous"; fi

    step "Stop the former container"
    remove_all_but "$new"
    # The one of migrate would keep the image that it ran from, and Compose make all others anew for its sake. It has nothing
    # to do before the next start.
    compose rm --force migrate
    compose up --no-start --no-build --no-recreate migrate
}
