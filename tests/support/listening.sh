# SPDX-License-Identifier: LGPL-2.1-or-later
# To wait for a server. Its socket is a file from bind(2) on, and takes nobody before listen(2).

# is_listening SOCKET: by the flag __SO_ACCEPTCON of the kernel's table; a connection to try it would be one that the test
# did not make.
is_listening() {
    awk -v path="$1" '$4 == "00010000" && $8 == path { found = 1 } END { exit !found }' /proc/net/unix
}

# until_listening SOCKET PID: returns when the process takes connections; 1: it has ended, or does not after 20 seconds.
until_listening() {
    for _ in $(seq 200); do
        ! is_listening "$1" || return 0
        kill -0 "$2" 2>/dev/null || { echo "the server ended early"; return 1; }
        sleep 0.1
    done
    echo "the server does not listen"
    return 1
}
