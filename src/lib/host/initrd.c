/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Initrd images: which there are, and the members of one. See initrd.h.
 *
 * A member's content is looked at while the image goes by, and only the modules and the files of modprobe.d
 * are read into memory, one at a time. What the members mean together is decided afterwards by
 * model/initrd-tree.c.
 */
#include "host/initrd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "host/fs.h"
#include "host/initrd-source.h"
#include "host/module-file.h"
#include "host/observe.h"
#include "model/initrd-tree.h"

/* A generic image of Debian has 4,000 members. */
#define MEMBERS_MAX 500000
#define ARCHIVES_MAX 1024
#define MEMBER_MAX ((uint32_t)2 * 1024 * 1024 * 1024)
#define SETTINGS_MAX ((uint32_t)1024 * 1024)
/* A module's content is read in steps, so that a size that lies costs no memory. */
#define STEP ((size_t)1024 * 1024)

typedef struct Reader {
    DmvInitrdSource source;
    DmvInitrdTree tree;
    size_t n_members, n_archives;
    bool hashed; /* modules are wanted with their SHA-256 */
    DmvError *reterr;
} Reader;

static void reader_deinit(Reader *r)
{
    dmv_initrd_source_deinit(&r->source);
    dmv_initrd_tree_deinit(&r->tree);
}

static int malformed(Reader *r, const char *why)
{
    return dmv_error_set(r->reterr, DMV_MALFORMED, "the initrd is malformed", "rebuild it", "%s", why);
}

static int too_large(Reader *r, const char *why)
{
    return dmv_error_set(r->reterr, DMV_TOO_LARGE, "the initrd is too large", NULL, "%s", why);
}

static int skip(Reader *r, uint64_t size)
{
    return dmv_initrd_source_read(&r->source, NULL, size, r->reterr);
}

/* The body of a member and a NUL. */
static int read_body(Reader *r, uint32_t size, char **ret)
{
    DMV_CLEANUP_FREE char *body = NULL;

    for (size_t done = 0; done < size || !body;) {
        size_t n = size - done < STEP ? size - done : STEP;
        char *p = realloc(body, done + n + 1);
        int e;

        if (!p)
            return -ENOMEM;
        body = p;
        e = dmv_initrd_source_read(&r->source, body + done, n, r->reterr);
        if (e != 0)
            return e;
        done += n;
        body[done] = '\0';
    }
    *ret = DMV_TAKE_PTR(body);
    return 0;
}

/* ---- members ---- */

/* @ret_hash: filled if it is not NULL. */
static int parse_plain(const void *body, size_t size, DmvModuleInfo *ret, char *ret_hash, DmvError *reterr)
{
    int r = dmv_module_parse(body, size, ret, reterr);

    return r == 0 && ret_hash ? dmv_sha256_hex(body, size, ret_hash) : r;
}

static int parse_module(const void *body, size_t size, DmvModuleInfo *ret, char *ret_hash, DmvError *reterr)
{
    DMV_CLEANUP_FREE void *plain = NULL;
    size_t plain_size = 0;
    int r;

    if (!dmv_unpack_is_compressed(body, size))
        return parse_plain(body, size, ret, ret_hash, reterr);
    r = dmv_module_file_unpack(body, size, &plain, &plain_size, reterr);
    return r == 0 ? parse_plain(plain, plain_size, ret, ret_hash, reterr) : r;
}

static int take_module(Reader *r, const char *path, const DmvCpioHeader *h)
{
    DMV_CLEANUP(dmv_module_info_deinit) DmvModuleInfo info = {0};
    DMV_CLEANUP_ERROR DmvError error = {0};
    DMV_CLEANUP_FREE char *body = NULL;
    char hash[DMV_SHA256_HEX] = "";
    DmvInitrdMember *m;
    int e = 0, code = 0;

    if (h->size > DMV_MODULE_MAX) {
        code = dmv_error_set(&error, DMV_TOO_LARGE, NULL, NULL, "it has more than %zu bytes", DMV_MODULE_MAX);
        e = skip(r, h->size);
    } else {
        e = read_body(r, h->size, &body);
        /* the content of a hard link may stand with another of its names */
        if (e == 0 && !(h->size == 0 && h->n_links > 1))
            code = parse_module(body, h->size, &info, r->hashed ? hash : NULL, &error);
    }
    if (e == 0 && code != 0)
        e = dmv_initrd_tree_problem(&r->tree, path, code, error.why ? error.why : strerror(-code));
    if (e == 0)
        e = dmv_initrd_tree_add(&r->tree, DMV_INITRD_MODULE, path, &m);
    if (e != 0)
        return e;
    m->header = *h;
    m->archive = r->n_archives;
    m->unusable = code != 0;
    m->size = info.size;
    m->build_id = DMV_TAKE_PTR(info.build_id);
    return hash[0] ? dmv_set_string(&m->sha256, hash) : 0;
}

static int take_link(Reader *r, const char *path, const DmvCpioHeader *h)
{
    DMV_CLEANUP_FREE char *target = NULL;
    DmvInitrdMember *m;
    int e;

    if (h->size == 0 || h->size >= DMV_INITRD_NAME_MAX) {
        e = dmv_initrd_tree_problem(&r->tree, path, DMV_MALFORMED,
                                    "the target of this link has an impossible length");
        return e == 0 ? skip(r, h->size) : e;
    }
    e = read_body(r, h->size, &target);
    if (e == 0)
        e = dmv_initrd_tree_add(&r->tree, DMV_INITRD_LINK, path, &m);
    if (e != 0)
        return e;
    r->tree.names_size += h->size;
    m->target = DMV_TAKE_PTR(target);
    return 0;
}

static int take_settings(Reader *r, const char *path, const DmvCpioHeader *h)
{
    DMV_CLEANUP_FREE char *body = NULL;
    DmvInitrdMember *m;
    int e;

    if (h->size > SETTINGS_MAX) {
        e = dmv_initrd_tree_problem(&r->tree, path, DMV_TOO_LARGE, "this file has more than 1 MiB");
        return e == 0 ? skip(r, h->size) : e;
    }
    e = read_body(r, h->size, &body);
    if (e == 0)
        e = dmv_initrd_tree_add(&r->tree, DMV_INITRD_SETTINGS, path, &m);
    return e == 0 ? dmv_initrd_blacklist_parse(body, h->size, &m->blacklist) : e;
}

static int take_body(Reader *r, const char *path, const DmvCpioHeader *h)
{
    DmvInitrdMember *m;
    int e;

    switch (dmv_initrd_kind(path, h->mode)) {
    case DMV_INITRD_LINK:
        return take_link(r, path, h);
    case DMV_INITRD_MODULE:
        return take_module(r, path, h);
    case DMV_INITRD_SETTINGS:
        return take_settings(r, path, h);
    case DMV_INITRD_INDEX:
        e = dmv_initrd_tree_add(&r->tree, DMV_INITRD_INDEX, path, &m);
        return e == 0 ? skip(r, h->size) : e;
    case DMV_INITRD_KIND_MAX:
    case DMV_INITRD_KIND_INVALID:
        break;
    }
    return skip(r, h->size);
}

static const char *name_problem(int code)
{
    return code == DMV_TOO_DEEP ? "its name has too many components"
                                : "this is no name of a file below the root";
}

static int take_member(Reader *r, const char *name, const DmvCpioHeader *h)
{
    char path[DMV_INITRD_NAME_MAX];
    int e = 0, code = 0;

    if (strcmp(name, ".") == 0 || strcmp(name, "/") == 0) { /* the root itself */
        e = skip(r, h->size);
    } else if ((code = dmv_initrd_path_clean(name, path)) != 0) {
        e = dmv_initrd_tree_problem(&r->tree, name, code, name_problem(code));
        if (e == 0)
            e = skip(r, h->size);
    } else {
        if (r->tree.maker == DMV_INITRD_MAKER_UNKNOWN)
            r->tree.maker = dmv_initrd_maker_of_member(path);
        e = take_body(r, path, h);
    }
    if (e == DMV_TOO_LARGE && r->tree.names_size > DMV_INITRD_NAMES_MAX)
        return too_large(r, "the names of its modules and links take too much memory");
    return e == 0 ? skip(r, dmv_cpio_body_padding(h)) : e;
}

/* ---- archives ---- */

/* A header and its name. The kernel skips a member with an impossible name, and so do we: *@ret_named
 * is false. */
static int read_header(Reader *r, DmvCpioHeader *h, char name[DMV_INITRD_NAME_MAX], bool *ret_named)
{
    char bytes[DMV_CPIO_HEADER];
    int e = dmv_initrd_source_read(&r->source, bytes, sizeof(bytes), r->reterr);

    if (e != 0)
        return e;
    if (dmv_cpio_header_parse(bytes, h) != 0)
        return malformed(r, "a member does not begin with a cpio header (newc)");
    if (h->size > MEMBER_MAX)
        return too_large(r, "a member has more than 2 GiB");
    *ret_named = h->name_size > 0 && h->name_size <= DMV_INITRD_NAME_MAX;
    e = dmv_initrd_source_read(&r->source, *ret_named ? name : NULL, h->name_size, r->reterr);
    if (e == 0)
        e = skip(r, dmv_cpio_name_padding(h));
    if (e == 0 && *ret_named && name[h->name_size - 1] != '\0')
        return malformed(r, "the name of a member does not end");
    return e;
}

static int read_archive(Reader *r)
{
    if (++r->n_archives > ARCHIVES_MAX)
        return too_large(r, "it holds too many archives");
    for (;;) {
        char name[DMV_INITRD_NAME_MAX];
        bool named = false;
        DmvCpioHeader h;
        int e = read_header(r, &h, name, &named);

        if (e != 0)
            return e;
        if (++r->n_members > MEMBERS_MAX)
            return too_large(r, "it has too many members");
        if (named && strcmp(name, DMV_CPIO_TRAILER) == 0)
            return skip(r, h.size + dmv_cpio_body_padding(&h));
        if (named) {
            e = take_member(r, name, &h);
        } else {
            e = dmv_initrd_tree_problem(&r->tree, "a member", DMV_INVALID_NAME,
                                        "its name has an impossible length");
            if (e == 0)
                e = skip(r, h.size + dmv_cpio_body_padding(&h));
        }
        if (e != 0)
            return e;
    }
}

static int read_image(Reader *r, DmvInitrd *ret)
{
    int e = 0;

    for (;;) {
        bool found = false;

        e = dmv_initrd_source_next_archive(&r->source, &found, r->reterr);
        if (e == 0 && found)
            e = read_archive(r);
        if (e != 0)
            return e;
        if (!found)
            break;
    }
    if (r->n_archives == 0)
        return dmv_error_set(r->reterr, DMV_EMPTY, "the initrd is empty", "rebuild it",
                             "there is no archive in it");
    return dmv_initrd_tree_finish(&r->tree, ret);
}

static int read_source(const void *memory, int fd, uint64_t size, bool hashed, DmvInitrd *ret,
                       DmvError *reterr)
{
    __attribute__((cleanup(reader_deinit))) Reader r = {.hashed = hashed, .reterr = reterr};
    int e;

    if (size > DMV_INITRD_MAX)
        return too_large(&r, "the image has more than 1 GiB");
    e = dmv_initrd_source_init(&r.source, memory, fd, size);
    return e == 0 ? read_image(&r, ret) : e;
}

int dmv_initrd_parse(const void *data, size_t size, DmvInitrd *ret, DmvError *reterr)
{
    return read_source(data, -1, size, false, ret, reterr);
}

static int read_file(const DmvRoots *r, const char *path, bool hashed, DmvInitrd *ret, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open(r->fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    DMV_CLEANUP_INITRD DmvInitrd i = {0};
    struct stat st;
    int e;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    e = read_source(NULL, fd, (uint64_t)st.st_size, hashed, &i, reterr);
    if (e == 0)
        e = dmv_set_string(&i.path, path);
    if (e != 0)
        return e;
    *ret = i;
    i = (DmvInitrd){0};
    return 0;
}

int dmv_initrd_read(const DmvRoots *r, const char *path, DmvInitrd *ret, DmvError *reterr)
{
    return read_file(r, path, false, ret, reterr);
}

int dmv_initrd_read_hashed(const DmvRoots *r, const char *path, DmvInitrd *ret, DmvError *reterr)
{
    return read_file(r, path, true, ret, reterr);
}
