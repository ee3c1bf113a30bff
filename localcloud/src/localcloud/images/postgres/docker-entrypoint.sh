#!/bin/bash
# Prepares the data directory on the first start, then becomes the server (process 1).
set -euo pipefail

case "${1:--}" in -*) set -- postgres "$@" ;; esac
[ "$1" = postgres ] || exec "$@"
case " $* " in *" --version "* | *" -V "* | *" --help "*) exec "$@" ;; esac

: "${PGDATA:=/var/lib/postgresql/data}" "${POSTGRES_USER:=postgres}"
: "${POSTGRES_DB:=$POSTGRES_USER}"
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then POSTGRES_PASSWORD=$(<"$POSTGRES_PASSWORD_FILE"); fi
as_postgres() { if [ "$(id -u)" = 0 ]; then gosu postgres "$@"; else "$@"; fi; }

mkdir -p "$PGDATA" /var/run/postgresql
if [ "$(id -u)" = 0 ]; then chown postgres:postgres "$PGDATA" /var/run/postgresql; fi
chmod 0700 "$PGDATA"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  trust=scram-sha-256
  if [ "${POSTGRES_HOST_AUTH_METHOD:-}" = trust ]; then trust=trust; fi
  if [ -z "${POSTGRES_PASSWORD:-}" ] && [ $trust != trust ]; then
    echo "Error: the database is uninitialized and POSTGRES_PASSWORD is not set; set it, or POSTGRES_HOST_AUTH_METHOD=trust" >&2
    exit 1
  fi
  # An initialisation that was interrupted leaves files without PG_VERSION; initdb wants an empty directory.
  find "$PGDATA" -mindepth 1 -delete
  password=$(as_postgres mktemp)
  printf '%s\n' "${POSTGRES_PASSWORD:-unused}" >"$password"
  as_postgres initdb -D "$PGDATA" -U "$POSTGRES_USER" -E UTF8 --locale=C.UTF-8 --no-sync \
    --auth-local=trust --auth-host=$trust --pwfile="$password" \
    ${POSTGRES_INITDB_ARGS:-} >/dev/null
  rm -f "$password"
  echo "host all all all $trust" >>"$PGDATA/pg_hba.conf"
  as_postgres pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start >/dev/null
  psql=(psql -v ON_ERROR_STOP=1 --no-psqlrc -q -U "$POSTGRES_USER")
  if [ "$POSTGRES_DB" != postgres ]; then
    echo 'CREATE DATABASE :"db"' | as_postgres "${psql[@]}" -d postgres -v db="$POSTGRES_DB"
  fi
  for file in /docker-entrypoint-initdb.d/*; do
    case "$file" in
      *.sh) . "$file" ;;
      *.sql) as_postgres "${psql[@]}" -d "$POSTGRES_DB" -f "$file" ;;
    esac
  done
  as_postgres pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null
  sync
  echo "PostgreSQL init process complete; ready for start up."
fi

unset POSTGRES_PASSWORD
if [ "$(id -u)" = 0 ]; then set -- gosu postgres "$@"; fi
exec "$@" -c listen_addresses='*'
