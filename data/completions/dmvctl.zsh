#compdef dmvctl
# SPDX-License-Identifier: LGPL-2.1-or-later
# zsh completion for dmvctl. Objects are asked from the daemon; without one there are just no objects.

local curcontext=$curcontext state line
local -A opt_args

# One column of a table of dmvctl, with the options that say which daemon.
_dmvctl_ask() {
    local -a where
    local option
    for option in --root --sysfs --procfs --address; do
        [[ -n ${opt_args[$option]} ]] && where+=($option ${opt_args[$option]})
    done
    dmvctl $where --timeout=5 $1 --no-headings --fields $2 ${@[3,-1]} 2>/dev/null | sort -u
}

_dmvctl_add() {
    local -a words
    words=(${(f)"$(_dmvctl_ask ${@[2,-1]})"})
    compadd -X "$1" -a words
}

_dmvctl_drivers() { _dmvctl_add drivers list driver }
_dmvctl_installed() { _dmvctl_add releases list name --installed }
_dmvctl_releases() { _dmvctl_add releases list name --all }
_dmvctl_available() { _dmvctl_add releases list name --all --available }
_dmvctl_generations() { _dmvctl_add generations generations number }
_dmvctl_entries() { _dmvctl_add entries history number; compadd last }
_dmvctl_objects() {
    _dmvctl_add drivers list driver --all
    _dmvctl_add releases list name --all
    _dmvctl_add devices devices slot
}
_dmvctl_selectable() { _dmvctl_drivers; _dmvctl_installed }
_dmvctl_streams() {
    local -a words
    words=(${(f)"$(dmvctl --timeout=5 describe 2>/dev/null | sed -n 's/^\(streams\|  *\)  *\([^ ]*\): .*/\2/p')"})
    compadd -X streams -a words
}

local -a verbs common table dry because
verbs=(
    'status:the state of the host, and what to do next'
    'list:releases of the drivers that this host needs'
    'show:one driver in full, with every release'
    'devices:PCI devices and the drivers that support them'
    'why:explain why a driver, device or release is as it is'
    'why-not:explain what keeps a release from being used'
    'plan:what would change: files, and what every kernel loads'
    'impact:guests of a Xen host that a change would affect'
    'refresh:fetch and verify the catalogs of the streams'
    'install:install releases for all kernels that they support'
    'import:take catalog and releases from a driver disk'
    'remove:remove installed releases that are not selected'
    'select:select what a driver shall be'
    "deselect:go back to the kernel's own driver"
    'undo:take back changes that the history names'
    'pin:keep the selection of a driver from being changed'
    'unpin:undo pin'
    'activate:apply the plan now, all of it or nothing'
    'rollback:go back to an earlier generation'
    'commit:declare the current generation good'
    'history:what was done, newest first'
    'generations:generations that are kept, newest first'
    'verify:compare disk, indexes and kernel with what was planned'
    'doctor:look for every known trap, and say what to do'
    'check-kernel:would this kernel load what is selected?'
    'rescan:look at the host again after packages or kernels changed'
    'monitor:watch for changes until Ctrl-C'
    'boot:tell of a boot, before its drivers are loaded'
    'health:report the health of the drivers, and of what is named'
    'stop-guests:shut down or save guests before a reboot'
    'restore-guests:bring back the guests that were saved'
    'describe:versions, roots, kernels and streams'
    'help:show the verbs, or the help of a verb'
    'version:show the version of dmvctl'
)
common=(
    '(-h --help)'{-h,--help}'[show help]'
    '--version[show the version of dmvctl]'
    '(-j --json)'{-j,--json=-}'[print JSON, errors too]::form:(pretty short)'
    '--color=[use colours]:when:(auto always never)'
    '--timeout=[give up without an answer; 0\: never]:seconds:'
    '(-H --host)'{-H+,--host=}'[run dmvctl on that host, by ssh]:host:_hosts'
    '--address=[socket of the daemon]:socket:_files'
    '--root=[work on that root, without a running daemon]:folder:_directories'
    '--sysfs=[read the hardware from there]:folder:_directories'
    "--procfs=[read the kernel's state from there]:folder:_directories"
)
table=('(-f --fields)'{-f+,--fields=}'[columns to show, in that order]:fields:' "--no-headings[no line with the columns' names]")
dry=('(-n --dry-run)'{-n,--dry-run}'[check and show, change nothing]')
accept='--accept-lifeline[although the host may not come back]'
guests='--accept-guests[although guests that run are affected]'
because=('--because=[why; kept in the history]:text:')

_arguments -C $common '1:verb:->verb' '*::argument:->argument' && return
if [[ $state == verb ]]; then
    _describe verb verbs
    return
fi
case $line[1] in
status) _arguments $common $table '--check[exit status 11 if a reboot is pending]' ;;
list)
    _arguments $common $table '(-a --all)'{-a,--all}'[show everything, not only what fits]' \
        '--installed[only installed releases]' '--available[only releases that a stream offers]'
    ;;
show) _arguments $common $table '1:object:_dmvctl_objects' ;;
devices)
    _arguments $common $table '(-a --all)'{-a,--all}'[virtual functions, too]' \
        '(-u --unclaimed)'{-u,--unclaimed}'[only devices without a driver]'
    ;;
why) _arguments $common '1:object:_dmvctl_objects' ;;
impact) _arguments $common $table '1:object:_dmvctl_objects' ;;
why-not) _arguments $common '1:release:_dmvctl_releases' ;;
plan) _arguments $common '(-a --all)'{-a,--all}'[show everything, not only what fits]' '--detailed-exit-code[exit status 10 if there are changes]' ;;
refresh) _arguments $common '--allow-stale[accept a catalog that has expired]' '1:stream:_dmvctl_streams' ;;
install)
    _arguments $common $dry '--any-hardware[although no device here is supported]' '*:release:_dmvctl_available'
    ;;
import)
    _arguments $common $dry '--any-hardware[although no device here is supported]' '1:driver disk:_files'
    ;;
remove) _arguments $common $dry '*:release:_dmvctl_installed' ;;
select)
    _arguments $common $dry $because $accept $guests '--now[switch at once]' '--any-hardware[although no device here is supported]' \
        '1:release:_dmvctl_selectable' '2:selection:(recommended inbox)'
    ;;
deselect) _arguments $common $dry $because $accept $guests '--now[switch at once]' '1:driver:_dmvctl_drivers' ;;
undo) _arguments $common $dry $because $accept $guests '--now[switch at once]' '1:entries (last, N or N..M):_dmvctl_entries' ;;
pin) _arguments $common $because '--until=[last day]:date (YYYY-MM-DD):' '1:driver:_dmvctl_drivers' ;;
unpin) _arguments $common '1:driver:_dmvctl_drivers' ;;
activate) _arguments $common $dry $accept $guests '--shutdown[the host goes down now]' ;;
rollback) _arguments $common $dry $because '--staged[at the next reboot]' \
    '--accept-revoked[although a release was revoked since then]' '1:generation:_dmvctl_generations' ;;
history) _arguments $common $table '(-a --all)'{-a,--all}'[all that are kept]' '--limit=[entries to show]:number:' '1:driver:_dmvctl_drivers' ;;
generations) _arguments $common $table ;;
rescan) _arguments $common $guests '--now[apply at once]' ;;
health) _arguments $common '--waited=[wait for links, after so long]:seconds:' ;;
help) _arguments '1:verb:((${verbs}))' ;;
*) _arguments $common ;;
esac
