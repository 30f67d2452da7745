/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Xen by plain files. Nothing is asked and nothing is started: that a host has no Xen has to cost next to
 * nothing, since it is asked for every answer that has guests in it.
 */
#include "host/hypervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/fs.h"
#include "host/sysfs.h"
#include "model/xend.h"

/* XENFEAT_dom0 of Xen's public/features.h. */
#define FEATURE_DOM0 (1u << 11)
#define XEND_CONF "etc/xen/xend-config.sxp"

void dmv_hypervisor_deinit(DmvHypervisor *h)
{
    free(h->channel.gave);
    free(h->channel.why);
    free(h->version);
    *h = (DmvHypervisor){0};
}

/* ---- the hypervisor ---- */

/* An attribute that is not there or cannot be read is none. */
static int read_text(int sysfs, const char *path, char **ret)
{
    int r = dmv_sysfs_text(sysfs, path, ret);

    if (r < 0)
        *ret = NULL;
    return r == -ENOMEM ? r : 0;
}

static int read_version(int sysfs, char **ret)
{
    DMV_CLEANUP_FREE char *major = NULL, *minor = NULL, *extra = NULL;
    int r = read_text(sysfs, "hypervisor/version/major", &major);

    if (r == 0)
        r = read_text(sysfs, "hypervisor/version/minor", &minor);
    if (r == 0)
        r = read_text(sysfs, "hypervisor/version/extra", &extra);
    if (r == 0 && major && minor && asprintf(ret, "%s.%s%s", major, minor, extra ? extra : "") < 0) {
        *ret = NULL;
        r = -ENOMEM;
    }
    return r;
}

/* xenfs says it in words, where it is mounted. */
static int is_control_by_xenfs(const DmvRoots *r, bool *ret)
{
    DMV_CLEANUP_CLOSE int procfs = r->procfs ? open(r->procfs, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int e = procfs < 0 ? -ENOENT
                       : dmv_fs_read_file(procfs, "xen/capabilities", DMV_SYSFS_ATTRIBUTE_MAX, &data, &size);

    *ret = e == 0 && data && strstr(data, "control_d");
    return e == -ENOMEM ? e : 0;
}

static int is_control(const DmvRoots *r, int sysfs, bool *ret)
{
    DMV_CLEANUP_FREE char *features = NULL;
    uint32_t bits = 0;
    int e = is_control_by_xenfs(r, ret);

    if (e < 0 || *ret)
        return e;
    e = read_text(sysfs, "hypervisor/properties/features", &features);
    *ret = features && sscanf(features, "%x", &bits) == 1 && (bits & FEATURE_DOM0);
    return e;
}

static int describe(int sysfs, DmvHypervisor *h)
{
    DMV_CLEANUP_FREE char *capabilities = NULL;
    DMV_CLEANUP_TEXT DmvText gave = {0};
    int r = read_text(sysfs, "hypervisor/properties/capabilities", &capabilities);

    if (r < 0)
        return r;
    dmv_text_append(&gave, h->version ? h->version : "a version that it does not tell");
    if (capabilities)
        dmv_text_appendf(&gave, ", %s", capabilities);
    h->channel.state = DMV_CHANNEL_OK;
    return dmv_text_take(&gave, &h->channel.gave, NULL);
}

int dmv_observe_hypervisor(const DmvRoots *r, DmvHypervisor *ret)
{
    DMV_CLEANUP(dmv_hypervisor_deinit)
    DmvHypervisor h = {.channel = {.kind = DMV_CHANNEL_HYPERVISOR, .state = DMV_CHANNEL_ABSENT}};
    DMV_CLEANUP_CLOSE int sysfs = r->sysfs ? open(r->sysfs, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    DMV_CLEANUP_FREE char *type = NULL;
    int e = sysfs < 0 ? 0 : read_text(sysfs, "hypervisor/type", &type);

    if (e == 0 && dmv_streq(type, "xen")) {
        e = read_version(sysfs, &h.version);
        if (e == 0)
            e = is_control(r, sysfs, &h.control);
        if (e == 0)
            e = describe(sysfs, &h);
        if (e == 0 && !h.control)
            e = dmv_set_string(&h.channel.why, "this is a guest of it, not its control domain");
    } else if (e == 0 && type) {
        e = dmv_set_string(&h.channel.why, "the hypervisor is another one than Xen");
    }
    if (e < 0)
        return e;
    *ret = h;
    h = (DmvHypervisor){0};
    return 0;
}

/* ---- xend ---- */

static bool is_there(const DmvRoots *r, const char *path)
{
    DMV_CLEANUP_FREE char *where = NULL;
    bool exists = false;

    return dmv_fs_resolve(r->fd, path, &where, &exists) == 0 && exists;
}

static bool listens(const DmvRoots *r, uint16_t port)
{
    static const char *const lists[] = {"net/tcp", "net/tcp6"};
    DMV_CLEANUP_CLOSE int procfs = r->procfs ? open(r->procfs, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    bool found = false;

    for (size_t i = 0; procfs >= 0 && !found && i < DMV_N_ELEMENTS(lists); i++) {
        DMV_CLEANUP_FREE char *data = NULL;
        size_t size = 0;

        if (dmv_fs_read_file(procfs, lists[i], (size_t)16 << 20, &data, &size) == 0)
            found = dmv_tcp_listens(data, size, port);
    }
    return found;
}

/* Return: 0, DMV_MALFORMED, -ENOENT, or another negative errno. */
static int read_conf(const DmvRoots *r, DmvXendConf *ret)
{
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int e = dmv_fs_read_file(r->fd, XEND_CONF, DMV_XEND_CONF_MAX_BYTES, &data, &size);

    return e == 0 ? dmv_xend_conf_parse(data, size, ret) : e;
}

static int set_xend(DmvChannel *c, DmvChannelState state, const char *gave, const char *why)
{
    int r = dmv_set_string(&c->gave, gave);

    c->state = state;
    return r == 0 ? dmv_set_string(&c->why, why) : r;
}

int dmv_observe_xend(const DmvRoots *r, DmvChannel *ret)
{
    static const char *const sockets[] = {"var/run/xend/xmlrpc.sock", "var/run/xend/xend-socket"};
    DmvXendConf conf = {.port = DMV_XEND_PORT};
    const char *socket = NULL;
    int e = read_conf(r, &conf);

    *ret = (DmvChannel){.kind = DMV_CHANNEL_XEND, .state = DMV_CHANNEL_ABSENT};
    if (e == -ENOMEM)
        return e;
    for (size_t i = 0; !socket && i < DMV_N_ELEMENTS(sockets); i++)
        socket = is_there(r, sockets[i]) ? sockets[i] : NULL;
    if ((conf.http_server || socket) && listens(r, conf.port))
        return set_xend(ret, DMV_CHANNEL_UNSAFE, "its HTTP port is open",
                        "whoever reaches that port commands this host without a password: stop xend, or set "
                        "(xend-http-server no) in /" XEND_CONF);
    if (conf.http_server)
        return set_xend(
            ret, DMV_CHANNEL_UNSAFE, "/" XEND_CONF " opens its HTTP port",
            "once xend runs, whoever reaches that port commands this host without a password: set "
            "(xend-http-server no) there");
    if (socket || conf.unix_server)
        return set_xend(
            ret, DMV_CHANNEL_OBSOLETE, socket ? "its socket is there" : "/" XEND_CONF " opens its socket",
            "Xen has had no xend since 4.5, and dmv does not ask it: guests are known by libvirt, "
            "XenStore and /etc/xen");
    if (e != 0 && e != -ENOENT)
        return set_xend(ret, DMV_CHANNEL_OBSOLETE, "/" XEND_CONF " is there",
                        "it cannot be read, so it is not known whether it opens an HTTP port");
    return 0;
}
