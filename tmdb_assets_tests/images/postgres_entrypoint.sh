#!/bin/sh
# As the official image: a cluster at the first start, with the password of the superuser, and the database.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    umask 077
    printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
    # shellcheck disable=SC2086 # several words
    initdb --username=postgres --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 ${POSTGRES_INITDB_ARGS:-} "$PGDATA"
    rm /tmp/password
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait --options="-c listen_addresses= -c unix_socket_directories=/tmp" start
    psql --host=/tmp --username=postgres --dbname=postgres --command="create database \"$POSTGRES_DB\""
    pg_ctl --wait --mode=fast stop
fi
exec postgres -c 'listen_addresses=*' -c unix_socket_directories=/run/postgresql
