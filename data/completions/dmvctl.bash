# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for dmvctl. Objects are asked from the daemon; without one there are just no objects.

__dmvctl_verbs="status list show devices why why-not plan impact refresh install import remove select deselect undo pin unpin
    activate rollback commit history generations verify doctor check-kernel rescan monitor boot health stop-guests restore-guests describe
    help version"

# The options of a verb, besides the common ones.
__dmvctl_options() {
    case $1 in
    status) echo --check --fields --no-headings ;;
    list) echo --all --installed --available --fields --no-headings ;;
    show | generations) echo --fields --no-headings ;;
    devices) echo --all --unclaimed --fields --no-headings ;;
    plan) echo --all --detailed-exit-code ;;
    impact) echo --fields --no-headings ;;
    refresh) echo --allow-stale ;;
    install | import) echo --any-hardware --dry-run ;;
    remove) echo --dry-run ;;
    activate) echo --dry-run --accept-lifeline --accept-guests --shutdown ;;
    select) echo --now --any-hardware --because --dry-run --accept-lifeline --accept-guests ;;
    deselect | undo) echo --now --because --dry-run --accept-lifeline --accept-guests ;;
    pin) echo --because --until ;;
    rollback) echo --staged --because --dry-run --accept-revoked ;;
    history) echo --limit --all --fields --no-headings ;;
    rescan) echo --now --accept-guests ;;
    health) echo --waited ;;
    esac
}

# One column of a table of dmvctl, with the options that say which daemon.
__dmvctl_ask() {
    dmvctl "${__dmvctl_where[@]}" --timeout=5 "$1" --no-headings --fields "$2" "${@:3}" 2>/dev/null | sort -u
}

__dmvctl_objects() {
    case $1 in
    show | why | impact)
        __dmvctl_ask list driver --all
        __dmvctl_ask list name --all
        __dmvctl_ask devices slot
        __dmvctl_ask devices interface | tr , '\n' | grep -vx -- -
        ;;
    why-not) __dmvctl_ask list name --all ;;
    install) __dmvctl_ask list name --all --available ;;
    remove) __dmvctl_ask list name --installed ;;
    select)
        __dmvctl_ask list driver
        __dmvctl_ask list name --installed
        ;;
    deselect | pin | unpin | history) __dmvctl_ask list driver ;;
    undo)
        echo last
        __dmvctl_ask history number
        ;;
    rollback) __dmvctl_ask generations number ;;
    refresh) dmvctl "${__dmvctl_where[@]}" --timeout=5 describe 2>/dev/null | sed -n 's/^\(streams\|  *\)  *\([^ ]*\): .*/\2/p' ;;
    help) echo "$__dmvctl_verbs" ;;
    esac
}

__dmvctl_value() {
    case $1 in
    --json) COMPREPLY=($(compgen -W "pretty short" -- "$2")) ;;
    --color) COMPREPLY=($(compgen -W "auto always never" -- "$2")) ;;
    --root | --sysfs | --procfs) COMPREPLY=($(compgen -d -- "$2")) ;;
    --address) COMPREPLY=($(compgen -f -- "$2")) ;;
    --host | -H) COMPREPLY=($(compgen -A hostname -- "$2")) ;;
    --fields | -f)
        COMPREPLY=($(compgen -W "$(dmvctl help "${3:-status}" 2>/dev/null |
            sed -n '/^Fields:/,/^$/{s/^Fields://;s/,//g;p}')" -- "$2"))
        ;;
    --because | --until | --limit | --timeout) ;;
    *) return 1 ;;
    esac
}

_dmvctl() {
    local cur prev verb="" i words cword second=""
    local -a __dmvctl_where=()
    local common="--help --version --json --color --timeout --host --address --root --sysfs --procfs"

    COMPREPLY=()
    # '=' and ':' are part of words here: --root=DIR, 0000:03:00.0
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n =: cur prev words cword
    else
        words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    fi
    for ((i = 1; i < cword; i++)); do
        case ${words[i]} in
        --root | --sysfs | --procfs | --address)
            __dmvctl_where+=("${words[i]}" "${words[i + 1]}")
            i=$((i + 1))
            ;;
        --root=* | --sysfs=* | --procfs=* | --address=*) __dmvctl_where+=("${words[i]}") ;;
        --host | -H | --timeout | --color | --fields | -f | --because | --until | --limit) i=$((i + 1)) ;;
        -*) ;;
        *) if [[ -z $verb ]]; then verb=${words[i]}; else second=yes; fi ;;
        esac
    done
    if [[ $cur == --*=* ]]; then
        __dmvctl_value "${cur%%=*}" "${cur#*=}" "$verb"
        return
    fi
    if [[ $prev != --json && $prev == -* ]] && __dmvctl_value "$prev" "$cur" "$verb"; then
        return
    fi
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$common $(__dmvctl_options "$verb")" -- "$cur"))
    elif [[ -z $verb ]]; then
        COMPREPLY=($(compgen -W "$__dmvctl_verbs" -- "$cur"))
    elif [[ $verb == import ]]; then
        [[ -n $second ]] || COMPREPLY=($(compgen -f -- "$cur"))
    elif [[ $verb == select && -n $second ]]; then
        COMPREPLY=($(compgen -W "recommended inbox" -- "$cur"))
    elif [[ -z $second || $verb == install || $verb == remove ]]; then
        COMPREPLY=($(compgen -W "$(__dmvctl_objects "$verb")" -- "$cur"))
    fi
    if declare -F __ltrim_colon_completions >/dev/null; then
        __ltrim_colon_completions "$cur"
    fi
}

complete -F _dmvctl dmvctl
