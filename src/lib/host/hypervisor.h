/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a host says of Xen without a library: the hypervisor's interface in sysfs, and the traces of xend.
 * Both are plain files, so they are known in every build.
 */
#ifndef DMV_HOST_HYPERVISOR_H
#define DMV_HOST_HYPERVISOR_H

#include "host/roots.h"
#include "model/guest.h"

typedef struct DmvHypervisor {
    DmvChannel channel; /* DMV_CHANNEL_HYPERVISOR */
    char *version;      /* "4.17.5"; NULL: there is none */
    bool control;       /* this is the control domain */
} DmvHypervisor;
void dmv_hypervisor_deinit(DmvHypervisor *h);

/**
 * dmv_observe_hypervisor() - is this the control domain of Xen, and of which one?
 * @r: the roots; without a sysfs there is no hypervisor
 * @ret: must be empty before; free with dmv_hypervisor_deinit()
 *
 * By <sysfs>/hypervisor (Documentation/ABI/stable/sysfs-hypervisor-xen of the kernel); the control domain by
 * "control_d" in <procfs>/xen/capabilities or, where xenfs is not mounted or not seen, by the feature that
 * Xen gives to no other domain (XENFEAT_dom0).
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_observe_hypervisor(const DmvRoots *r, DmvHypervisor *ret);

/**
 * dmv_observe_xend() - is there anything of the daemon that managed Xen until 4.4?
 * @r: the roots
 * @ret: DMV_CHANNEL_XEND: absent; obsolete, for a socket or a configuration that opens one; unsafe, for an
 * HTTP port that is configured, or that is open beside other traces of it
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_observe_xend(const DmvRoots *r, DmvChannel *ret);

#endif
