#!/bin/sh
# Start the site on a PaaS (Heroku, Render, Fly, …): read .env if there is one, migrate, collect the static files, and
# become gunicorn. RUN_MIGRATIONS_ON_START=false leaves the migrations to somebody else; PORT, or GUNICORN_BIND, says
# where to listen. A variable that is set outside wins over .env. Nothing is started, and the status is not 0, when .env
# cannot be read or a step fails.
set -eu
cd "$(dirname "$0")"

fail() {
    printf 'Error: %s\n' "$1" >&2
    exit 1
}

# A line that the shell would take for more than the assignment of a constant would be run, or mean something else than
# it says. Its number is told, but never its text, which may be a secret.
if [ -e .env ]; then
    readable="^[[:blank:]]*(#.*)?$|^[A-Za-z_][A-Za-z0-9_]*=([A-Za-z0-9_.,:/@%+=?-]*|'[^']*'|\"([^\"\$\`\\]|\\\\[\"\\\$\`])*\")[[:blank:]]*$"
    number=0
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        printf '%s\n' "$line" | grep -Eq "$readable" ||
            fail "line $number of .env cannot be read; write NAME=value, with '…' around a value that has blanks or signs."
    done <.env
    outside=$(export -p)
    set -a
    # shellcheck disable=SC1091 # it is the operator's
    . ./.env
    set +a
    eval "$outside"
fi
export DJANGO_SETTINGS_MODULE="${DJANGO_SETTINGS_MODULE:-config.settings.production}"
if [ -d .venv/bin ]; then
    PATH="$PWD/.venv/bin:$PATH"
fi

case ${RUN_MIGRATIONS_ON_START:-true} in
    true) python manage.py migrate --no-input ;;
    false) echo "Migrations are left out: RUN_MIGRATIONS_ON_START is false." ;;
    *) fail "RUN_MIGRATIONS_ON_START must be true or false." ;;
esac
python manage.py collectstatic --no-input
exec gunicorn config.wsgi ${GUNICORN_BIND:+--bind "$GUNICORN_BIND"}
