#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A refresh that finds nothing new: says so, changes nothing, and is remembered.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_host
golden_stream

# field EXPRESSION: of the stream, by a daemon that was started for this one question
field() { dmvctl --json status | json "['streams'][0]$1"; }

ok dmvctl --json refresh
equal "$(json "['added'].__len__()" <"$scratch/out")" 3 "new releases of the first refresh"
first=$(field "['refreshed']")
before=$(dmvctl --json list --all)

sleep 1.1 # the dates have whole seconds
ok dmvctl --json refresh
equal "$(json "['added']" <"$scratch/out")" "[]" "new releases of the second refresh"
equal "$(json "['removed']" <"$scratch/out")" "[]" "releases that the second refresh misses"
equal "$(field "['state']")" ok "state of the stream"
second=$(field "['refreshed']")
[[ $second > $first ]] || fail "the second refresh is not remembered: $first, then $second"
equal "$(dmvctl --json list --all)" "$before" "releases after the second refresh"

# a new release ends that
golden_release 4.2.0 generic
golden_publish
ok dmvctl --json refresh
equal "$(json "['added'][0]" <"$scratch/out")" intel-e1000e/generic@4.2.0 "new release of the third refresh"
