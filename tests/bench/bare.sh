#!/usr/bin/env bash
# The pipeline's work on a commit without a pipeline: the same builds, tests, starts and probes in one script.
#
#   COMMIT=... NETWORK=... DATABASE=... tests/bench/bare.sh APP      (APP: the application's folder)
#
# NETWORK is a Docker network that is reachable from the host, DATABASE the name of a PostgreSQL container on it.
# Registry, roles, logs, reports, approval, draining and rollback are omitted.
set -euo pipefail

cd "$1"
image=slipway-bench/web:$COMMIT
suite=slipway-bench/suite:$COMMIT
arguments=(--build-arg "COMMIT=$COMMIT" --build-arg "PYTHON_IMAGE=$PYTHON_IMAGE")
REPORTS=$(mktemp -d)
export REPORTS
started=()
clean_up() {
  [ ${#started[@]} -eq 0 ] || docker rm --force "${started[@]}" >/dev/null
  docker rmi --no-prune "$image" "$suite" >/dev/null 2>&1 || true
  rm -rf "$REPORTS"
}
trap clean_up EXIT

# Starts a task of an environment and waits until it responds; its URL is in $url.
start() {
  id=$(docker run --detach --network "$NETWORK" --env APP_VERSION="$COMMIT" --env DATABASE_HOST="$DATABASE" \
    --env DATABASE_PORT=5432 --env DATABASE_NAME=guestbook --env DATABASE_USER=guestbook \
    --env DATABASE_PASSWORD=guestbook "$image")
  started+=("$id")
  url=http://$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$id"):8080
  until curl --silent --fail --output /dev/null "$url/healthz"; do sleep 0.2; done
}

run_suite() {
  docker run --rm --network=host --volume="$REPORTS:/reports" --env BASE_URL="$url" \
    --env EXPECTED_VERSION="$COMMIT" --env SAFE_ONLY="$1" "$suite"
}

bin/test unit
bin/test integration
docker build --target release --tag "$image" "${arguments[@]}" .
APP_IMAGE=$image bin/test acceptance
start
docker build --target acceptance --tag "$suite" "${arguments[@]}" .
run_suite ""
start
start
run_suite 1
