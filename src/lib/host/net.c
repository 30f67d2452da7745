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
#include "host/descent.h"

#define CLASS "class/net"
#define OVS "ovs-system"

/* An interface without anything under it that is neither a port of a guest nor a bridge of the kernel's. */
static bool may_be_of_ovs(const DmvDescent *d, const char *name, const char *folder)
{
    return strcmp(name, OVS) != 0 && !dmv_descent_has(d, folder, "tun_flags") &&
           !dmv_descent_has(d, folder, "bridge") && !dmv_descent_has(d, folder, "bonding") &&
           dmv_descent_has(d, CLASS, OVS);
}

/* The host's end of a guest's interface hangs on the bus of Xen's backends ("devices/vif-1-0/net/vif1.0"):
 * something stands on it, and nothing is under it. */
static int is_of_guest(const DmvDescent *d, const char *folder, bool *ret)
{
    DMV_CLEANUP_FREE char *device = strdup(folder), *link = NULL, *bus = NULL;
    char *slash = device ? strrchr(device, '/') : NULL;
    int r = device ? 0 : -ENOMEM;

    for (int up = 0; slash && up < 2; up++, slash = strrchr(device, '/'))
        *slash = '\0';
    if (r == 0) {
        link = dmv_descent_join(device, "subsystem");
        r = link ? dmv_descent_resolve(d, link, &bus) : -ENOMEM;
    }
    *ret = r == 0 && bus && dmv_ends_with(bus, "/xen-backend");
    return r;
}

static int follow_virtual(DmvDescent *d, const char *name, const char *folder)
{
    if (may_be_of_ovs(d, name, folder))
        return dmv_descent_one(d, OVS, dmv_descent_interface);
    return dmv_descent_unknown(d, "sysfs does not say what carries interface %s", name);
}

static int follow_folder(DmvDescent *d, const char *name, const char *folder)
{
    DMV_CLEANUP_STRV char **lower = NULL;
    size_t n_ends = d->n_ends;
    bool of_guest = false;
    int r = dmv_descent_list(d, folder, "lower_", true, &lower);

    if (r == 0 && !lower)
        r = is_of_guest(d, folder, &of_guest);
    if (of_guest)
        return dmv_descent_unknown(d, "interface %s is a guest's", name);
    if (r == 0 && !lower)
        r = dmv_descent_device(d, folder);
    if (r == 0 && !lower && d->n_ends == n_ends)
        r = dmv_descent_other_bus(d, folder);
    if (r == 0 && !lower && d->n_ends == n_ends)
        return follow_virtual(d, name, folder);
    if (r == 0 && lower)
        r = dmv_descent_each(d, lower, dmv_descent_interface, true);
    if (r == 0 && d->n_ends == n_ends)
        r = dmv_descent_unknown(d, "nothing under interface %s leads to a device", name);
    return r;
}

int dmv_descent_interface(DmvDescent *d, const char *name)
{
    DMV_CLEANUP_FREE char *path = NULL, *folder = NULL;
    int r = dmv_descent_enter(d, "interface", name);

    if (r <= 0)
        return r;
    if (!dmv_interface_name_is_valid(name))
        return dmv_descent_unknown(d, "\"%s\" is no name of an interface", name);
    path = dmv_descent_join(CLASS, name);
    r = path ? dmv_descent_resolve(d, path, &folder) : -ENOMEM;
    if (r < 0)
        return r;
    return folder ? follow_folder(d, name, folder) : dmv_descent_unknown(d, "there is no interface %s", name);
}

int dmv_descent_address(DmvDescent *d, const char *address)
{
    const char *interface = dmv_routes_towards(d->routes, address);
    int r = dmv_descent_enter(d, "address", address);

    if (r <= 0)
        return r;
    return interface ? dmv_descent_one(d, interface, dmv_descent_interface)
                     : dmv_descent_unknown(d, "no route leads to %s", address);
}
