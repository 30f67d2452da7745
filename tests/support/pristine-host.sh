# SPDX-License-Identifier: LGPL-2.1-or-later
# A pristine host: a scratch root with the kernels' own modules and a real index, as it is before dmv changes anything.
#
# To be sourced. The modules are small (small-modules.sh) but have the names, folders, PCI aliases and dependencies of the
# real ones, so that depmod, modprobe and dmv find for recorded hardware what they would find on a server.

# shellcheck source=tests/support/small-modules.sh
. "$(dirname "${BASH_SOURCE[0]}")/small-modules.sh"

DMV_PRISTINE_KERNELS=(6.1.0-50-amd64 6.1.0-56-amd64)

# folder|name|version|symbols exported|symbols needed|PCI aliases (vendor:device, or class XXYYZZ)
# Versions are those that in-tree modules have: most have none.
_dmv_pristine_modules='drivers/net/ethernet/intel/e1000e|e1000e|||ptp_clock_register|8086:10D3 8086:10EA 8086:1502 8086:153A 8086:15B7 8086:15B8 8086:15BB
drivers/net/ethernet/intel/e1000|e1000||||8086:100E 8086:100F
drivers/net/ethernet/intel/igb|igb|||ptp_clock_register|8086:1521 8086:1533
drivers/net/ethernet/intel/ixgbe|ixgbe|||ptp_clock_register|8086:10FB 8086:1563
drivers/net/ethernet/intel/ixgbevf|ixgbevf||||8086:10ED 8086:1565
drivers/net/ethernet/intel/i40e|i40e|||ptp_clock_register|8086:1572 8086:1583 8086:158B
drivers/net/ethernet/intel/iavf|iavf||||8086:154C 8086:1889
drivers/net/ethernet/intel/ice|ice|||ptp_clock_register|8086:1592 8086:1593 8086:159B
drivers/net/ethernet/broadcom|tg3|3.137||ptp_clock_register|14E4:165F 14E4:1657
drivers/net/ethernet/broadcom/bnxt|bnxt_en|||ptp_clock_register|14E4:16D7 14E4:16D8 14E4:1750 14E4:1751 14E4:1752
drivers/net/ethernet/mellanox/mlx5/core|mlx5_core|||ptp_clock_register|15B3:1015 15B3:1016 15B3:1017 15B3:1018 15B3:1019 15B3:101D
drivers/ptp|ptp||ptp_clock_register||
drivers/scsi|scsi_mod||scsi_host_alloc||
drivers/scsi|sd_mod|||scsi_host_alloc|
drivers/scsi|scsi_transport_sas||sas_attach_transport|scsi_host_alloc|
drivers/scsi/megaraid|megaraid_sas|07.719.03.00-rc1||scsi_host_alloc|1000:005B 1000:005D 1000:0014 1000:0016 1000:10E2
drivers/scsi/mpt3sas|mpt3sas|43.100.00.00||scsi_host_alloc sas_attach_transport|1000:0097 1000:00AF 1000:00E6
drivers/scsi/smartpqi|smartpqi|2.1.18-045||scsi_host_alloc sas_attach_transport|9005:028F
drivers/scsi/lpfc|lpfc|0:14.2.0.7||scsi_host_alloc|10DF:E300
drivers/scsi/qla2xxx|qla2xxx|10.02.07.900-k||scsi_host_alloc|1077:2261
drivers/ata|libata|3.00|ata_host_alloc|scsi_host_alloc|
drivers/ata|libahci||ahci_platform_init|ata_host_alloc|
drivers/ata|ahci|3.0||ata_host_alloc ahci_platform_init|8086:A282 class:010601
drivers/nvme/host|nvme-core|1.0|nvme_init_ctrl||
drivers/nvme/host|nvme|1.0||nvme_init_ctrl|class:010802
drivers/net|virtio_net||||
drivers/usb/host|xhci-pci||||class:0C0330'

_dmv_pci_alias() {
    local id=$1
    if [[ $id == class:* ]]; then
        id=${id#class:}
        echo "pci:v*d*sv*sd*bc${id:0:2}sc${id:2:2}i${id:4:2}*"
    else
        echo "pci:v0000${id%:*}d0000${id#*:}sv*sd*bc*sc*i*"
    fi
}

# dmv_pristine_kernel ROOT KVER: one more kernel with all of those modules, or those whose names are in DMV_PRISTINE_ONLY, indexed.
dmv_pristine_kernel() {
    local root=$1 kver=$2 folder name version exports needs ids value
    local tree=$root/usr/lib/modules/$kver
    mkdir -p "$tree" "$root/boot"
    : >"$tree/modules.order"
    while IFS='|' read -r folder name version exports needs ids; do
        local -a options=()
        [[ -z ${DMV_PRISTINE_ONLY-} || " $DMV_PRISTINE_ONLY " == *" $name "* ]] || continue
        [[ -z $version ]] || options+=(--version "$version")
        for value in $exports; do options+=(--exports "$value"); done
        for value in $needs; do options+=(--needs "$value"); done
        for value in $ids; do options+=(--alias "$(_dmv_pci_alias "$value")"); done
        mkdir -p "$tree/kernel/$folder"
        dmv_small_module "$tree/kernel/$folder/$name.ko" "${name//-/_}" "$kver" "${options[@]}" || return 1
        echo "kernel/$folder/$name.ko" >>"$tree/modules.order"
    done <<<"$_dmv_pristine_modules"
    printf 'kernel/%s.ko\n' drivers/virtio/virtio drivers/virtio/virtio_pci lib/crc32 fs/ext4/ext4 >"$tree/modules.builtin"
    : >"$tree/modules.builtin.modinfo"
    echo "not a kernel: a file of a test host" >"$root/boot/vmlinuz-$kver"
    dmv_depmod "$root" "$kver"
}

# dmv_depmod ROOT KVER: the real depmod, with the scratch root's settings and not this machine's. It exits 0 after some
# errors, so whatever it says is a failure.
dmv_depmod() {
    local said
    said=$(depmod -b "$1" -C "$1/etc/depmod.d" "$2" 2>&1) && [[ -z $said ]] && return
    echo "depmod -b $1 $2: $said" >&2
    return 1
}

# dmv_pristine_host ROOT [KVER...]: the whole root; ROOT is made. Without kernels: DMV_PRISTINE_KERNELS.
dmv_pristine_host() {
    local root=$1 kver
    shift
    (($#)) || set -- "${DMV_PRISTINE_KERNELS[@]}"
    mkdir -p "$root"/{boot,dev,proc,sys,run,tmp,etc/{depmod.d,modprobe.d,dmv},usr/{bin,sbin,lib/{modules,firmware}},var/{lib,log}}
    ln -s usr/lib "$root/lib"
    ln -s usr/bin "$root/bin"
    ln -s usr/sbin "$root/sbin"
    printf 'NAME="dmv test host"\nID=dmvtest\nVERSION_ID="1"\n' >"$root/etc/os-release"
    for kver; do
        dmv_pristine_kernel "$root" "$kver" || return 1
    done
}

# dmv_would_load ROOT KVER NAME-OR-MODALIAS: the files that the real modprobe would insert, dependencies first, relative to
# the kernel's folder. This machine's modprobe.d is not read.
dmv_would_load() {
    modprobe -d "$1" -C "$1/etc/modprobe.d" -S "$2" --show-depends "$3" | sed -n "s|^insmod $1\(/usr\)\{0,1\}/lib/modules/$2/\([^ ]*\).*|\2|p"
}
