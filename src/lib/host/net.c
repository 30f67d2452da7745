/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What carries a network interface, by <sysfs>/class/net. The kernel links everything that an interface is
 * made of as lower_NAME: ports of a bridge, slaves of a bond or a team, what is under a VLAN or a macvlan.
 *
 * Open vSwitch links its ports under the interface ovs-system and none of them under the bridges that it
 * makes (xenbr0); which port belongs to which bridge is only in its own database. So a bridge of it is taken
 * to stand on all ports that lead to a device: one too many is a question too many, one too few is a host
 * that does not come back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/trace.h"

#define CLASS "class/net"
#define OVS "ovs-system"

/* An interface without anything under it that is neither a port of a guest nor a bridge of the kernel's. */
static bool may_be_of_ovs(const DmvTrace *t, const char *name, const char *folder)
{
    return strcmp(name, OVS) != 0 && !dmv_trace_has(t, folder, "tun_flags") &&
           !dmv_trace_has(t, folder, "bridge") && !dmv_trace_has(t, folder, "bonding") &&
           dmv_trace_has(t, CLASS, OVS);
}

static int trace_virtual(DmvTrace *t, const char *name, const char *folder)
{
    if (may_be_of_ovs(t, name, folder))
        return dmv_trace_one(t, OVS, dmv_trace_interface);
    return dmv_trace_unknown(t, "sysfs does not say what carries interface %s", name);
}

static int trace_folder(DmvTrace *t, const char *name, const char *folder)
{
    DMV_CLEANUP_STRV char **lower = NULL;
    size_t n_ends = t->n_ends;
    int r = dmv_trace_list(t, folder, "lower_", true, &lower);

    if (r == 0 && !lower)
        r = dmv_trace_device(t, folder);
    if (r == 0 && !lower && t->n_ends == n_ends)
        r = dmv_trace_other_bus(t, folder);
    if (r == 0 && !lower && t->n_ends == n_ends)
        return trace_virtual(t, name, folder);
    if (r == 0 && lower)
        r = dmv_trace_each(t, lower, dmv_trace_interface, true);
    if (r == 0 && t->n_ends == n_ends)
        r = dmv_trace_unknown(t, "nothing under interface %s leads to a device", name);
    return r;
}

int dmv_trace_interface(DmvTrace *t, const char *name)
{
    DMV_CLEANUP_FREE char *path = NULL, *folder = NULL;
    int r = dmv_trace_enter(t, "interface", name);

    if (r <= 0)
        return r;
    if (!dmv_interface_name_is_valid(name))
        return dmv_trace_unknown(t, "\"%s\" is no name of an interface", name);
    path = dmv_trace_join(CLASS, name);
    r = path ? dmv_trace_resolve(t, path, &folder) : -ENOMEM;
    if (r < 0)
        return r;
    return folder ? trace_folder(t, name, folder) : dmv_trace_unknown(t, "there is no interface %s", name);
}

int dmv_trace_address(DmvTrace *t, const char *address)
{
    const char *interface = dmv_routes_towards(t->routes, address);
    int r = dmv_trace_enter(t, "address", address);

    if (r <= 0)
        return r;
    return interface ? dmv_trace_one(t, interface, dmv_trace_interface)
                     : dmv_trace_unknown(t, "no route leads to %s", address);
}
