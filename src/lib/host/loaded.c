/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel has loaded, from <sysfs>/module. A module's ELF notes are shown there byte for byte, so the
 * build-id says which file it was, whatever lies in the trees now.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/fs.h"
#include "host/observe.h"
#include "host/sysfs.h"
#include "model/note.h"

#define MODULES "module"
#define NOTE_MAX ((size_t)64 * 1024)

static int add_problem(DmvWorld *w, const char *module, const char *what, int code)
{
    DMV_CLEANUP_FREE char *object = NULL;

    if (code == -ENOMEM || asprintf(&object, MODULES "/%s/%s", module, what) < 0) {
        object = NULL;
        return -ENOMEM;
    }
    if (code == -EFBIG)
        (void)dmv_problem_add(&w->problems, object, DMV_TOO_LARGE, "it has more than %zu bytes", NOTE_MAX);
    else
        (void)dmv_problem_add(&w->problems, object, code, "%s",
                              code < 0 ? strerror(-code) : "this is not what an ELF note looks like");
    return 0;
}

static int read_texts(int fd, DmvLoaded *l, DmvWorld *w)
{
    DMV_CLEANUP_FREE char *state = NULL;
    const struct {
        const char *name;
        char **ret;
    } texts[] = {{"version", &l->version},
                 {"srcversion", &l->srcversion},
                 {"taint", &l->taint},
                 {"initstate", &state}};

    for (size_t i = 0; i < DMV_N_ELEMENTS(texts); i++) {
        int r = dmv_sysfs_text(fd, texts[i].name, texts[i].ret);

        if (r < 0)
            r = add_problem(w, l->name, texts[i].name, r);
        if (r < 0)
            return r;
    }
    l->coming = dmv_streq(state, "coming");
    return 0;
}

/* Return: 0, also if the note is not there; DMV_MALFORMED; a negative errno. */
static int read_build_id(int fd, DmvLoaded *l)
{
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int r = dmv_fs_read_file(fd, "notes/.note.gnu.build-id", NOTE_MAX, &data, &size);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    return dmv_build_id_parse(data, size, &l->build_id);
}

static int read_vendor_note(int fd, DmvLoaded *l)
{
    DMV_CLEANUP_FREE char *data = NULL;
    DmvNote note = {0};
    size_t size = 0;
    int r = dmv_fs_read_file(fd, "notes/.note.XenServer", NOTE_MAX, &data, &size);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    r = dmv_note_parse(data, size, &note);
    if (r != 0)
        return r;
    l->note_variant = note.variant;
    l->note_version = note.version;
    l->note_release = note.release;
    return 0;
}

static int observe_module(int modules, const char *name, DmvWorld *w)
{
    DMV_CLEANUP_CLOSE int fd = openat(modules, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    DmvLoaded *l;
    int r;

    if (fd < 0) /* unloaded since it was listed */
        return 0;
    if (!dmv_sysfs_is_module(fd))
        return 0;
    l = DMV_ARRAY_ADD(w->loaded, w->n_loaded);
    if (!l || dmv_set_string(&l->name, name) < 0)
        return -ENOMEM;
    r = read_texts(fd, l, w);
    if (r < 0)
        return r;
    r = read_build_id(fd, l);
    if (r != 0)
        r = add_problem(w, name, "notes/.note.gnu.build-id", r);
    if (r < 0)
        return r;
    r = read_vendor_note(fd, l);
    return r != 0 ? add_problem(w, name, "notes/.note.XenServer", r) : 0;
}

int dmv_observe_loaded(const DmvRoots *r, DmvWorld *w)
{
    DMV_CLEANUP_CLOSE int sysfs = -1;
    DMV_CLEANUP_CLOSE int modules = -1;
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int e;

    if (!r->sysfs)
        return 0;
    sysfs = open(r->sysfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (sysfs < 0)
        return errno == ENOENT ? 0 : -errno;
    modules = dmv_fs_open(sysfs, MODULES, O_PATH | O_DIRECTORY, 0);
    if (modules < 0) /* a kernel without modules */
        return modules == -ENOENT ? 0 : modules;
    e = dmv_fs_list(modules, ".", &entries, &n);
    for (size_t i = 0; e == 0 && i < n; i++)
        if (dmv_module_name_is_valid(entries[i].name))
            e = observe_module(modules, entries[i].name, w);
    dmv_fs_entries_free(entries, n);
    return e;
}
