#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# After a real activate, the real modprobe has to say what `dmvctl plan` has predicted, on random hosts.
#
# DMV_FORECAST_WORLDS: how many (200), and half as many more where depmod has no `exclude`. DMV_FORECAST_SEED: number of the
# first one; the same number makes the same host. For new hosts: DMV_FORECAST_SEED=$(date +%s).
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

worlds=${DMV_FORECAST_WORLDS:-200}
seed=${DMV_FORECAST_SEED:-777000}
echo "forecast: $worlds hosts from seed $seed"

golden_memory # hundreds of hosts, each with some transactions
worlds_folder=$scratch/memory
"$DMV_SOURCE/tests/hosts/make-host" "$DMV_SOURCE/tests/hosts/qemu-q35.host" "$worlds_folder/hardware"
export DMV_LIBEXECDIR=$DMV_BUILD/bin

# module NAME [OPTION...]: in every version and for every kernel; NAME_sym is what it exports
module() {
    local name=$1 kver version
    shift
    for kver in 6.1.0-50-amd64 6.1.0-56-amd64 6.1.0-60-amd64; do
        for version in 1.0 2.0 3.0; do
            golden_module "$worlds_folder/pool/$kver/$name.$version.ko" "$name" "$kver" "$version" v --exports "${name}_sym" "$@"
        done
    done
}
module aa --alias 'pci:v00008086d000010D3sv*sd*bc*sc*i*' --needs cc_core_sym
module bb --alias 'pci:v*d*sv*sd*bc01sc06i01*' --alias 'pci:v00008086d000010D3sv*sd*bc*sc*i*'
module cc_core
module dd --alias 'pci:v00008086d00002930sv*sd*bc*sc*i*' --needs cc_core_sym
module ee_net --alias 'virtio:d*v*' --needs ff_sym
module ff --alias 'pci:v00001234d00001111sv*sd*bc*sc*i*'

"$DMV_SOURCE/tests/support/forecast-worlds.py" "$worlds_folder" "$seed" "$worlds" 2
"$DMV_SOURCE/tests/support/with-old-depmod" "$DMV_SOURCE/tests/support/forecast-worlds.py" "$worlds_folder" "$seed" $((worlds / 2)) 2
