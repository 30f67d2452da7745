# SPDX-License-Identifier: LGPL-2.1-or-later
# What the tests of the wire share: a scratch folder and a server that is up when it is asked.
set -eu -o pipefail
: "${DMV_BUILD:?}" "${DMV_SOURCE:?}"
. "$DMV_SOURCE/tests/support/listening.sh"

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

# start_server SOCKET COMMAND...: sets $server, returns when it listens.
start_server() {
    local socket=$1
    shift
    "$@" &
    server=$!
    until_listening "$socket" "$server" || { echo "it was: $*"; return 1; }
}

# The server has to end by SIGTERM as it should: no crash, no leak, nothing that a sanitizer found.
stop_server() {
    local status=0
    kill "$server"
    wait "$server" || status=$?
    server=
    [ "$status" -eq 0 ] || { echo "the server ended with $status"; return 1; }
}
