/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the private keys of root and catalog lie. See keyfile.h. */
#include "cli/publish/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

int dmv_keyfile_save(const DmvPublisher *p, const char *prefix, const DmvSignkey *k, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *path = NULL, *pem = NULL;
    size_t size = 0;
    int r = dmv_signkey_to_pem(k, &pem, &size);

    if (r == 0 && asprintf(&path, DMV_PUBLISH_KEYS "/%s.%.16s.pem", prefix, k->id) < 0)
        r = -ENOMEM;
    if (r == 0)
        r = dmv_publisher_write(p, path, pem, size, 0600, reterr);
    if (pem)
        OPENSSL_cleanse(pem, size);
    return r;
}

int dmv_keyfile_load(const DmvPublisher *p, const char *prefix, char *const *folders, DmvSignkeys *ret,
                     DmvError *reterr)
{
    int r = dmv_signkeys_load(p->fd, DMV_PUBLISH_KEYS, prefix, ret, reterr);

    for (size_t i = 0; folders && folders[i] && r == 0; i++) {
        DMV_CLEANUP_CLOSE int fd = open(folders[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
            return dmv_error_set(reterr, -errno, "cannot read the keys", NULL, "%s: %s", folders[i],
                                 strerror(errno));
        r = dmv_signkeys_load(fd, ".", prefix, ret, reterr);
    }
    return r;
}
