/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Steps that change paths.
 *
 * What costs time is depmod; what is left to us is to sync each changed folder once, and not each change.
 */
#include "daemon/apply/change.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "daemon/apply/failure.h"
#include "daemon/apply/image.h"
#include "host/fs.h"

void dmv_changes_deinit(DmvChanges *c)
{
    c->dirty = dmv_strv_free(c->dirty);
}

static int mark_dirty(DmvChanges *c, const char *path)
{
    DMV_CLEANUP_FREE char *parent = strndup(path, (size_t)(strrchr(path, '/') - path));

    return parent ? dmv_strv_push_unique(&c->dirty, parent) : -ENOMEM;
}

/* @path is a whole one. */
static int write_image(DmvChanges *c, const char *path, const DmvImage *image, DmvError *reterr)
{
    int r = dmv_image_write(c->root, path + c->skip, image);

    if (r == -EEXIST || r == -EINVAL)
        return dmv_error_set(reterr, DMV_CONFLICT, NULL, NULL,
                             "something that dmv did not make is in the way at %s", path);
    if (r < 0)
        return dmv_failure(reterr, r, image->kind == DMV_IMAGE_ABSENT ? "remove" : "make", path);
    return r > 0 ? mark_dirty(c, path + c->skip) : 0;
}

/* The folders above come first; the journal has each of them. */
static int make_folder(DmvChanges *c, const char *path, DmvError *reterr)
{
    static const DmvImage folder = {.kind = DMV_IMAGE_FOLDER};
    DMV_CLEANUP_FREE char *prefix = strdup(path);
    int r = prefix ? 0 : -ENOMEM;

    for (char *slash = prefix; r == 0 && (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if ((size_t)(slash - prefix) > c->skip && strchr(prefix + c->skip, '/'))
            r = write_image(c, prefix, &folder, reterr);
        *slash = '/';
    }
    return r != 0 ? r : write_image(c, path, &folder, reterr);
}

/* Somebody may have put something there since the journal was written. */
static int check_link(const DmvChanges *c, const DmvStep *s, const DmvImage *wanted, DmvError *reterr)
{
    const DmvJournalEntry *e = c->journal ? dmv_journal_find(c->journal, s->path) : NULL;
    DMV_CLEANUP_IMAGE DmvImage now = {0};
    int r = e ? dmv_image_read(c->root, s->path + c->skip, &now) : 0;

    if (r < 0)
        return dmv_failure(reterr, r, "look at", s->path);
    if (!e || dmv_image_equal(&now, &e->before) || dmv_image_equal(&now, wanted))
        return 0;
    return dmv_error_set(reterr, DMV_CONFLICT, NULL, "try again",
                         "something that dmv did not make has come to %s meanwhile", s->path);
}

/* @image: what the step leads to. */
static int put(DmvChanges *c, const DmvStep *s, const DmvImage *image, DmvError *reterr)
{
    bool link = s->kind == DMV_STEP_LINK || s->kind == DMV_STEP_UNLINK;
    int r = link ? check_link(c, s, image, reterr) : 0;

    return r == 0 ? write_image(c, s->path, image, reterr) : r;
}

int dmv_changes_do(DmvChanges *c, const DmvStep *s, DmvError *reterr)
{
    DmvImage image = {.kind = DMV_IMAGE_ABSENT};

    switch (s->kind) {
    case DMV_STEP_MKDIR:
        return make_folder(c, s->path, reterr);
    case DMV_STEP_LINK:
    case DMV_STEP_WRITE:
        image.kind = s->kind == DMV_STEP_LINK ? DMV_IMAGE_LINK : DMV_IMAGE_FILE;
        image.mode = s->kind == DMV_STEP_LINK ? 0 : 0644;
        image.data = s->content; /* borrowed */
        image.size = strlen(s->content);
        return put(c, s, &image, reterr);
    case DMV_STEP_UNLINK:
    case DMV_STEP_REMOVE:
        return put(c, s, &image, reterr);
    case DMV_STEP_DEPMOD:
    case DMV_STEP_INITRD:
    case DMV_STEP_MAX:
    case DMV_STEP_INVALID:
    default:
        return -EINVAL;
    }
}

int dmv_changes_sync(DmvChanges *c, DmvError *reterr)
{
    for (char **folder = c->dirty; folder && *folder; folder++) {
        int r = dmv_fs_sync_dir(c->root, *folder);

        if (r < 0)
            return dmv_failure(reterr, r, "sync", *folder);
    }
    c->dirty = dmv_strv_free(c->dirty);
    return 0;
}
