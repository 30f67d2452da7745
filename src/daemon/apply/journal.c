/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal of a running transaction.
 *
 * It is replaced by rename after a sync, so a power cut leaves the old or the new one; the checksum is for
 * disks that promise a sync and don't keep it. A journal that fails it proves nothing about the trees and is
 * set aside.
 */
#include "daemon/apply/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "host/fs.h"

/* 1, which earlier versions wrote, says nothing of folders that change places. */
#define SPEC 2
#define SPEC_LEAST 1

/* 100,000 entries with a path and a target of 1 KiB each do not occur; 64 MiB is far above what does. */
static const DmvJsonLimits limits = {
    .size = (size_t)64 * 1024 * 1024, .depth = 8, .nodes = 2000000, .plain_integers = true};

static const char *const state_names[] = {
    [DMV_JOURNAL_APPLYING] = "applying",
    [DMV_JOURNAL_APPLIED] = "applied",
};
_Static_assert(DMV_N_ELEMENTS(state_names) == DMV_JOURNAL_STATE_MAX, "a name for every state");

void dmv_journal_deinit(DmvJournal *j)
{
    for (size_t i = 0; i < j->n_entries; i++) {
        free(j->entries[i].path);
        dmv_image_deinit(&j->entries[i].before);
    }
    for (size_t i = 0; i < j->n_kernels; i++) {
        free(j->kernels[i].release);
        free(j->kernels[i].stamp);
        free(j->kernels[i].print);
        dmv_strv_free(j->kernels[i].index);
    }
    for (size_t i = 0; i < j->n_initrds; i++) {
        free(j->initrds[i].path);
        free(j->initrds[i].kernel);
    }
    free(j->entries);
    free(j->kernels);
    free(j->initrds);
    *j = (DmvJournal){0};
}

const DmvJournalEntry *dmv_journal_find(const DmvJournal *j, const char *path)
{
    for (size_t i = 0; i < j->n_entries; i++)
        if (dmv_streq(j->entries[i].path, path))
            return &j->entries[i];
    return NULL;
}

/* ---- to bytes ---- */

static int entry_to_json(const DmvJournalEntry *e, json_object **ret)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    DMV_CLEANUP_FREE char *hex = NULL;
    int r = o ? 0 : -ENOMEM;

    if (e->before.data) {
        hex = malloc(e->before.size * 2 + 1);
        if (!hex)
            return -ENOMEM;
        dmv_hex((const uint8_t *)e->before.data, e->before.size, hex);
    }
    if (r == 0)
        r = dmv_json_add_string(o, "path", e->path);
    if (r == 0)
        r = dmv_json_add_string(o, "kind", dmv_image_kind_to_string(e->before.kind));
    if (r == 0)
        r = dmv_json_add_string(o, "data", hex);
    if (r == 0)
        r = dmv_json_add_int(o, "mode", (int64_t)e->before.mode);
    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(o);
    return 0;
}

/* An inode has up to 64 bits, a number in JSON that everybody reads alike 53. */
static int add_inode(json_object *o, const char *key, uint64_t inode)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRIu64, inode);
    return dmv_json_add_string(o, key, text);
}

static int exchange_to_json(const DmvJournalKernel *k, json_object *o)
{
    int r = add_inode(o, "old", k->old_inode);

    if (r == 0)
        r = add_inode(o, "new", k->new_inode);
    return r == 0 ? dmv_json_add_string(o, "print", k->print) : r;
}

static int kernel_to_json(const DmvJournalKernel *k, json_object **ret)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    int r = o ? 0 : -ENOMEM;

    if (r == 0)
        r = dmv_json_add_string(o, "release", k->release);
    if (r == 0)
        r = dmv_json_add_strv(o, "index", k->index);
    if (r == 0)
        r = dmv_json_add_string(o, "stamp", k->stamp ? k->stamp : "");
    if (r == 0 && k->print)
        r = exchange_to_json(k, o);
    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(o);
    return 0;
}

static int array_push(json_object *array, json_object *item)
{
    if (json_object_array_add(array, item) == 0)
        return 0;
    json_object_put(item);
    return -ENOMEM;
}

static int add_entries(json_object *o, const DmvJournal *j)
{
    json_object *array = json_object_new_array();
    int r = dmv_json_add(o, "entries", array);

    for (size_t i = 0; r == 0 && i < j->n_entries; i++) {
        json_object *item = NULL;

        r = entry_to_json(&j->entries[i], &item);
        if (r == 0)
            r = array_push(array, item);
    }
    return r;
}

static int add_kernels(json_object *o, const DmvJournal *j)
{
    json_object *array = json_object_new_array();
    int r = dmv_json_add(o, "kernels", array);

    for (size_t i = 0; r == 0 && i < j->n_kernels; i++) {
        json_object *item = NULL;

        r = kernel_to_json(&j->kernels[i], &item);
        if (r == 0)
            r = array_push(array, item);
    }
    return r;
}

static int add_initrds(json_object *o, const DmvJournal *j)
{
    json_object *array = json_object_new_array();
    int r = dmv_json_add(o, "initrds", array);

    for (size_t i = 0; r == 0 && i < j->n_initrds; i++) {
        DMV_CLEANUP_JSON json_object *item = json_object_new_object();

        r = item ? dmv_json_add_string(item, "path", j->initrds[i].path) : -ENOMEM;
        if (r == 0)
            r = dmv_json_add_string(item, "kernel", j->initrds[i].kernel);
        if (r == 0 && j->initrds[i].is_new)
            r = dmv_json_add_bool(item, "new", true);
        if (r == 0)
            r = array_push(array, DMV_TAKE_PTR(item));
    }
    return r;
}

static int hash_of(json_object *body, char ret_hex[DMV_SHA256_HEX])
{
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size;
    int r = dmv_json_format(body, &text, &size);

    return r < 0 ? r : dmv_sha256_hex(text, size, ret_hex);
}

int dmv_journal_format(const DmvJournal *j, char **ret, size_t *ret_size)
{
    DMV_CLEANUP_JSON json_object *top = json_object_new_object();
    json_object *body = json_object_new_object();
    char hex[DMV_SHA256_HEX];
    int r;

    if (!top) {
        json_object_put(body);
        return -ENOMEM;
    }
    r = dmv_json_add(top, "journal", body);
    if (r == 0)
        r = dmv_json_add_int(body, "spec", SPEC);
    if (r == 0)
        r = dmv_json_add_string(body, "state", state_names[j->state]);
    if (r == 0)
        r = dmv_json_add_int(body, "generation", (int64_t)j->generation);
    if (r == 0)
        r = add_entries(body, j);
    if (r == 0)
        r = add_kernels(body, j);
    if (r == 0)
        r = add_initrds(body, j);
    if (r == 0)
        r = hash_of(body, hex);
    if (r == 0)
        r = dmv_json_add_string(top, "sha256", hex);
    return r < 0 ? r : dmv_json_format(top, ret, ret_size);
}

/* ---- from bytes ---- */

static int malformed(DmvError *e, const char *what)
{
    return dmv_error_set(e, DMV_MALFORMED, NULL, NULL, "the journal has a bad %s", what);
}

static unsigned nibble(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static int unhex(const char *hex, char **ret, size_t *ret_size)
{
    size_t n = strlen(hex);
    char *data;

    if (n % 2 || (n > 0 && !dmv_is_hex(hex, n)))
        return -EINVAL;
    data = malloc(n / 2 + 1);
    if (!data)
        return -ENOMEM;
    for (size_t i = 0; i < n / 2; i++)
        data[i] = (char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    data[n / 2] = '\0';
    *ret = data;
    *ret_size = n / 2;
    return 0;
}

static int read_image(const char *kind, const char *data, int64_t mode, DmvImage *ret, DmvError *reterr)
{
    bool has_data;
    int r;

    ret->kind = dmv_image_kind_from_string(kind);
    ret->mode = (mode_t)mode;
    has_data = ret->kind == DMV_IMAGE_LINK || ret->kind == DMV_IMAGE_FILE;
    if (ret->kind == DMV_IMAGE_INVALID || mode > 07777 || has_data != (data != NULL))
        return malformed(reterr, "entry");
    if (!data)
        return 0;
    r = unhex(data, &ret->data, &ret->size);
    if (r == -EINVAL || (r == 0 && ret->kind == DMV_IMAGE_LINK && strlen(ret->data) != ret->size))
        return malformed(reterr, "content of an entry");
    return r;
}

static int read_entry(json_object *o, DmvJournal *j, DmvError *reterr)
{
    const char *path = NULL, *kind = NULL, *data = NULL;
    int64_t mode = 0;
    const DmvJsonField fields[] = {
        {"path", DMV_JSON_STRING, DMV_JSON_REQUIRED, (void *)&path},
        {"kind", DMV_JSON_STRING, DMV_JSON_REQUIRED, (void *)&kind},
        {"data", DMV_JSON_STRING, 0, (void *)&data},
        {"mode", DMV_JSON_INT, DMV_JSON_REQUIRED, &mode},
    };
    DmvJournalEntry *e;
    int r = dmv_json_read(o, "an entry", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r != 0)
        return r;
    if (!dmv_relative_path_is_valid(path) || dmv_journal_find(j, path))
        return malformed(reterr, "path");
    e = DMV_ARRAY_ADD(j->entries, j->n_entries);
    if (!e)
        return -ENOMEM;
    r = dmv_set_string(&e->path, path);
    return r < 0 ? r : read_image(kind, data, mode, &e->before, reterr);
}

/* All of it or nothing. Return: 0, or -EINVAL. */
static int read_exchange(DmvJournalKernel *k, const char *old_inode, const char *new_inode)
{
    if (!k->print)
        return old_inode || new_inode ? -EINVAL : 0;
    if (!dmv_is_hex(k->print, DMV_SHA256_HEX - 1) || !old_inode || !new_inode ||
        dmv_parse_u64(old_inode, UINT64_MAX, &k->old_inode) < 0 ||
        dmv_parse_u64(new_inode, UINT64_MAX, &k->new_inode) < 0)
        return -EINVAL;
    return 0;
}

static int read_kernel(json_object *o, DmvJournal *j, DmvError *reterr)
{
    DmvJournalKernel *k = DMV_ARRAY_ADD(j->kernels, j->n_kernels);
    const char *old_inode = NULL, *new_inode = NULL;
    const DmvJsonField fields[] = {
        {"release", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, k ? &k->release : NULL},
        {"index", DMV_JSON_STRV, DMV_JSON_REQUIRED, k ? &k->index : NULL},
        {"stamp", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, k ? &k->stamp : NULL},
        {"old", DMV_JSON_STRING, 0, (void *)&old_inode},
        {"new", DMV_JSON_STRING, 0, (void *)&new_inode},
        {"print", DMV_JSON_STRDUP, 0, k ? &k->print : NULL},
    };
    int r;

    if (!k)
        return -ENOMEM;
    r = dmv_json_read(o, "a kernel", fields, DMV_N_ELEMENTS(fields), false, reterr);
    if (r != 0)
        return r;
    r = read_exchange(k, old_inode, new_inode);
    if (r < 0)
        return malformed(reterr, "exchange of folders");
    if (!dmv_kernel_name_is_valid(k->release))
        return malformed(reterr, "kernel release");
    for (char **name = k->index; name && *name; name++)
        if (!dmv_name_is_valid(*name))
            return malformed(reterr, "name of an index file");
    return 0;
}

static int read_initrd(json_object *o, DmvJournal *j, DmvError *reterr)
{
    DmvJournalInitrd *i = DMV_ARRAY_ADD(j->initrds, j->n_initrds);
    const DmvJsonField fields[] = {
        {"path", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, i ? &i->path : NULL},
        {"kernel", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, i ? &i->kernel : NULL},
        {"new", DMV_JSON_BOOL, 0, i ? &i->is_new : NULL},
    };
    int r;

    if (!i)
        return -ENOMEM;
    r = dmv_json_read(o, "an initrd", fields, DMV_N_ELEMENTS(fields), false, reterr);
    if (r != 0)
        return r;
    if (!dmv_relative_path_is_valid(i->path) || !strchr(i->path, '/'))
        return malformed(reterr, "path of an initrd");
    return dmv_kernel_name_is_valid(i->kernel) ? 0 : malformed(reterr, "kernel of an initrd");
}

static int read_list(json_object *list, int (*read_item)(json_object *, DmvJournal *, DmvError *),
                     DmvJournal *j, DmvError *reterr)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < json_object_array_length(list); i++)
        r = read_item(json_object_array_get_idx(list, i), j, reterr);
    return r;
}

static int read_body(json_object *body, DmvJournal *j, DmvError *reterr)
{
    json_object *entries = NULL, *kernels = NULL, *initrds = NULL;
    const char *state = NULL;
    int64_t spec = 0, generation = 0;
    const DmvJsonField fields[] = {
        {"spec", DMV_JSON_INT, DMV_JSON_REQUIRED, &spec},
        {"state", DMV_JSON_STRING, DMV_JSON_REQUIRED, (void *)&state},
        {"generation", DMV_JSON_INT, DMV_JSON_REQUIRED, &generation},
        {"entries", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, (void *)&entries},
        {"kernels", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, (void *)&kernels},
        {"initrds", DMV_JSON_ARRAY, 0, (void *)&initrds}, /* a journal of an earlier version has none */
    };
    int r = dmv_json_read(body, "journal", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r != 0)
        return r;
    if (spec < SPEC_LEAST || spec > SPEC)
        return dmv_error_set(reterr, DMV_UNKNOWN_SPEC, NULL, NULL,
                             "the journal is one of another version of dmv");
    j->generation = (uint64_t)generation;
    j->state = DMV_JOURNAL_STATE_INVALID;
    for (int i = 0; i < DMV_JOURNAL_STATE_MAX; i++)
        if (dmv_streq(state, state_names[i]))
            j->state = (DmvJournalState)i;
    if (j->state == DMV_JOURNAL_STATE_INVALID)
        return malformed(reterr, "state");
    r = read_list(entries, read_entry, j, reterr);
    if (r == 0)
        r = read_list(kernels, read_kernel, j, reterr);
    return r == 0 && initrds ? read_list(initrds, read_initrd, j, reterr) : r;
}

int dmv_journal_parse(const char *data, size_t size, DmvJournal *ret, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *top = NULL;
    DMV_CLEANUP_JOURNAL DmvJournal j = {0};
    json_object *body = NULL;
    const char *sha256 = NULL;
    char hex[DMV_SHA256_HEX];
    const DmvJsonField fields[] = {
        {"journal", DMV_JSON_OBJECT, DMV_JSON_REQUIRED, (void *)&body},
        {"sha256", DMV_JSON_STRING, DMV_JSON_REQUIRED, (void *)&sha256},
    };
    int r = dmv_json_parse(data, size, &limits, &top, reterr);

    if (r == 0)
        r = dmv_json_read(top, "top", fields, DMV_N_ELEMENTS(fields), false, reterr);
    if (r == 0)
        r = hash_of(body, hex);
    if (r != 0)
        return r;
    if (!dmv_streq(hex, sha256))
        return dmv_error_set(reterr, DMV_HASH_MISMATCH, NULL, NULL,
                             "the journal is torn: its checksum is wrong");
    r = read_body(body, &j, reterr);
    if (r != 0)
        return r;
    *ret = j;
    j = (DmvJournal){0};
    return 0;
}

/* ---- on the disk ---- */

int dmv_journal_save(int root, const DmvJournal *j)
{
    DMV_CLEANUP_IMAGE DmvImage image = {.kind = DMV_IMAGE_FILE, .mode = 0600};
    int r = dmv_journal_format(j, &image.data, &image.size);

    if (r >= 0)
        r = dmv_fs_mkdirs(root, DMV_STATE_DIR, 0755);
    if (r >= 0)
        r = dmv_image_replace(root, DMV_JOURNAL_PATH, &image);
    if (r >= 0)
        r = dmv_fs_sync_dir(root, DMV_STATE_DIR);
    return r < 0 ? r : 0;
}

int dmv_journal_load(int root, DmvJournal *ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size;
    int r = dmv_fs_read_private(root, DMV_JOURNAL_PATH, limits.size, &data, &size);

    if (r == -ENOENT)
        return DMV_NO_SUCH_OBJECT;
    if (r < 0)
        return dmv_error_set(reterr, r, NULL, NULL, "cannot read the journal: %s", dmv_fs_private_words(r));
    return dmv_journal_parse(data, size, ret, reterr);
}

int dmv_journal_remove(int root)
{
    const char *name;
    DMV_CLEANUP_CLOSE int folder = dmv_image_open_parent(root, DMV_JOURNAL_PATH, &name);

    if (folder < 0)
        return folder == -ENOENT ? 0 : folder;
    if (unlinkat(folder, DMV_IMAGE_TEMPORARY, 0) < 0 && errno != ENOENT)
        return -errno;
    if (renameat(folder, name, folder, DMV_IMAGE_TEMPORARY) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fsync(folder) < 0) {
        int e = -errno;

        if (renameat(folder, DMV_IMAGE_TEMPORARY, folder, name) == 0)
            return e;
    }
    (void)unlinkat(folder, DMV_IMAGE_TEMPORARY, 0); /* otherwise it is a leftover */
    return 0;
}

int dmv_journal_set_aside(int root)
{
    return dmv_fs_rename(root, DMV_JOURNAL_PATH, DMV_JOURNAL_BROKEN_PATH, false);
}
