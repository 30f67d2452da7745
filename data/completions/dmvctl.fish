# SPDX-License-Identifier: LGPL-2.1-or-later
# fish completion for dmvctl. Objects are asked from the daemon; without one there are just no objects.

set -l verbs status list show devices why why-not plan impact refresh install import remove select deselect undo pin unpin activate \
    rollback commit history generations verify doctor check-kernel rescan monitor boot health stop-guests restore-guests describe help \
    version

# One column of a table of dmvctl.
function __dmvctl_ask
    dmvctl --timeout=5 $argv[1] --no-headings --fields $argv[2] $argv[3..-1] 2>/dev/null | sort -u
end

function __dmvctl_streams
    dmvctl --timeout=5 describe 2>/dev/null | string replace -rf '^(?:streams| +) +([^ ]+): .*' '$1'
end

complete -c dmvctl -f
complete -c dmvctl -n "not __fish_seen_subcommand_from $verbs" -a "$verbs"

complete -c dmvctl -s h -l help -d 'show help'
complete -c dmvctl -l version -d 'show the version of dmvctl'
complete -c dmvctl -s j -l json -d 'print JSON, errors too'
complete -c dmvctl -l color -x -a 'auto always never' -d 'use colours'
complete -c dmvctl -l timeout -x -d 'give up without an answer; 0: never'
complete -c dmvctl -s H -l host -x -a '(__fish_print_hostnames)' -d 'run dmvctl on that host, by ssh'
complete -c dmvctl -l address -r -F -d 'socket of the daemon'
complete -c dmvctl -l root -x -a '(__fish_complete_directories)' -d 'work on that root'
complete -c dmvctl -l sysfs -x -a '(__fish_complete_directories)' -d 'read the hardware from there'
complete -c dmvctl -l procfs -x -a '(__fish_complete_directories)' -d "read the kernel's state from there"

set -l table status list show devices impact history generations
complete -c dmvctl -n "__fish_seen_subcommand_from $table" -s f -l fields -x -d 'columns to show, in that order'
complete -c dmvctl -n "__fish_seen_subcommand_from $table" -l no-headings -d "no line with the columns' names"
complete -c dmvctl -n '__fish_seen_subcommand_from status' -l check -d 'exit status 11 if a reboot is pending'
complete -c dmvctl -n '__fish_seen_subcommand_from list devices plan history' -s a -l all -d 'show everything, not only what fits'
complete -c dmvctl -n '__fish_seen_subcommand_from list' -l installed -d 'only installed releases'
complete -c dmvctl -n '__fish_seen_subcommand_from list' -l available -d 'only releases that a stream offers'
complete -c dmvctl -n '__fish_seen_subcommand_from devices' -s u -l unclaimed -d 'only devices without a driver'
complete -c dmvctl -n '__fish_seen_subcommand_from plan' -l detailed-exit-code -d 'exit status 10 if there are changes'
complete -c dmvctl -n '__fish_seen_subcommand_from refresh' -l allow-stale -d 'accept a catalog that has expired'
complete -c dmvctl -n '__fish_seen_subcommand_from install import select' -l any-hardware \
    -d 'although no device here is supported'
complete -c dmvctl -n '__fish_seen_subcommand_from activate' -l shutdown -d 'the host goes down now'
complete -c dmvctl -n '__fish_seen_subcommand_from health' -l waited -x -d 'wait for links, after so long'
complete -c dmvctl -n '__fish_seen_subcommand_from install import remove select deselect undo activate rollback' -s n -l dry-run \
    -d 'check and show, change nothing'
complete -c dmvctl -n '__fish_seen_subcommand_from select deselect undo activate' -l accept-lifeline \
    -d 'although the host may not come back'
complete -c dmvctl -n '__fish_seen_subcommand_from select deselect undo activate rescan' -l accept-guests \
    -d 'although guests that run are affected'
complete -c dmvctl -n '__fish_seen_subcommand_from select deselect undo rescan' -l now -d 'switch at once'
complete -c dmvctl -n '__fish_seen_subcommand_from rollback' -l accept-revoked \
    -d 'although a release was revoked since then'
complete -c dmvctl -n '__fish_seen_subcommand_from rollback' -l staged -d 'switch at the next reboot'
complete -c dmvctl -n '__fish_seen_subcommand_from select deselect undo pin rollback' -l because -x -d 'why'
complete -c dmvctl -n '__fish_seen_subcommand_from pin' -l until -x -d 'last day, YYYY-MM-DD'
complete -c dmvctl -n '__fish_seen_subcommand_from history' -l limit -x -d 'entries to show'

complete -c dmvctl -n '__fish_seen_subcommand_from show why impact' -a '(__dmvctl_ask list driver --all; __dmvctl_ask devices slot)'
complete -c dmvctl -n '__fish_seen_subcommand_from why-not' -a '(__dmvctl_ask list name --all)'
complete -c dmvctl -n '__fish_seen_subcommand_from install' -a '(__dmvctl_ask list name --all --available)'
complete -c dmvctl -n '__fish_seen_subcommand_from import' -F
complete -c dmvctl -n '__fish_seen_subcommand_from remove select' -a '(__dmvctl_ask list name --installed)'
complete -c dmvctl -n '__fish_seen_subcommand_from select' -a 'recommended inbox'
complete -c dmvctl -n '__fish_seen_subcommand_from select deselect pin unpin history' -a '(__dmvctl_ask list driver)'
complete -c dmvctl -n '__fish_seen_subcommand_from undo' -a 'last (__dmvctl_ask history number)'
complete -c dmvctl -n '__fish_seen_subcommand_from rollback' -a '(__dmvctl_ask generations number)'
complete -c dmvctl -n '__fish_seen_subcommand_from refresh' -a '(__dmvctl_streams)'
complete -c dmvctl -n '__fish_seen_subcommand_from help' -a "$verbs"
