#!/bin/sh
# As the official image: at the first start the account, the server and the password for it; then the page.
set -eu
data=/var/lib/pgadmin
if [ ! -f "$data/pgadmin4.db" ]; then
    export PGADMIN_SETUP_EMAIL="$PGADMIN_DEFAULT_EMAIL" PGADMIN_SETUP_PASSWORD="$PGADMIN_DEFAULT_PASSWORD"
    python setup.py setup-db
    python setup.py load-servers "$PGADMIN_SERVER_JSON_FILE" --user "$PGADMIN_DEFAULT_EMAIL"
    folder=$data/storage/$(echo "$PGADMIN_DEFAULT_EMAIL" | tr @ _)
    install -d -m 700 "$folder"
    install -m 600 "$PGPASS_FILE" "$folder/.pgpass"
fi
exec gunicorn --timeout 86400 --bind "0.0.0.0:$PGADMIN_LISTEN_PORT" --workers 1 --threads 25 pgAdmin4:app
