#!/usr/bin/env bash
# A Docker engine of its own, all of it below one folder, for a Debian machine that has none or no registry; as root.
#   engine.sh install FOLDER    unpack Debian 13's packages there; install runc, iptables and debootstrap
#   engine.sh start FOLDER      in the machine's network, without bridge and firewall rules: for builds (--network=host)
#   engine.sh isolate FOLDER    in a network of its own, on the same data: for containers; FOLDER/pid names its process
#   engine.sh stop FOLDER       end it
#   engine.sh remove FOLDER     end it, and delete the folder
# `install` takes the packages from DEBIAN_MIRROR.
# Clients need FOLDER/bin on PATH, DOCKER_CONFIG=FOLDER/config and DOCKER_HOST=unix://FOLDER/socket.
set -euo pipefail
action=$1 folder=$(realpath -m "$2")

install() {
    local missing=() program package mirror=${DEBIAN_MIRROR:?must be the address of packages of Debian}
    for package in runc iptables debootstrap; do
        PATH="$PATH:/usr/sbin" command -v "$package" >/dev/null || missing+=("$package")
    done
    if ((${#missing[@]})); then
        apt-get update -qq
        apt-get install -qq -y --no-install-recommends "${missing[@]}"
    fi
    # Compose files need engine 25 (`start_interval`), which Debian 12 lacks: a private apt root leaves the system as it is.
    # Its runc is kept, as Debian 13's needs a newer C library; the other programs are static enough.
    mkdir -p "$folder"/{apt/state/lists/partial,apt/cache/archives/partial,packages,bin,config/cli-plugins}
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$folder/apt/sources.list"
    local options=(-qq -o "Dir::State=$folder/apt/state" -o Dir::State::status=/var/lib/dpkg/status
        -o "Dir::Cache=$folder/apt/cache" -o "Dir::Etc::sourcelist=$folder/apt/sources.list"
        -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update
    cd "$folder/packages"
    apt-get "${options[@]}" download {docker.io,docker-cli,docker-compose,docker-buildx,containerd,tini}/trixie
    for package in *.deb; do dpkg-deb --extract "$package" tree; done
    for program in tree/usr/bin/* tree/usr/sbin/*; do ln -sf "$PWD/$program" "$folder/bin/"; done
    for program in tree/usr/libexec/docker/cli-plugins/*; do ln -sf "$PWD/$program" "$folder/config/cli-plugins/"; done
}

stop() {
    [ -f "$folder/pid" ] || return 0
    local pid
    pid=$(<"$folder/pid")
    kill "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
    rm -f "$folder/pid"
}

start() {
    export PATH="$folder/bin:/usr/sbin:/sbin:$PATH"
    local engine="exec dockerd --data-root '$folder/data' --exec-root '$folder/exec' --pidfile '$folder/pid'
        --host 'unix://$folder/socket' ${1//$'\n'/ }"
    if [ "$2" = isolated ]; then
        unshare --net sh -c "ip link set lo up; ${engine//$'\n'/ }" >>"$folder/log" 2>&1 &
    else
        sh -c "${engine//$'\n'/ }" >>"$folder/log" 2>&1 &
    fi
    for _ in {1..300}; do
        docker --host "unix://$folder/socket" version >/dev/null 2>&1 && return
        sleep 0.2
    done
    tail -20 "$folder/log" >&2
    return 1
}

case $action in
install) install ;;
start) stop && start "--bridge=none --iptables=false --ip6tables=false" shared ;;
isolate) stop && start "" isolated ;;
stop) stop ;;
remove)
    stop
    umount "$folder"/exec/netns/* 2>/dev/null || true # of the engine in the machine's network
    rm -rf "$folder"
    ;;
*) exit 2 ;;
esac
