#!/bin/sh
# As the official image: makes the cluster the first time from POSTGRES_USER, POSTGRES_PASSWORD(_FILE) and POSTGRES_DB, runs
# /docker-entrypoint-initdb.d/*.sh and *.sql, and then becomes the server.
set -eu
export PGDATA="${PGDATA:-/var/lib/postgresql/data}"
case "${1:-}" in -*) set -- postgres "$@" ;; esac
[ "${1:-}" = postgres ] || exec "$@"
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chown -R postgres:postgres "$PGDATA"
    chmod 700 "$PGDATA"
    exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    POSTGRES_USER="${POSTGRES_USER:-postgres}"
    [ -z "${POSTGRES_PASSWORD_FILE:-}" ] || POSTGRES_PASSWORD="$(cat "$POSTGRES_PASSWORD_FILE")"
    : "${POSTGRES_PASSWORD:?POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE must be set}"
    printf '%s\n' "$POSTGRES_PASSWORD" > /tmp/superuser
    initdb --pgdata "$PGDATA" --username "$POSTGRES_USER" --pwfile /tmp/superuser \
        --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --no-locale --no-instructions > /dev/null
    rm /tmp/superuser
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    pg_ctl --pgdata "$PGDATA" --options "-c listen_addresses='' -c unix_socket_directories=/tmp" --wait start > /dev/null
    export PGHOST=/tmp PGUSER="$POSTGRES_USER"
    database="${POSTGRES_DB:-$POSTGRES_USER}"
    [ "$database" = postgres ] || psql --no-psqlrc --quiet --dbname postgres --command "CREATE DATABASE \"$database\""
    for file in /docker-entrypoint-initdb.d/*; do
        case "$file" in
            *.sh) . "$file" ;;
            *.sql) psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname "$database" --file "$file" ;;
        esac
    done
    unset PGHOST PGUSER
    pg_ctl --pgdata "$PGDATA" --mode fast --wait stop > /dev/null
fi
shift
exec postgres -c "listen_addresses=*" -c unix_socket_directories=/tmp "$@"
