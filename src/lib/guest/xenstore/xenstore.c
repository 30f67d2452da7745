/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxenstore. Nothing is written: a transaction that was only read in is given up, and that is no failure.
 */
#include "guest/xenstore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

#include "base/text.h"

struct DmvXenstore {
    struct xs_handle *handle;
    xs_transaction_t transaction;
};

int dmv_xenstore_open(DmvXenstore **ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE DmvXenstore *x = calloc(1, sizeof(*x));

    if (!x)
        return -ENOMEM;
    x->transaction = XBT_NULL;
    x->handle = xs_open(0);
    if (!x->handle) {
        int error = errno;

        if (error == ENOENT || error == ENXIO || error == ENODEV)
            return dmv_error_set(reterr, DMV_NO_SUCH_OBJECT, NULL, NULL, "xenstored does not run here");
        return dmv_error_set(reterr, error > 0 ? -error : -EIO, NULL, NULL, "xenstored cannot be reached: %s",
                             strerror(error));
    }
    *ret = DMV_TAKE_PTR(x);
    return 0;
}

DmvXenstore *dmv_xenstore_free(DmvXenstore *x)
{
    if (x)
        xs_close(x->handle);
    free(x);
    return NULL;
}

/* libxenstore says everything by errno, and a broken connection by one of these. */
static int failure(void)
{
    return errno > 0 ? -errno : -EIO;
}

static int get(const char *path, char **ret, void *userdata)
{
    const DmvXenstore *x = userdata;
    unsigned size = 0;
    char *value = xs_read(x->handle, x->transaction, path, &size); /* with a NUL behind it */

    if (!value)
        return failure();
    *ret = value;
    return 0;
}

/* The names come in one block of memory. */
static int list(const char *path, char ***ret, void *userdata)
{
    const DmvXenstore *x = userdata;
    unsigned n = 0;
    DMV_CLEANUP_FREE char **names = xs_directory(x->handle, x->transaction, path, &n);
    DMV_CLEANUP_STRV char **copy = NULL;

    if (!names)
        return failure();
    if (n > 0 && !(copy = calloc((size_t)n + 1, sizeof(*copy))))
        return -ENOMEM;
    for (unsigned i = 0; i < n; i++)
        if (!(copy[i] = strdup(names[i])))
            return -ENOMEM;
    *ret = DMV_TAKE_PTR(copy);
    return 0;
}

static int begin(void *userdata)
{
    DmvXenstore *x = userdata;

    x->transaction = xs_transaction_start(x->handle);
    return x->transaction == XBT_NULL ? failure() : 0;
}

static void end(void *userdata)
{
    DmvXenstore *x = userdata;

    (void)xs_transaction_end(x->handle, x->transaction, true);
    x->transaction = XBT_NULL;
}

DmvXenstoreReader dmv_xenstore_reader(DmvXenstore *x)
{
    return (DmvXenstoreReader){.get = get, .list = list, .begin = begin, .end = end, .userdata = x};
}
