/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of a module. See inspect.h. A file is read once, and hash and signature are of the same bytes. */
#include "daemon/shared/inspect.h"

#include <errno.h>

#include "base/hash.h"
#include "base/text.h"
#include "host/module-file.h"
#include "host/observe.h"

static int look_at_bytes(const void *data, size_t size, const DmvCertificates *c, DmvInspected *ret,
                         DmvError *reterr)
{
    DMV_CLEANUP(dmv_module_info_deinit) DmvModuleInfo info = {0};
    char hash[DMV_SHA256_HEX];
    int r = dmv_module_parse(data, size, &info, reterr);

    if (r != 0)
        return r;
    ret->build_id = DMV_TAKE_PTR(info.build_id);
    ret->signature.name = DMV_TAKE_PTR(info.sig_signer);
    ret->signature.key = DMV_TAKE_PTR(info.sig_key);
    r = dmv_sha256_hex(data, size, hash);
    if (r == 0)
        r = dmv_set_string(&ret->sha256, hash);
    if (r == 0)
        ret->signature.code = dmv_modsig_verify(data, size, c, NULL, &ret->signature.signer, NULL);
    return ret->signature.code < 0 ? ret->signature.code : r;
}

int dmv_inspect_module(int dirfd, const char *path, const DmvCertificates *c, DmvInspected *ret)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE void *data = NULL;
    size_t size = 0;
    int r = dmv_set_string(&ret->path, path);

    ret->signature.code = DMV_MODULE_UNSIGNED;
    if (r == 0)
        r = dmv_module_file_bytes(dirfd, path, &data, &size, &e);
    if (r == 0)
        r = look_at_bytes(data, size, c, ret, &e);
    if (r == 0 || r == -ENOMEM)
        return r;
    return dmv_set_string(&ret->problem, dmv_error_words(&e, r));
}
