#!/usr/bin/env bash
# Build the images, and run the tests of the compose files: run.sh PYTHON [options of pytest]
# With the engine that answers; without one, on Debian as root, with one of its own that ends with the tests. A FOLDER in
# ENGINE_FOLDER keeps it and its images for the next time.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=tmdb_assets_tests/images python=$1
shift
within=() builds=()

say() { printf '%5d s: %s\n' "$SECONDS" "$*"; }

if ! docker version >/dev/null 2>&1 || ! docker compose version >/dev/null 2>&1; then
    say "No engine answers: setting one up."
    folder=${ENGINE_FOLDER:-$(mktemp -d)}
    if [ -n "${ENGINE_FOLDER:-}" ]; then last=stop; else last=remove; fi
    trap '"$PWD/$here/engine.sh" "$last" "$folder"' EXIT
    # Where this machine itself takes its packages from.
    DEBIAN_MIRROR=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        "Codename: $(. /etc/os-release && echo "$VERSION_CODENAME")" | sort -u)}
    export DEBIAN_MIRROR
    [ -x "$folder/bin/dockerd" ] || "$here/engine.sh" install "$folder"
    export PATH="$folder/bin:$PATH" DOCKER_CONFIG="$folder/config" DOCKER_HOST="unix://$folder/socket"
    "$here/engine.sh" start "$folder"
    say "Making stand-ins for the images of others."
    "$here/stand_ins.sh" "$folder" requirements.lock python
    "$here/stand_ins.sh" "$folder" requirements.lock postgres redis pgadmin &
    builds+=($!)
fi

# At once: each waits for the network now and then, and BuildKit makes a layer that several need once.
say "Building the images."
for target in platform viz scale; do
    image=tmdb-assets-$target
    docker build --quiet --network=host --target "$target" --tag "${image%-platform}:test" . &
    builds+=($!)
done
for build in "${builds[@]}"; do wait "$build"; done

if [ -n "${folder:-}" ]; then
    # Containers get a network of their own, apart from this machine's, and the tests are in it.
    "$here/engine.sh" isolate "$folder"
    within=(nsenter "--net=/proc/$(<"$folder/pid")/ns/net")
fi
# Both at once, as much of their time is that in which the daemon takes a run for dead.
say "Testing."
"${within[@]}" "$python" -m pytest --numprocesses=2 --dist=loadfile --durations=0 "$@" \
    "$here/in_containers.py" "$here/workers_in_containers.py"
say "Done."
