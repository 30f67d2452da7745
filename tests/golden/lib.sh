# SPDX-License-Identifier: LGPL-2.1-or-later
# What the golden tests share: a scratch host with a real index, a recorded server's hardware, a real stream over HTTP, and the
# real binaries of the build on it.
#
# To be sourced after `set -eu -o pipefail`. Afterwards: $scratch (removed at exit), $root, $K1 and $K2 (its kernels), $stream
# (folder of dmv-publish), and dmvctl set up to work on the scratch host.

. "$DMV_SOURCE/tests/support/small-modules.sh"
. "$DMV_SOURCE/tests/support/pristine-host.sh"
. "$DMV_SOURCE/tests/support/listening.sh"

publish=$DMV_BUILD/bin/dmv-publish
K1=${DMV_PRISTINE_KERNELS[0]} K2=${DMV_PRISTINE_KERNELS[1]}
scratch=$(mktemp -d)
root=$scratch/root
stream=$scratch/stream
server_pid=

golden_exit() {
    local status=$?
    [[ -z $server_pid ]] || kill "$server_pid" 2>/dev/null || true
    [[ ! -d $scratch/memory ]] || umount -l "$scratch/memory" || true
    rm -rf "$scratch"
    exit "$status"
}
trap golden_exit EXIT

# golden_memory: $scratch/memory, a filesystem in memory, for tests that would wait for a disk most of the time.
golden_memory() {
    mkdir "$scratch/memory"
    mount -t tmpfs dmv-golden "$scratch/memory"
}

fail() {
    echo "FAIL: $*" >&2
    [[ ! -s $scratch/out ]] || sed 's/^/  out: /' "$scratch/out" >&2
    [[ ! -s $scratch/err ]] || sed 's/^/  err: /' "$scratch/err" >&2
    exit 1
}

equal() { [[ $1 == "$2" ]] || fail "$3: got '$1', want '$2'"; }

dmvctl() { "$DMV_BUILD/bin/dmvctl" "$@"; }

# ok COMMAND...: has to end with 0. Its output is in $scratch/out and err.
ok() {
    "$@" >"$scratch/out" 2>"$scratch/err" || fail "'$*' ended with $?"
}

# refused STATUS REASON ARGUMENTS...: dmvctl has to refuse with that exit status and reason code.
refused() {
    local want=$1 reason=$2 status=0
    shift 2
    dmvctl --json "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
    equal "$status" "$want" "exit status of dmvctl $*"
    equal "$(json '["error"]["reason"]' <"$scratch/out")" "$reason" "reason of dmvctl $*"
}

# json EXPRESSION: a Python subscript over the JSON on standard input; what is not there is empty.
json() {
    python3 -c '
import json, sys
try:
    v = eval("json.load(sys.stdin)" + sys.argv[1])
except (KeyError, IndexError):
    v = None
print("" if v is None else str(v).lower() if isinstance(v, bool) else v)' "$1"
}

# driver NAME EXPRESSION: of the driver as `dmvctl show` says it.
driver() { dmvctl --json show "$1" | json "['driver']$2"; }

# golden_host [RECORDED-HOST]: the scratch host and the hardware.
golden_host() {
    dmv_pristine_host "$root"
    "$DMV_SOURCE/tests/hosts/make-host" "$DMV_SOURCE/tests/hosts/${1:-qemu-q35}.host" "$scratch/hardware"
    export DMV_ROOT=$root DMV_SYSFS=$scratch/hardware/sys DMV_PROCFS=$scratch/hardware/proc DMV_LIBEXECDIR=${DMV_TESTED_LIBEXECDIR:-$DMV_BUILD/bin}
}

# golden_memory_host: a host and a stream of releases, on a filesystem in memory.
golden_memory_host() {
    golden_memory
    root=$scratch/memory/root
    golden_host
    golden_stream
}

# held_by NAME ARGUMENT...: NAME.py beside this against dmvd, with a depmod that can be held in the middle of an activation
held_by() {
    local name=$1
    shift
    (
        cd "$scratch"
        unset DMV_ROOT
        "$DMV_SOURCE/tests/support/with-depmod" "$DMV_SOURCE/tests/support/held-depmod/depmod" python3 \
            "$DMV_SOURCE/tests/golden/$name.py" "$DMV_BUILD/bin/dmvd" "$root" "$DMV_SYSFS" "$DMV_PROCFS" "$@"
    ) || fail "$name.py"
}

e1000e_alias='pci:v00008086d000010D3sv*sd*bc*sc*i*'

# golden_module OUT NAME KVER VERSION VARIANT [OPTION...]: a small module with a note.
golden_module() {
    local out=$1 name=$2 kver=$3 version=$4 variant=$5
    shift 5
    mkdir -p "$(dirname "$out")"
    dmv_small_module "$out" "$name" "$kver" --version "$version" --variant "$variant" --note-version "$version" "$@"
}

# golden_release VERSION VARIANT [OPTION of dmv-publish release...]: intel-e1000e for both kernels.
golden_release() {
    local version=$1 variant=$2 kver
    shift 2
    for kver in "$K1" "$K2"; do
        golden_module "$scratch/modules/$kver/$variant-$version/e1000e.ko" e1000e "$kver" "$version" "$variant" \
            --alias "$e1000e_alias"
        "$publish" release "$stream" --driver intel-e1000e --variant "$variant" --version "$version" --kernel "$kver" \
            --module "$scratch/modules/$kver/$variant-$version/e1000e.ko" --type network "$@" >"$scratch/out" 2>"$scratch/err" ||
            fail "dmv-publish release $version"
    done
}

golden_publish() { "$publish" publish "$stream" >"$scratch/out" 2>"$scratch/err" || fail "dmv-publish publish"; }

# golden_serve: the repository over HTTP on loopback; sets $url.
golden_serve() {
    python3 - "$stream/repo" "$scratch/port" <<'PY' >/dev/null 2>&1 &
import functools, http.server, os, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
open(sys.argv[2] + ".tmp", "w").write(str(server.server_address[1]))
os.rename(sys.argv[2] + ".tmp", sys.argv[2])
server.serve_forever()
PY
    server_pid=$!
    local i
    for ((i = 0; i < 100; i++)); do
        [[ ! -e $scratch/port ]] || break
        sleep 0.1
    done
    url=http://127.0.0.1:$(cat "$scratch/port")/
}

# golden_subscribe NAME URL: the host trusts the stream and knows where it is.
golden_subscribe() {
    mkdir -p "$root/etc/dmv/streams.d" "$root/etc/dmv/trust"
    cp -r "$stream/trust/." "$root/etc/dmv/trust/"
    printf '[stream]\nname=%s\nurl=%s\n' "$1" "$2" >"$root/etc/dmv/streams.d/$1.conf"
}

# golden_stream: three releases of intel-e1000e, published, served, subscribed and refreshed.
golden_stream() {
    "$publish" init "$stream" --stream demo >"$scratch/out" 2>"$scratch/err" || fail "dmv-publish init"
    golden_release 3.8.7 generic --recommended
    golden_release 3.9.0 generic
    golden_release 4.0.0 alt --tier alternate
    golden_publish
    golden_serve
    golden_subscribe demo "$url"
}

# effective KVER MODULE: the file that the real modprobe would insert, relative to the kernel's folder.
effective() { dmv_would_load "$root" "$1" "$2" | tail -n1; }

# snapshot: every file, link and mode of the host but the daemon's own state, to compare before and after.
snapshot() {
    (cd "$root" && find . -path ./var/lib/dmv -prune -o -path ./run -prune -o -printf '%p %y %m [%l] ' \
        \( -type f -exec sha256sum {} \; -o -printf '\n' \) | sed 's/  .*//' | LC_ALL=C sort)
}

no_leftovers() {
    local found
    found=$(find "$root" -name '.staging-*' -o -name '.removed-*' -o -name '*.tmp' -o -name '*.next' -o -name .dmv-new -o -name journal -o -name .dmv-index -o -name .dmv-switch)
    [[ -z $found ]] || fail "left behind: $found"
}
