# SPDX-License-Identifier: LGPL-2.1-or-later
# What the tests of the wire share: a scratch folder and a server that is up when it is asked.
set -eu -o pipefail
: "${DMV_BUILD:?}" "${DMV_SOURCE:?}"

scratch=$(mktemp -d)
chmod 0755 "$scratch"
server=
# shellcheck disable=SC2317 # called by the trap
finish() {
    status=$?
    trap - EXIT
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait
    rm -rf "$scratch"
    exit "$status"
}
trap finish EXIT

# start_server SOCKET COMMAND...: sets $server, returns when the socket is there.
start_server() {
    local socket=$1
    shift
    "$@" &
    server=$!
    for _ in $(seq 200); do
        [ -S "$socket" ] && return 0
        kill -0 "$server" 2>/dev/null || { echo "the server ended early: $*"; return 1; }
        sleep 0.1
    done
    echo "the server does not listen: $*"
    return 1
}

# The server has to end by SIGTERM as it should: no crash, no leak, nothing that a sanitizer found.
stop_server() {
    local status=0
    kill "$server"
    wait "$server" || status=$?
    server=
    [ "$status" -eq 0 ] || { echo "the server ended with $status"; return 1; }
}
