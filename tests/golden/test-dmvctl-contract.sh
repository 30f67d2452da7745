#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The contract of dmvctl: help, screens, exit statuses, JSON, errors. Against a real Varlink server with canned
# replies (tests/support/bin/fake-manager.c), so every screen and every error can be had.
#
# DMV_REGENERATE=1 writes the expected screens anew, to be reviewed with git diff.
set -u
. "$DMV_SOURCE/tests/support/listening.sh"
unset DMV_ROOT DMV_SYSFS DMV_PROCFS DMV_ADDRESS NO_COLOR

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
dmvctl=$DMV_BUILD/bin/dmvctl
golden=$DMV_SOURCE/tests/golden
expected=$golden/replies/expected
mkdir "$scratch/libexec" "$scratch/replies" "$scratch/bin" "$scratch/root"
ln -s "$DMV_BUILD/tests/bin/fake-manager" "$scratch/libexec/dmvd"
export DMV_LIBEXECDIR=$scratch/libexec FAKE_REPLIES=$golden/replies/host FAKE_LOG=$scratch/log TERM=xterm
failures=0

fail() {
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}

# run ARGS...: runs dmvctl on a root; sets $status, leaves $scratch/out and $scratch/err
run() {
    : >"$FAKE_LOG"
    timeout 60 "$dmvctl" --root "$scratch/root" "$@" >"$scratch/out" 2>"$scratch/err"
    status=$?
    last="dmvctl $*"
}

expect_status() {
    [ "$status" = "$1" ] || fail "$last: exit status $status instead of $1: $(cat "$scratch/err")"
}

expect_err() {
    grep -qF -- "$1" "$scratch/err" || fail "$last: no '$1' in the messages: $(cat "$scratch/err")"
}

expect_no_out() {
    [ ! -s "$scratch/out" ] || fail "$last: data on standard output: $(cat "$scratch/out")"
}

expect_call() {
    grep -qxF -- "$1" "$FAKE_LOG" || fail "$last: the daemon did not get '$1': $(cat "$FAKE_LOG")"
}

# python EXPRESSION: checks something about the JSON on standard output, called o
expect_json() {
    python3 -c '
import json, sys
o = json.load(open(sys.argv[1]))
sys.exit(0 if eval(sys.argv[2]) else 1)' "$scratch/out" "$1" || fail "$last: not $1: $(cat "$scratch/out")"
}

# reply METHOD JSON: what the daemon answers from now on
reply() {
    export FAKE_REPLIES=$scratch/replies
    printf '%s\n' "$2" >"$scratch/replies/$1.json"
}

verbs=$("$dmvctl" help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p')

check_help() {
    [ "$(echo "$verbs" | wc -w)" = 30 ] || fail "the overview lists $(echo "$verbs" | wc -w) verbs"
    for args in "help" "--help" "-h" $(for v in $verbs; do echo "help:$v" "$v:--help"; done); do
        # shellcheck disable=SC2086
        "$dmvctl" ${args/:/ } >"$scratch/out" 2>"$scratch/err"
        status=$?
        last="dmvctl ${args/:/ }"
        expect_status 0
        [ -s "$scratch/err" ] && fail "$last: writes messages"
        head -1 "$scratch/out" | grep -q '^Usage: dmvctl ' || fail "$last: does not begin with the usage"
        awk 'length($0) > 80 { print; bad = 1 } END { exit bad }' "$scratch/out" || fail "$last: wider than 80 columns"
    done
    "$dmvctl" --version | grep -qx 'dmvctl [0-9.]*' || fail "--version"
}

# screen NAME STATUS ARGS...: both streams and the status against the file
screen() {
    local name=$1 want=$2
    shift 2
    run "$@"
    expect_status "$want"
    { cat "$scratch/out"; echo "--- messages"; cat "$scratch/err"; } >"$scratch/screen"
    [ -n "${DMV_REGENERATE:-}" ] && cp "$scratch/screen" "$expected/$name.txt"
    diff -u "$expected/$name.txt" "$scratch/screen" >&2 || fail "$last: another screen than $name.txt"
    ! grep -q $'\033' "$scratch/screen" || fail "$last: an escape sequence reached a pipe"
}

check_screens() {
    export FAKE_REPLIES=$golden/replies/host
    screen status 0
    screen status 0 status
    screen status 11 status --check
    screen list 0 list
    screen list-available 0 list --available --no-headings
    screen list-fields 0 list --all --fields name,sequence,size,trial,reasons,description
    screen show 0 show intel-e1000e
    screen devices 0 devices
    screen devices-unclaimed 0 devices -u -f slot,ids,class-id
    screen why 0 why eth0
    screen why-not 0 why-not intel-e1000e/alt@3.9.0
    screen plan 0 plan
    screen plan 10 plan --detailed-exit-code
    screen plan-all 0 plan --all
    screen impact 0 impact
    screen impact-fields 0 impact --no-headings --fields guest,id,uuid,type,boot,target,channels,modules
    screen refresh 0 refresh
    screen install 0 install intel-e1000e
    screen install-dry-run 0 install -n intel-e1000e
    screen import 7 import "$golden/replies/host/Import.json"
    screen import-dry-run 7 import --dry-run "$golden/replies/host/Import.json"
    screen remove 0 remove intel-e1000e/generic@3.8.4
    screen select 0 select intel-e1000e/generic
    screen deselect 0 deselect intel-e1000e
    screen undo 0 undo 7..8
    screen pin 0 pin intel-e1000e --until 2027-01-31 --because XSI-123
    screen unpin 0 unpin intel-e1000e
    screen activate 0 activate
    screen rollback 0 rollback
    screen commit 0 commit
    screen history 0 history
    screen generations 0 generations
    screen verify 10 verify
    screen doctor 10 doctor
    screen check-kernel 10 check-kernel 6.1.0-60-amd64
    screen rescan 0 rescan
    screen monitor 0 monitor
    screen describe 0 describe
    screen boot 0 boot
    screen health 11 health
    screen stop-guests 1 stop-guests
    screen restore-guests 0 restore-guests
    export FAKE_REPLIES=$golden/replies/empty
    screen empty-status 0 status
    screen empty-list 0 list
    screen empty-list-all 0 list --all
    screen empty-devices 0 devices
    screen empty-history 0 history
    screen empty-generations 0 generations
    screen empty-plan 0 plan
    screen empty-impact 0 impact
    screen empty-impact-driver 0 impact intel-e1000e
    screen empty-rescan 0 rescan
    screen empty-activate 0 activate
    screen empty-stop-guests 0 stop-guests
    screen empty-restore-guests 0 restore-guests
}

check_requests() {
    export FAKE_REPLIES=$golden/replies/host
    run list --all --installed && expect_call 'ListDrivers {"all":true,"installed":true}'
    run devices --all && expect_call 'ListDevices {"all":true}'
    run refresh main --allow-stale && expect_call 'Refresh {"stream":"main","allowStale":true}'
    run install a/b@1 c --any-hardware --dry-run
    expect_call 'Install {"release":"a/b@1","anyHardware":true,"dryRun":true}'
    expect_call 'Install {"release":"c","anyHardware":true,"dryRun":true}'
    run import "$golden/replies/host/Import.json" --any-hardware -n && expect_call 'Import {"anyHardware":true,"dryRun":true}'
    run import "$scratch/not-there" && expect_status 3
    run activate --shutdown && expect_call 'Activate {"shutdown":true}'
    run health "the bond has no link" && expect_call 'Health {"problems":["the bond has no link"]}'
    run health --waited 7 -- x && expect_call 'Health {"problems":["x"],"waited":7}'
    run boot && expect_call 'Boot {}'
    run stop-guests && expect_call 'StopGuests {}'
    run restore-guests && expect_call 'RestoreGuests {}'
    run remove a/b@1 -n && expect_call 'Remove {"release":"a/b@1","dryRun":true}'
    run select a dell@2 --now --because 'a "reason"' -n
    expect_call 'Select {"object":"a/dell@2","now":true,"because":"a \"reason\"","dryRun":true}'
    run select a recommended && expect_call 'Select {"object":"a","selection":"recommended"}'
    run select a inbox --any-hardware && expect_call 'Select {"object":"a","selection":"inbox","anyHardware":true}'
    run select a/b@1 && expect_call 'Select {"object":"a/b@1"}'
    run deselect a --now --because x && expect_call 'Deselect {"driver":"a","now":true,"because":"x"}'
    run undo last --now --because x && expect_call 'Undo {"now":true,"because":"x"}'
    run undo 7 -n --accept-lifeline && expect_call 'Undo {"first":7,"dryRun":true,"acceptLifeline":true}'
    run undo 7..9 && expect_call 'Undo {"first":7,"last":9}'
    run pin a --until 2027-01-31T12:00:00Z && expect_call 'Pin {"driver":"a","until":"2027-01-31T12:00:00Z"}'
    run pin a --until 2027-01-31 && expect_call 'Pin {"driver":"a","until":"2027-01-31T23:59:59Z"}'
    run rollback 7 --staged --because x -n
    expect_call 'Rollback {"generation":7,"now":false,"because":"x","dryRun":true}'
    run rollback --accept-revoked && expect_call 'Rollback {"acceptRevoked":true}'
    run activate -n && expect_call 'Activate {"dryRun":true}'
    run activate --accept-lifeline && expect_call 'Activate {"acceptLifeline":true}'
    run select a/b@1 --now --accept-lifeline && expect_call 'Select {"object":"a/b@1","now":true,"acceptLifeline":true}'
    run deselect a --accept-lifeline && expect_call 'Deselect {"driver":"a","acceptLifeline":true}'
    run select a/b@1 --now --accept-guests && expect_call 'Select {"object":"a/b@1","now":true,"acceptGuests":true}'
    run deselect a --accept-guests && expect_call 'Deselect {"driver":"a","acceptGuests":true}'
    run activate --accept-guests && expect_call 'Activate {"acceptGuests":true}'
    run rescan --accept-guests && expect_call 'Rescan {"acceptGuests":true}'
    run impact && expect_call 'Impact {}'
    run impact eth0 && expect_call 'Impact {"driver":"eth0"}'
    run rescan --now && expect_call 'Rescan {"now":true}'
    run history a --limit 3 && expect_call 'History {"driver":"a","limit":3}'
    run history --all && expect_call 'History {"all":true}'
    run check-kernel 6.1 && expect_call 'CheckKernel {"kernel":"6.1"}'
    run why-not a/b@1 && expect_call 'WhyNot {"release":"a/b@1"}'
    run why -- -x && expect_call 'Why {"object":"-x"}'
    run --sysfs /s --procfs /p status
    printf 'option %s\n' --root "$scratch/root" --sysfs /s --procfs /p | diff - <(grep ^option "$FAKE_LOG") ||
        fail "the daemon was not started with the options"
    : >"$FAKE_LOG"
    DMV_ROOT=/r DMV_SYSFS=/s DMV_PROCFS=/p "$dmvctl" status >"$scratch/out" 2>&1
    printf 'option %s\n' --root /r --sysfs /s --procfs /p | diff - <(grep ^option "$FAKE_LOG") ||
        fail "the daemon was not started as the environment says"
}

check_usage() {
    while read -r line; do
        # shellcheck disable=SC2086
        run $line
        expect_status 2
        expect_no_out
        expect_err "dmvctl: "
        expect_err "next: "
        [ -s "$FAKE_LOG" ] && fail "$last: called the daemon"
    done <<'LINES'
frobnicate
stat
impact a b
list extra
list --frobnicate
list -x
list --now
show
show a b
install
select
select a b c
select a/b c
pin a --until
pin a --until tomorrow
pin a --until 2027-02-30
rollback x
rollback -1
health --waited x
rollback 4294967296
rollback --now --staged
history --limit x
history --limit -1
undo
undo 1 2
undo x
undo 1..
undo ..2
undo 1..last
undo -- -1
undo 1...2
undo last..2
list --fields
list --fields frobnicate
list --fields driver,,state
list --color=blue
list --timeout x
help frobnicate
--address /x --root /y list
--host -oProxyCommand=x status
LINES
    run slect
    expect_err "next: dmvctl select"
    run list --fields nonsense
    expect_err "there are driver,release,state,"
    run list --json=xml
    expect_status 2
    run list --frobnicate --json
    expect_status 2
    expect_json 'o["error"]["exit"] == 2 and o["error"]["reason"] == "invalid-request"'
}

# Every error becomes an exit status, words on standard error, and JSON on standard output.
check_errors() {
    while read -r id reason want; do
        reply Select "[{\"error\":\"io.dmv.Manager.$id\",\"parameters\":{\"reason\":\"$reason\",
            \"what\":\"cannot select intel-ice\",\"why\":\"pinned \\u001b[31muntil\",\"next\":\"dmvctl unpin intel-ice\"}}]"
        run select intel-ice/dell
        expect_status "$want"
        expect_no_out
        printf 'dmvctl: cannot select intel-ice: pinned ?[31muntil\n  next: dmvctl unpin intel-ice\n' |
            diff - "$scratch/err" || fail "$last: other words for $reason"
        run select intel-ice/dell --json
        expect_status "$want"
        printf '{"error":{"id":"io.dmv.Manager.%s","reason":"%s","what":"cannot select intel-ice",%s,"exit":%s}}\n' \
            "$id" "$reason" '"why":"pinned \u001b[31muntil","next":"dmvctl unpin intel-ice"' "$want" |
            diff - "$scratch/out" || fail "$last: other JSON for $reason"
        [ -s "$scratch/err" ] && fail "$last: words and JSON: $(cat "$scratch/err")"
    done <<'LINES'
NoSuchObject no-such-driver 3
NoSuchObject no-such-generation 3
InvalidRequest invalid-name 2
Denied denied 4
Refused pinned 6
Refused no-hardware 6
Refused ambiguous 2
VerificationFailed module-unsigned 7
VerificationFailed below-threshold 7
StreamUnavailable stream-timeout 5
Unreachable unreachable 5
Denied authentication-required 4
Denied no-authority 4
Busy busy 8
NoSpace no-space 1
Failed undone 1
Failed prediction-failed 7
NoSuchObject of-a-newer-daemon 3
Refused of-a-newer-daemon 6
VerificationFailed of-a-newer-daemon 7
Busy of-a-newer-daemon 8
Failed of-a-newer-daemon 1
OfANewerDaemon of-a-newer-daemon 1
LINES
    reply Commit '[{"error":"org.varlink.service.PermissionDenied"}]'
    run commit
    expect_status 4
    expect_err "dmvctl: cannot commit: only root may do that"
    expect_err "next: run this as root"
    run commit --json
    expect_json 'o["error"]["id"] == "org.varlink.service.PermissionDenied" and o["error"]["exit"] == 4'
    reply Commit '[{"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"x"}}]'
    run commit
    expect_status 2
    reply Commit '[{"error":"org.varlink.service.MethodNotFound","parameters":{"method":"x"}}]'
    run commit
    expect_status 5
    # replies that make no sense are shown as far as they go, and never break anything
    reply Status '[{"parameters":{}}]'
    run status
    expect_status 0
    reply Status '[{"parameters":{"drivers":[1,null,{"name":7,"modules":"x","problems":{}}],"streams":{"a":1},"generation":[]}}]'
    run status
    expect_status 0
    reply Verify '[{"parameters":{}}]'
    run verify
    expect_status 10
    # one release that is refused does not keep the next one from being tried, and is not forgotten
    reply Install '[{"error":"io.dmv.Manager.Refused","parameters":{"reason":"no-hardware"}}]'
    run install a b
    expect_status 6
    expect_call 'Install {"release":"b"}'
    expect_err "dmvctl: cannot install a: "
}

check_json() {
    export FAKE_REPLIES=$golden/replies/host
    for file in "$FAKE_REPLIES"/*.json; do
        method=$(basename "$file" .json)
        case $method in
        ListDrivers) verb="list" ;;
        ListDevices) verb="devices" ;;
        ListGenerations) verb="generations" ;;
        CheckKernel) verb="check-kernel x" ;;
        WhyNot) verb="why-not x" ;;
        Monitor) continue ;;
        Import) verb="import $file" ;;
        Undo) verb="undo last" ;;
        Show | Why | Install | Remove | Select | Deselect | Pin | Unpin) verb="${method,,} x" ;;
        StopGuests) verb=stop-guests ;;
        RestoreGuests) verb=restore-guests ;;
        *) verb=${method,,} ;;
        esac
        for mode in --json --json=pretty --json=short -j; do
            # shellcheck disable=SC2086
            run $verb $mode
            case $method in
            Import) expect_status 7 ;;
            Verify | Doctor | CheckKernel) expect_status 10 ;;
            Health) expect_status 11 ;;
            StopGuests) expect_status 1 ;;
            *) expect_status 0 ;;
            esac
            case $mode in
            --json) expect_json "o == json.load(open('$file'))[-1]['parameters']" && mv "$scratch/out" "$scratch/json" ;;
            --json=pretty) expect_json "o == json.load(open('$scratch/json'))" ;;
            *) cmp -s "$scratch/json" "$scratch/out" && [ "$(wc -l <"$scratch/out")" = 1 ] || fail "$last: other JSON" ;;
            esac
        done
    done
    run list --available --installed --json
    expect_json 'all(r["available"] for d in o["drivers"] for r in d["releases"])'
    run devices --unclaimed --json
    expect_json '[d["slot"] for d in o["devices"]] == ["0000:42:00.0"]'
    run monitor --json
    [ "$(wc -l <"$scratch/out")" = 4 ] || fail "monitor --json: not one event a line"
    python3 -c 'import json, sys; [json.loads(line) for line in sys.stdin]' <"$scratch/out" || fail "monitor --json"
    run version --json
    expect_json 'o["product"] == "dmv"'
    # a control character that terminals obey is escaped, and is still the same string
    reply Commit '[{"parameters":{"generation":1,"x":"\u009b31m\u007f\\\"{},:"}}]'
    for mode in pretty short; do
        run commit --json=$mode
        expect_json 'o["x"] == "\u009b31m\u007f\\\"{},:"'
        ! LC_ALL=C grep -qP '[\x80-\x9f\x7f]' "$scratch/out" || fail "$last: raw control character"
    done
}

check_unreachable() {
    export FAKE_REPLIES=$golden/replies/host
    "$dmvctl" --address "$scratch/nothing" status >"$scratch/out" 2>"$scratch/err"
    status=$? last="no socket"
    expect_status 5
    expect_err "cannot reach the daemon at $scratch/nothing: there is no such socket"
    expect_err "next: systemctl start dmvd.socket"
    DMV_ADDRESS=$scratch/nothing "$dmvctl" --json status >"$scratch/out" 2>"$scratch/err"
    status=$?
    expect_status 5
    expect_json 'o["error"]["id"] == "io.dmv.Manager.Unreachable" and o["error"]["exit"] == 5'
    DMV_LIBEXECDIR=$scratch/nothing "$dmvctl" --root "$scratch/root" status >"$scratch/out" 2>"$scratch/err"
    status=$? last="no dmvd"
    expect_status 5
    expect_err "cannot start $scratch/nothing/dmvd: No such file or directory"
    reply Status '[{"exit": 3}]'
    run status
    expect_status 5
    expect_err "dmvd failed: it ended with status 3"
    reply Status '[{"hang": true}]'
    run status --timeout 1
    expect_status 5
    expect_err "the daemon does not answer"
}

check_socket() {
    export FAKE_REPLIES=$golden/replies/host
    "$DMV_BUILD/tests/bin/fake-manager" --socket "$scratch/socket" &
    local pid=$!
    until_listening "$scratch/socket" $pid || fail "fake-manager does not listen"
    "$dmvctl" --address "$scratch/socket" status >"$scratch/out" 2>"$scratch/err" || fail "by --address"
    DMV_ADDRESS=$scratch/socket "$dmvctl" status >"$scratch/out2" 2>&1 || fail "by DMV_ADDRESS"
    grep -q intel-e1000e "$scratch/out" || fail "by --address: no screen"
    kill $pid
    wait $pid 2>/dev/null
    "$dmvctl" --address "$scratch/socket" status >"$scratch/out" 2>"$scratch/err"
    status=$? last="dead socket"
    expect_status 5
    expect_err "nobody listens there"
}

# interrupted ARGS...: runs dmvctl like an interactive shell does (SIGINT not ignored), with Ctrl-C after its first line
interrupted() {
    python3 - "$dmvctl" --root "$scratch/root" "$@" 2>"$scratch/err" <<'PYTHON'
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
p = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
sys.stderr.write(p.stdout.readline().decode())
p.send_signal(signal.SIGINT)
sys.stderr.write(p.stdout.read().decode())
sys.exit(p.wait(30))
PYTHON
    status=$? last="Ctrl-C in dmvctl $*"
}

check_interrupt() {
    reply Install '[{"parameters":{"job":{"action":"install","object":"a","phase":"download"}}},{"hang":true}]'
    interrupted install a
    expect_status 1
    expect_err "install a: download"
    expect_err "cannot install a: stopped"
    reply Monitor '[{"parameters":{"type":"ready","time":"2026-11-23T03:00:00Z"}},{"hang":true}]'
    interrupted monitor
    expect_status 0
    [ "$(cat "$scratch/err")" = "2026-11-23T03:00:00Z ready" ] || fail "$last: $(cat "$scratch/err")"
}

check_terminal() {
    export FAKE_REPLIES=$golden/replies/host
    local command="$dmvctl --root $scratch/root"
    script -qec "$command list" /dev/null >"$scratch/tty"
    grep -q $'\033\\[32m' "$scratch/tty" || fail "no colour on a terminal"
    NO_COLOR=1 script -qec "$command list" /dev/null >"$scratch/tty"
    ! grep -q $'\033\\[3' "$scratch/tty" || fail "NO_COLOR is not obeyed"
    TERM=dumb script -qec "$command list" /dev/null >"$scratch/tty"
    ! grep -q $'\033\\[3' "$scratch/tty" || fail "TERM=dumb is not obeyed"
    NO_COLOR=1 script -qec "$command list --color=always" /dev/null >"$scratch/tty"
    grep -q $'\033\\[32m' "$scratch/tty" || fail "--color=always is not obeyed"
    script -qec "$command install a" /dev/null >"$scratch/tty"
    grep -q 'download 50% (91.5 KiB of 183.0 KiB)' "$scratch/tty" || fail "no progress on a terminal"
    script -qec "stty cols 80; $command list --color=never" /dev/null >"$scratch/tty"
    awk '/^next: /{ next } { sub(/\r$/, "") } length($0) > 90 { bad = 1 } END { exit bad }' "$scratch/tty" ||
        fail "a table is wider than the terminal and its words: $(cat "$scratch/tty")"
    grep -q '^ *recommended' "$scratch/tty" || fail "a word was cut: $(cat "$scratch/tty")"
    script -qec "$command status --json" /dev/null >"$scratch/tty"
    [ "$(wc -l <"$scratch/tty")" -gt 10 ] || fail "JSON on a terminal is not pretty"
    run status
    "$dmvctl" --root "$scratch/root" status >/dev/full 2>"$scratch/err"
    status=$? last="a full disk"
    expect_status 1
    expect_err "cannot write the output: "
    "$dmvctl" help >/dev/full 2>"$scratch/err"
    status=$?
    expect_status 1
    expect_err "cannot write the output: No space left on device"
}

# ssh gives its words to a shell at the other end: all of them must arrive as they were.
check_host() {
    cat >"$scratch/bin/ssh" <<'SSH'
#!/bin/sh
[ "$1" = -T ] && [ "$2" = -- ] && [ "$3" = root@xen7 ] || { echo "ssh got: $*" >&2; exit 99; }
shift 3
exec sh -c "$*"
SSH
    cat >"$scratch/bin/dmvctl" <<'REMOTE'
#!/bin/sh
printf '<%s>\n' "$@"
exit 6
REMOTE
    chmod +x "$scratch/bin/ssh" "$scratch/bin/dmvctl"
    # shellcheck disable=SC2016
    PATH=$scratch/bin:$PATH DMV_ROOT=/elsewhere "$dmvctl" --json --host root@xen7 select 'a b' '$(id)' \
        --because "it's; rm -rf * \\ \`x\` \"y\"" --now >"$scratch/out" 2>"$scratch/err"
    status=$? last="--host"
    expect_status 6
    # shellcheck disable=SC2016
    printf '<%s>\n' select --json --because="it's; rm -rf * \\ \`x\` \"y\"" --now -- 'a b' '$(id)' |
        diff - "$scratch/out" || fail "--host: other words at the other end: $(cat "$scratch/err")"
}

# What a page or a completion promises exists, and the other way round.
check_documents() {
    local man=$DMV_SOURCE/docs/man/dmvctl.1.scd shell
    for verb in $verbs; do
        grep -q "^\*$verb\*" "$man" || fail "dmvctl(1) does not have the verb $verb"
        for shell in bash zsh fish; do
            grep -qw -- "$verb" "$DMV_SOURCE/data/completions/dmvctl.$shell" || fail "$shell does not complete $verb"
        done
    done
    for option in $({ "$dmvctl" help; for v in $verbs; do "$dmvctl" help "$v"; done; } |
        grep -o '^ *\(-[a-zA-Z], \)\?--[a-z-]*' | grep -o -- '--[a-z-]*' | sort -u); do
        grep -q -- "\*$option\*\|$option\*" "$man" || fail "dmvctl(1) does not have the option $option"
        for shell in bash zsh fish; do
            grep -q -- "${option#--}" "$DMV_SOURCE/data/completions/dmvctl.$shell" || fail "$shell does not complete $option"
        done
    done
}

# io.dmv.Manager(7) names every error, and every method as reading or changing.
check_interface_page() {
    local page=$DMV_SOURCE/docs/man/io.dmv.Manager.7.scd text=$DMV_SOURCE/src/lib/varlink/io.dmv.Manager.varlink
    for error in $(sed -n 's/^error \([A-Za-z]*\).*/\1/p' "$text"); do
        grep -q "^\(|\|\[\[\)  *$error$" "$page" || fail "io.dmv.Manager(7) does not have the error $error"
    done
    for method in $(sed -n "/\[Supports 'more' flag\]/,/^method/s/^method \([A-Za-z]*\).*/\1/p" "$text"); do
        sed -n '/^# LONG CALLS/,/^# MONITOR/p' "$page" | grep -q "_${method}_" ||
            fail "io.dmv.Manager(7) does not say that $method may take long"
    done
}

# complete WORDS...: what bash would offer for the last word
complete_words() {
    PATH=$DMV_BUILD/bin:$PATH bash -c '
        . "$1"
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
        _dmvctl
        printf "%s\n" "${COMPREPLY[@]}"' bash "$DMV_SOURCE/data/completions/dmvctl.bash" "$@" | xargs
}

# completes WANTED WORDS...
completes() {
    local want=$1 got
    shift
    got=$(complete_words "$@")
    [ "$got" = "$want" ] || fail "completion of '$*' is '$got' instead of '$want'"
}

check_completion() {
    export FAKE_REPLIES=$golden/replies/host
    local here=(dmvctl --root "$scratch/root")
    completes "pin" dmvctl pi
    completes "refresh remove rollback rescan restore-guests" dmvctl --json r
    completes "--color --check" dmvctl status --c
    completes "device driver drivers" dmvctl devices --fields d
    completes "intel-e1000e intel-ixgbe" "${here[@]}" pin ""
    completes "intel-e1000e/alt@3.9.0" "${here[@]}" install intel-e1000e/a
    completes "2 3 4" "${here[@]}" rollback ""
    completes "last 7 8 9" "${here[@]}" undo ""
    completes "main" "${here[@]}" refresh ""
    completes "recommended" "${here[@]}" select intel-e1000e r
    completes "0000:41:00.0 0000:42:00.0" "${here[@]}" why 0000:4
    completes "pretty" dmvctl --json=p
    completes "" dmvctl --root /nonexistent --address /nonexistent pin ""
}

for check in help screens requests usage errors json unreachable socket interrupt terminal host documents interface_page completion; do
    check_$check
done
[ $failures = 0 ] || { echo "$failures failures" >&2; exit 1; }
echo "dmvctl keeps its contract"
