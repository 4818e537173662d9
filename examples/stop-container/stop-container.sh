#!/bin/sh
# Stops a Docker container through the engine's HTTP API. DOCKER_HOST is unix:///path or tcp://host:port.
set -eu

fail() {
    printf 'stop-container: %s\n' "$1" >&2
    exit 1
}

: "${ContainerName:?is the name of the container}"
: "${GraceSeconds:=10}"
: "${DOCKER_HOST:=unix:///var/run/docker.sock}"
command -v curl >/dev/null || fail 'curl is missing: install it'

body=$(mktemp)
trap 'rm -f "$body"' EXIT

# Leaves the answer's body in the file and prints its HTTP status.
engine() {
    case "$DOCKER_HOST" in
        unix://*)
            curl --silent --show-error --output "$body" --write-out '%{http_code}' --unix-socket "${DOCKER_HOST#unix://}" --request "$1" "http://docker$2"
            ;;
        tcp://*)
            curl --silent --show-error --output "$body" --write-out '%{http_code}' --request "$1" "http://${DOCKER_HOST#tcp://}$2"
            ;;
        *)
            fail "DOCKER_HOST must start with unix:// or tcp://, and is $DOCKER_HOST"
            ;;
    esac
}

echo "Stopping $ContainerName"
status=$(engine POST "/containers/$ContainerName/stop?t=$GraceSeconds") || fail "no Docker engine answers at $DOCKER_HOST"
case "$status" in
    204) stopped=true ;;
    304)
        echo "$ContainerName had ended already"
        stopped=false
        ;;
    404) fail "there is no container $ContainerName" ;;
    *) fail "the engine answered $status: $(cat "$body")" ;;
esac

status=$(engine GET "/containers/$ContainerName/json") || fail "the engine at $DOCKER_HOST answers no more"
exit_code=null
# A container that removes itself is gone by now, and its exit code with it.
if [ "$status" = 200 ]; then
    exit_code=$(sed -n 's/.*"ExitCode":\([0-9][0-9]*\).*/\1/p' "$body" | head -n 1)
fi
echo "$ContainerName is stopped, exit code ${exit_code:-null}"
if [ -n "${ERRAND_OUTPUT:-}" ]; then
    printf '{"container":"%s","stopped":%s,"exitCode":%s}\n' "$ContainerName" "$stopped" "${exit_code:-null}" >"$ERRAND_OUTPUT"
fi
