/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In place of libvirt, where that or libxml2 was not there when dmv was built. There is never a connection.
 */
#include "guest/libvirt.h"

static int not_built(DmvError *reterr)
{
    return dmv_error_set(reterr, DMV_NO_SUCH_OBJECT, NULL, NULL, "dmv was not built with libvirt");
}

int dmv_libvirt_open(const char *uri, bool writable, DmvLibvirt **ret, DmvError *reterr)
{
    (void)uri;
    (void)writable;
    (void)ret;
    return not_built(reterr);
}

DmvLibvirt *dmv_libvirt_free(DmvLibvirt *l)
{
    (void)l;
    return NULL;
}

int dmv_libvirt_read(DmvLibvirt *l, DmvGuests *ret, DmvError *reterr)
{
    (void)l;
    (void)ret;
    return not_built(reterr);
}

int dmv_libvirt_convert(DmvLibvirt *l, const char *text, DmvGuest *ret, DmvError *reterr)
{
    (void)l;
    (void)text;
    (void)ret;
    return not_built(reterr);
}

int dmv_libvirt_shutdown(DmvLibvirt *l, const char *guest, DmvError *reterr)
{
    (void)l;
    (void)guest;
    return not_built(reterr);
}

int dmv_libvirt_is_running(DmvLibvirt *l, const char *guest, bool *ret, DmvError *reterr)
{
    (void)l;
    (void)guest;
    (void)ret;
    return not_built(reterr);
}

int dmv_libvirt_save(DmvLibvirt *l, const char *guest, DmvError *reterr)
{
    (void)l;
    (void)guest;
    return not_built(reterr);
}

int dmv_libvirt_restore(DmvLibvirt *l, const char *guest, int64_t *ret, DmvError *reterr)
{
    (void)l;
    (void)guest;
    (void)ret;
    return not_built(reterr);
}
