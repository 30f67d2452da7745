#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is offered: by the catalog's ids, by the modules' own aliases (a class alias has no ids), by the machine for OEM variants.
# The same stream on two recorded servers.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

"$publish" init "$stream" --stream demo >/dev/null
golden_module "$scratch/m/nvme.ko" nvme "$K1" 2.0 generic --alias 'pci:v*d*sv*sd*bc01sc08i02*'
golden_module "$scratch/m/ice.ko" ice "$K1" 1.15.5 dell --alias 'pci:v00008086d00001592sv*sd*bc*sc*i*' \
    --alias 'pci:v00008086d00001593sv*sd*bc*sc*i*' --alias 'pci:v00008086d0000159Bsv*sd*bc*sc*i*'
golden_module "$scratch/m/mlx5_core.ko" mlx5_core "$K1" 24.10 generic --alias 'pci:v000015B3d00001017sv*sd*bc*sc*i*' \
    --alias 'pci:v000015B3d00001019sv*sd*bc*sc*i*'
"$publish" release "$stream" --driver nvme --variant generic --module "$scratch/m/nvme.ko" --type storage >/dev/null 2>&1
"$publish" release "$stream" --driver intel-ice --variant dell --module "$scratch/m/ice.ko" --type network \
    --dmi 'Dell*:PowerEdge R*' >/dev/null 2>&1
"$publish" release "$stream" --driver mellanox-mlx5 --variant generic --module "$scratch/m/mlx5_core.ko" --type network \
    >/dev/null 2>&1
golden_publish

# verdict DRIVER: of its one release
verdict() { driver "$1" '["releases"][0]["verdict"]'; }
# offered: the drivers that `dmvctl list` shows without being asked for more
offered() { dmvctl --json list | python3 -c 'import json,sys; print(*[d["name"] for d in json.load(sys.stdin)["drivers"]])'; }
on_host() {
    rm -rf "$root" "$scratch/hardware"
    golden_host "$1"
    golden_subscribe demo "file://$stream/repo/"
    chmod -R a+rX "$scratch"
    ok dmvctl refresh
}

on_host dell-r650
equal "$(offered)" "intel-ice nvme" "offered on the Dell"
equal "$(verdict nvme)" fits "a class alias"
equal "$(verdict intel-ice)" fits "an OEM variant on its machine"
equal "$(verdict mellanox-mlx5)" no_hardware "no such card"
dmvctl --json list --all >"$scratch/out"
grep -q mellanox-mlx5 "$scratch/out" || fail "--all does not show the rest"
refused 6 no-hardware install mellanox-mlx5/generic@24.10
ok dmvctl install mellanox-mlx5/generic@24.10 --any-hardware
ok dmvctl list --installed
grep -q mellanox-mlx5 "$scratch/out" || fail "what is installed is not listed"

on_host hpe-dl380
equal "$(offered)" "mellanox-mlx5 nvme" "offered on the HPE"
equal "$(dmvctl --json devices | python3 -c '
import json, sys
print([d["virtualFunctions"] for d in json.load(sys.stdin)["devices"] if d["virtualFunctions"]])')" "[64]" "folded virtual functions"
shown=$(dmvctl --json devices | json '["devices"].__len__()')
all=$(dmvctl --json devices --all | json '["devices"].__len__()')
equal $((all - shown)) 64 "virtual functions shown with --all"
echo "matching: done"
