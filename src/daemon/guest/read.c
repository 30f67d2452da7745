/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The three channels that a worker asks. Each is opened as root, where it has to be, and read as nobody.
 *
 * What a channel cannot do is its state and not an error of the call: the daemon shows it, and uses the
 * others.
 */
#include "daemon/guest/read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/guest/confine.h"
#include "guest/config.h"
#include "guest/libvirt.h"
#include "guest/xenstore.h"

/* A channel that gave nothing. Return: 0; what nobody expects of a channel stays an error. */
static int say_why(DmvChannel *c, int code, const DmvError *e)
{
    if (code == -ENOMEM)
        return code;
    c->state = code == DMV_NO_SUCH_OBJECT ? DMV_CHANNEL_ABSENT : DMV_CHANNEL_FAILED;
    return dmv_set_string(&c->why, dmv_error_words(e, code));
}

static int no_channel(DmvError *reterr)
{
    return dmv_error_set(reterr, DMV_NO_SUCH_OBJECT, NULL, NULL, "this root is not the running system");
}

/* ---- libvirt ---- */

static int open_libvirt(const DmvGuestSources *s, bool writable, DmvLibvirt **ret, DmvError *reterr)
{
    return s->libvirt ? dmv_libvirt_open(s->libvirt, writable, ret, reterr) : no_channel(reterr);
}

static int read_libvirt(const DmvGuestSources *s, DmvGuests *g, DmvError *reterr)
{
    DmvChannel *c = &g->channels[DMV_CHANNEL_LIBVIRT];
    DMV_CLEANUP_LIBVIRT DmvLibvirt *l = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    int code = open_libvirt(s, false, &l, &e);
    int r = dmv_guest_leave_root(reterr);

    if (r < 0)
        return r;
    if (code == 0)
        code = dmv_libvirt_read(l, g, &e);
    if (code != 0)
        return say_why(c, code, &e);
    c->state = DMV_CHANNEL_OK;
    return 0;
}

/* ---- XenStore ---- */

static int open_xenstore(const DmvGuestSources *s, DmvXenstore **ret, DmvError *reterr)
{
    if (!s->has_xenstore)
        return no_channel(reterr);
    if (s->xenstore && setenv("XENSTORED_PATH", s->xenstore, 1) < 0)
        return -ENOMEM;
    return dmv_xenstore_open(ret, reterr);
}

static int read_xenstore(const DmvGuestSources *s, DmvGuests *g, DmvError *reterr)
{
    DmvChannel *c = &g->channels[DMV_CHANNEL_XENSTORE];
    DMV_CLEANUP_XENSTORE DmvXenstore *x = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvXenstoreReader reader;
    int code = open_xenstore(s, &x, &e);
    int r = dmv_guest_leave_root(reterr);

    if (r < 0)
        return r;
    if (code != 0)
        return say_why(c, code, &e);
    reader = dmv_xenstore_reader(x);
    code = dmv_xenstore_read_tree(&reader, g);
    if (code != 0)
        return say_why(c, code, NULL);
    for (size_t i = 0; i < g->n; i++)
        g->items[i].channels = 1u << DMV_CHANNEL_XENSTORE;
    if (asprintf(&c->gave, "%zu domain%s", g->n, g->n == 1 ? "" : "s") < 0)
        return c->gave = NULL, -ENOMEM;
    c->state = DMV_CHANNEL_OK;
    return 0;
}

/* ---- files ---- */

/* Who converts, or why nobody does. */
typedef struct Converter {
    DmvLibvirt *libvirt;
    int code;
    const DmvError *error;
} Converter;

static int convert(const char *text, DmvGuest *ret, void *userdata, DmvError *reterr)
{
    const Converter *x = userdata;

    if (x->code == 0)
        return dmv_libvirt_convert(x->libvirt, text, ret, reterr);
    return dmv_error_set(reterr, x->code, NULL, NULL, "libvirt, which would read it, does not: %s",
                         dmv_error_words(x->error, x->code));
}

/* The files are read as root: they may have a password for VNC in them, and then nobody else may read them.
 */
static int read_config(const DmvGuestSources *s, DmvGuests *g, DmvError *reterr)
{
    DmvChannel *c = &g->channels[DMV_CHANNEL_CONFIG];
    DMV_CLEANUP_GUEST_CONFIGS DmvGuestConfigs files = {0};
    DMV_CLEANUP_LIBVIRT DmvLibvirt *l = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    Converter x = {.error = &e};
    int code = dmv_guest_configs_read(s->roots->fd, &files), r;

    if (code == 0 && files.n > 0)
        x.code = open_libvirt(s, true, &l, &e);
    x.libvirt = l;
    r = dmv_guest_leave_root(reterr);
    if (r < 0)
        return r;
    if (code == -ENOENT)
        code = dmv_error_set(&e, DMV_NO_SUCH_OBJECT, NULL, NULL, "there is no /" DMV_GUEST_CONFIG_DIR);
    if (code != 0)
        return say_why(c, code, &e);
    r = dmv_guest_configs_convert(&files, convert, &x, g);
    if (r < 0)
        return r;
    c->state = DMV_CHANNEL_OK;
    if (x.code == 0)
        return 0;
    c->state = DMV_CHANNEL_FAILED;
    return dmv_set_string(&c->why, dmv_error_words(&e, x.code));
}

int dmv_guest_read_channel(const DmvGuestSources *s, DmvChannelKind kind, DmvGuests *ret, DmvError *reterr)
{
    ret->channels[kind].kind = kind;
    switch (kind) {
    case DMV_CHANNEL_LIBVIRT:
        return read_libvirt(s, ret, reterr);
    case DMV_CHANNEL_XENSTORE:
        return read_xenstore(s, ret, reterr);
    case DMV_CHANNEL_CONFIG:
        return read_config(s, ret, reterr);
    case DMV_CHANNEL_HYPERVISOR:
    case DMV_CHANNEL_XEND:
    case DMV_CHANNEL_MAX:
    case DMV_CHANNEL_INVALID:
        break;
    }
    return -EINVAL;
}
