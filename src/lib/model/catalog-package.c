/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A package of a release: one RPM and the files in it. See catalog.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "model/catalog-read.h"

#define SIZE_MAX_FILE ((int64_t)1 << 40)

static bool is_size(int64_t n)
{
    return n >= 1 && n <= SIZE_MAX_FILE;
}

/* Whole bytes in lower-case hex, at most @max of them. */
static bool is_hex_bytes(const char *s, size_t max)
{
    size_t n = strlen(s);

    return n > 0 && n % 2 == 0 && n <= 2 * max && dmv_is_hex(s, n);
}

/* Fit to name a package: printable, and never a path. */
static bool is_package_name(const char *s)
{
    size_t n = 0;

    for (; s[n]; n++)
        if (s[n] <= ' ' || s[n] >= 0x7f || s[n] == '/' || s[n] == '\\')
            return false;
    return n > 0 && n <= 255 && s[0] != '.' && s[0] != '-';
}

/* Relative to the repository, and the same path whoever reads it: no scheme, query, or percent that hides a
 * dot. */
static bool is_href(const char *s)
{
    return dmv_relative_path_is_valid(s) && !strpbrk(s, ":?#%");
}

static bool names_package(const char *nevra, const char *name)
{
    size_t n = strlen(name);

    return is_package_name(nevra) && strncmp(nevra, name, n) == 0 && nevra[n] == '-' && nevra[n + 1] != '\0';
}

/* ---- files ---- */

static int check_path(DmvCatalogReader *c, const char *path, const char *where, bool *ret_module)
{
    char name[128];

    if (!dmv_relative_path_is_valid(path))
        return dmv_catalog_refuse(c, where, "has a \"path\" that is not a plain relative one");
    *ret_module = dmv_ends_with(path, ".ko");
    if (!*ret_module &&
        (dmv_ends_with(path, ".ko.xz") || dmv_ends_with(path, ".ko.zst") || dmv_ends_with(path, ".ko.gz")))
        return dmv_catalog_refuse(c, where, "is a compressed module, and those are not taken");
    if (*ret_module && (strchr(path, '/') || !dmv_module_name_from_file(path, name, sizeof(name))))
        return dmv_catalog_refuse(c, where, "is a module in a folder, or without a module's name");
    return 0;
}

static int read_file(DmvCatalogReader *c, json_object *o, const char *where, DmvCatalogFile *ret)
{
    const char *path = NULL, *sha256 = NULL, *build_id = NULL, *signer = NULL;
    int64_t size = 0;
    bool module = false;
    const DmvJsonField fields[] = {
        {"path", DMV_JSON_STRING, DMV_JSON_REQUIRED, &path},
        {"size", DMV_JSON_INT, DMV_JSON_REQUIRED, &size},
        {"sha256", DMV_JSON_STRING, DMV_JSON_REQUIRED, &sha256},
        {"build_id", DMV_JSON_STRING, 0, &build_id},
        {"signer", DMV_JSON_STRING, 0, &signer},
    };
    int r = dmv_json_read(o, where, fields, DMV_N_ELEMENTS(fields), false, c->reterr);

    if (r == 0)
        r = check_path(c, path, where, &module);
    if (r != 0)
        return r;
    if (!is_size(size))
        return dmv_catalog_refuse(c, where, "has a \"size\" that is not 1 to 2^40");
    if (!dmv_is_hex(sha256, 64))
        return dmv_catalog_refuse(c, where, "has a \"sha256\" that is not 64 lower-case hex digits");
    if (!module && (build_id || signer))
        return dmv_catalog_refuse(c, where, "has a build id or a signer, but is no module");
    if ((build_id && !is_hex_bytes(build_id, 64)) || (signer && !is_hex_bytes(signer, 64)))
        return dmv_catalog_refuse(c, where, "has a build id or a signer that is not lower-case hex");
    ret->size = (uint64_t)size;
    memcpy(ret->sha256, sha256, sizeof(ret->sha256));
    r = dmv_catalog_copy(c, path, &ret->path);
    if (r == 0)
        r = dmv_catalog_copy(c, build_id, &ret->build_id);
    return r == 0 ? dmv_catalog_copy(c, signer, &ret->signer) : r;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const DmvCatalogFile *)a)->path, ((const DmvCatalogFile *)b)->path);
}

/* Sorts, and looks at what only all the files together show. */
static int check_files(DmvCatalogReader *c, const char *where, DmvPackage *p)
{
    uint64_t sum = 0;

    qsort(p->files, p->n_files, sizeof(*p->files), compare_files);
    for (size_t i = 0; i < p->n_files; i++) {
        if (i > 0 && compare_files(&p->files[i - 1], &p->files[i]) == 0)
            return dmv_catalog_refuse(c, where, "has a path twice");
        sum += p->files[i].size; /* 4096 x 2^40 at most */
    }
    if (sum > p->unpacked)
        return dmv_catalog_refuse(c, where, "has files that are larger than \"unpacked\"");
    return 0;
}

static int read_files(DmvCatalogReader *c, json_object *array, const char *where, DmvPackage *ret)
{
    size_t n = json_object_array_length(array);

    if (n > DMV_CATALOG_FILES_MAX)
        return dmv_catalog_refuse(c, where, "has too many files");
    ret->files = dmv_arena_alloc(c->arena, n, sizeof(*ret->files));
    if (!ret->files)
        return dmv_error_set(c->reterr, -ENOMEM, NULL, NULL, "out of memory");
    for (; ret->n_files < n; ret->n_files++) {
        char place[160];
        int r;

        (void)snprintf(place, sizeof(place), "%s.files[%zu]", where, ret->n_files);
        r = read_file(c, json_object_array_get_idx(array, ret->n_files), place, &ret->files[ret->n_files]);
        if (r != 0)
            return r;
    }
    return check_files(c, where, ret);
}

/* ---- the RPM ---- */

static int read_rpm(DmvCatalogReader *c, json_object *o, const char *where, DmvPackage *ret)
{
    const char *name = NULL, *nevra = NULL, *href = NULL, *sha256 = NULL, *signer = NULL;
    int64_t size = 0;
    const DmvJsonField fields[] = {
        {"name", DMV_JSON_STRING, DMV_JSON_REQUIRED, &name},
        {"nevra", DMV_JSON_STRING, DMV_JSON_REQUIRED, &nevra},
        {"href", DMV_JSON_STRING, DMV_JSON_REQUIRED, &href},
        {"size", DMV_JSON_INT, DMV_JSON_REQUIRED, &size},
        {"sha256", DMV_JSON_STRING, DMV_JSON_REQUIRED, &sha256},
        {"signer", DMV_JSON_STRING, 0, &signer},
    };
    int r = dmv_json_read(o, where, fields, DMV_N_ELEMENTS(fields), true, c->reterr);

    if (r != 0)
        return r;
    if (!is_package_name(name) || !names_package(nevra, name))
        return dmv_catalog_refuse(c, where, "has a \"name\" or a \"nevra\" that is not a package's");
    if (!is_href(href))
        return dmv_catalog_refuse(c, where, "has an \"href\" that is not a plain relative path");
    if (!is_size(size))
        return dmv_catalog_refuse(c, where, "has a \"size\" that is not 1 to 2^40");
    if (!dmv_is_hex(sha256, 64))
        return dmv_catalog_refuse(c, where, "has a \"sha256\" that is not 64 lower-case hex digits");
    if (signer && !dmv_is_hex(signer, 16))
        return dmv_catalog_refuse(c, where, "has a \"signer\" that is not 16 lower-case hex digits");
    ret->size = (uint64_t)size;
    memcpy(ret->sha256, sha256, sizeof(ret->sha256));
    r = dmv_catalog_copy(c, name, &ret->name);
    if (r == 0)
        r = dmv_catalog_copy(c, nevra, &ret->nevra);
    if (r == 0)
        r = dmv_catalog_copy(c, href, &ret->href);
    return r == 0 ? dmv_catalog_copy(c, signer, &ret->signer) : r;
}

int dmv_catalog_read_package(DmvCatalogReader *c, json_object *o, const char *where, DmvPackage *ret)
{
    json_object *rpm = NULL, *files = NULL;
    const char *kernel = NULL;
    int64_t unpacked = 0;
    char place[160];
    const DmvJsonField fields[] = {
        {"kernel", DMV_JSON_STRING, DMV_JSON_REQUIRED, &kernel},
        {"rpm", DMV_JSON_OBJECT, DMV_JSON_REQUIRED, &rpm},
        {"unpacked", DMV_JSON_INT, DMV_JSON_REQUIRED, &unpacked},
        {"files", DMV_JSON_ARRAY, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &files},
    };
    int r = dmv_json_read(o, where, fields, DMV_N_ELEMENTS(fields), true, c->reterr);

    if (r != 0)
        return r;
    if (!dmv_kernel_name_is_valid(kernel))
        return dmv_catalog_refuse(c, where, "has a \"kernel\" that is not a kernel release");
    if (!is_size(unpacked))
        return dmv_catalog_refuse(c, where, "has an \"unpacked\" that is not 1 to 2^40");
    ret->unpacked = (uint64_t)unpacked;
    r = dmv_catalog_copy(c, kernel, &ret->kernel);
    if (r != 0)
        return r;
    (void)snprintf(place, sizeof(place), "%s.rpm", where);
    r = read_rpm(c, rpm, place, ret);
    return r == 0 ? read_files(c, files, where, ret) : r;
}
