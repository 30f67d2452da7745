/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loading and storing of trust. See stream-trust.h.
 *
 * Of all that the daemon stores this is what a host can least be without: it is why an old catalog with good
 * signatures is refused. So it is kept twice, in two folders, and where both are lost the catalog that is
 * kept still says which version was seen. Reading changes nothing on the disk: the next state that is stored
 * sets the damaged one aside.
 */
#include "daemon/stream-trust.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "daemon/log.h"
#include "host/fs.h"
#include "trust/floor.h"

#define MAX_ROOT_FILE (128u << 10)
#define BROKEN ".json.broken"

char *dmv_stream_file(const char *folder, const char *stream, const char *suffix)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s%s", folder, stream, suffix) < 0 ? NULL : path;
}

/* ---- anchors ---- */

/* The floor beside a root, if there is one. */
static int apply_floor(const DmvManager *m, const char *root, const char *stream, DmvTrustState *anchor,
                       DmvError *reterr)
{
    DMV_CLEANUP_FLOOR DmvTrustFloor floor = {0};
    DMV_CLEANUP_FREE char *path = NULL;
    DMV_CLEANUP_FREE char *data = NULL;
    const char *slash = strrchr(root, '/');
    size_t size = 0;
    int r;

    if (asprintf(&path, "%.*sfloor.json", slash ? (int)(slash + 1 - root) : 0, root) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    r = dmv_fs_read_file(m->roots.fd, path, DMV_FLOOR_SIZE_MAX, &data, &size);
    if (r == -ENOENT || r == -ENOMEM)
        return r == -ENOENT ? 0 : r;
    if (r == 0)
        r = dmv_trust_floor_parse(data, size, &floor, reterr);
    else
        r = dmv_error_set(reterr, DMV_MALFORMED, NULL, "see dmv.conf(5)", "%s cannot be read: %s", path,
                          strerror(-r));
    if (r == 0)
        dmv_trust_floor_apply(&floor, stream, anchor);
    return r;
}

/* The root that was configured or shipped for a stream, the first that is there, with its floor. */
static int load_anchor(const DmvManager *m, const DmvStream *s, DmvTrustState *ret, DmvError *reterr)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState anchor = {0};
    DMV_CLEANUP_FREE char *own = dmv_stream_file(DMV_TRUST_SITE_DIR, s->conf.name, "/root.json");
    const char *const places[] = {s->conf.root, own, DMV_TRUST_SITE_DIR "/root.json",
                                  DMV_TRUST_VENDOR_DIR "/root.json"};

    for (size_t i = 0; i < DMV_N_ELEMENTS(places); i++) {
        DMV_CLEANUP_FREE char *data = NULL;
        size_t size = 0;
        const char *place = places[i];
        int r;

        while (place && place[0] == '/')
            place++;
        if (!place)
            continue;
        r = dmv_fs_read_file(m->roots.fd, place, MAX_ROOT_FILE, &data, &size);
        if (r == -ENOENT && i > 0)
            continue;
        if (r < 0)
            return dmv_error_set(reterr, DMV_NO_ROOT, NULL, "see dmv.conf(5)", "%s cannot be read: %s", place,
                                 strerror(-r));
        r = dmv_trust_state_from_root(data, size, &anchor, reterr);
        if (r == 0)
            r = apply_floor(m, place, s->conf.name, &anchor, reterr);
        if (r != 0)
            return r;
        *ret = anchor;
        anchor = (DmvTrustState){0};
        return 0;
    }
    return dmv_error_set(reterr, DMV_NO_ROOT, NULL, "put the stream's root.json into /etc/dmv/trust",
                         "there is no root for stream %s", s->conf.name);
}

/* ---- what was stored ---- */

/* @path: NULL counts as lack of memory. Return: 0; -ENOENT; DMV_STATE_BROKEN with @reterr; -ENOMEM. */
static int read_state(const DmvManager *m, const char *path, DmvTrustState *ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int r = path ? dmv_fs_read_private(m->roots.fd, path, MAX_ROOT_FILE * 2, &data, &size) : -ENOMEM;

    if (r == 0)
        return dmv_trust_state_parse(data, size, ret, reterr);
    if (r == -ENOENT || r == -ENOMEM)
        return r;
    return dmv_error_set(reterr, DMV_STATE_BROKEN, NULL, NULL, "%s", dmv_fs_private_words(r));
}

/* The catalog that is kept is only believed for its version: nothing vouches for the rest of it any more.
 * Return: 0, with 0 in @ret_version if there is none that can be read; -ENOMEM. */
static int read_kept_version(const DmvManager *m, const DmvStream *s, int64_t *ret_version,
                             int64_t *ret_issued)
{
    DMV_CLEANUP_FREE char *path = dmv_stream_file(DMV_CATALOGS_DIR, s->conf.name, ".json");
    DMV_CLEANUP_CATALOG DmvCatalog *c = NULL;
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int r = path ? dmv_fs_read_private(m->roots.fd, path, DMV_CATALOG_FILE_MAX, &data, &size) : -ENOMEM;

    if (r == 0)
        r = dmv_catalog_parse(data, size, &c, NULL);
    if (r == 0 && strcmp(c->stream, s->conf.name) == 0) {
        *ret_version = c->version;
        *ret_issued = c->issued;
    }
    return r == -ENOMEM ? r : 0;
}

static bool is_there(const DmvManager *m, const char *path)
{
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open(m->roots.fd, path, O_PATH, 0);

    return fd >= 0;
}

/* Was a catalog of the stream ever accepted here? */
static int was_used(const DmvManager *m, const DmvStream *s, bool *ret)
{
    DMV_CLEANUP_FREE char *catalog = dmv_stream_file(DMV_CATALOGS_DIR, s->conf.name, ".json");
    DMV_CLEANUP_FREE char *copy = dmv_stream_file(DMV_CATALOGS_DIR, s->conf.name, ".trust");

    if (!catalog || !copy)
        return -ENOMEM;
    *ret = is_there(m, catalog) || is_there(m, copy);
    return 0;
}

/* @why: what is wrong with the state. @version: what the kept catalog says, 0: nothing does. */
static int tell_damage(DmvStream *s, const char *why, bool copied, int64_t version)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    dmv_text_appendf(&t, "what is trusted of stream %s is damaged: %s; ", s->conf.name, why);
    if (copied)
        dmv_text_append(&t, "its copy is good, and nothing is lost");
    else if (version > 0)
        dmv_text_appendf(&t,
                         "it begins again from the installed root, and takes no catalog before version %lld",
                         (long long)version);
    else
        dmv_text_append(&t, "it begins again from the installed root, and which versions were seen is lost");
    if (t.error || dmv_set_string(&s->damage, t.data) < 0)
        return -ENOMEM;
    dmv_log_event(LOG_WARNING, DMV_MESSAGE_TRUST_DAMAGED, "load", s->conf.name, DMV_STATE_BROKEN, "%s",
                  s->damage);
    return 0;
}

/* The state could not be read: what else is there? @ret_stored: its copy is, and is in @s->trust. */
static int look_for_evidence(const DmvManager *m, DmvStream *s, const char *why, DmvTrustState *ret_seen,
                             bool *ret_stored)
{
    DMV_CLEANUP_FREE char *copy = dmv_stream_file(DMV_CATALOGS_DIR, s->conf.name, ".trust");
    int64_t version = 0, issued = 0;
    int r = read_state(m, copy, &s->trust, NULL);

    if (r == -ENOMEM)
        return r;
    *ret_stored = r == 0;
    if (!*ret_stored && read_kept_version(m, s, &version, &issued) < 0)
        return -ENOMEM;
    dmv_trust_state_raise(ret_seen, version, issued);
    return tell_damage(s, why, *ret_stored, version);
}

static int load_stored(const DmvManager *m, DmvStream *s, DmvTrustState *ret_seen, bool *ret_stored)
{
    DMV_CLEANUP_FREE char *path = dmv_stream_file(DMV_TRUST_STATE_DIR, s->conf.name, ".json");
    DMV_CLEANUP_FREE char *aside = dmv_stream_file(DMV_TRUST_STATE_DIR, s->conf.name, BROKEN);
    DMV_CLEANUP_ERROR DmvError e = {0};
    bool used = true;
    int r = aside ? read_state(m, path, &s->trust, &e) : -ENOMEM;

    if (r == -ENOMEM)
        return r;
    s->set_aside = is_there(m, aside);
    *ret_stored = r == 0;
    if (r == 0)
        return 0;
    if (r == -ENOENT && was_used(m, s, &used) < 0)
        return -ENOMEM;
    if (!used) /* the first start */
        return 0;
    return look_for_evidence(m, s, r == -ENOENT ? "the file is gone, and a catalog was accepted once" : e.why,
                             ret_seen, ret_stored);
}

/* Of the root that was walked to and the one that was installed the newer, with what the other one knows. */
int dmv_stream_load_trust(DmvManager *m, DmvStream *s, DmvError *reterr)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState anchor = {0};
    DmvTrustState seen = {0};
    bool stored = false;
    int r = load_stored(m, s, &seen, &stored);

    if (r == 0)
        r = load_anchor(m, s, &anchor, reterr);
    if (r < 0 || (r > 0 && !stored))
        return r;
    if (r == 0 && stored && anchor.root_version <= s->trust.root_version) {
        dmv_trust_state_carry_over(&anchor, &s->trust);
    } else if (r == 0) {
        if (stored)
            dmv_trust_state_carry_over(&s->trust, &anchor);
        dmv_trust_state_deinit(&s->trust);
        s->trust = anchor;
        anchor = (DmvTrustState){0};
    }
    dmv_trust_state_raise(&s->trust, seen.catalog_floor, seen.clock_floor);
    s->has_trust = true;
    return 0;
}

/* ---- storing ---- */

static int set_aside(DmvManager *m, DmvStream *s, const char *path)
{
    DMV_CLEANUP_FREE char *aside = dmv_stream_file(DMV_TRUST_STATE_DIR, s->conf.name, BROKEN);
    int r = aside ? dmv_fs_rename(m->roots.fd, path, aside, false) : -ENOMEM;

    if (r == -ENOENT) /* it was gone: there is nothing to keep */
        r = 0;
    else if (r == 0)
        s->set_aside = true;
    return r == 0 ? dmv_set_string(&s->damage, NULL) : r;
}

/* Stores what is trusted of @s now, unless something is stored. That comes before its copy and before a
 * catalog has its name: one of them alone looks as if what was trusted got lost. */
static int store_first(DmvManager *m, const DmvStream *s)
{
    DMV_CLEANUP_FREE char *path = dmv_stream_file(DMV_TRUST_STATE_DIR, s->conf.name, ".json");
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    int r = path ? 0 : -ENOMEM;

    if (r < 0 || s->damage || is_there(m, path))
        return r;
    r = dmv_trust_state_format(&s->trust, &text, &size);
    if (r == 0)
        r = dmv_fs_mkdirs(m->roots.fd, DMV_TRUST_STATE_DIR, 0700);
    return r == 0 ? dmv_fs_replace_file(m->roots.fd, path, text, size, 0600) : r;
}

int dmv_stream_store_trust(DmvManager *m, DmvStream *s, const DmvTrustState *state)
{
    DMV_CLEANUP_FREE char *path = dmv_stream_file(DMV_TRUST_STATE_DIR, s->conf.name, ".json");
    DMV_CLEANUP_FREE char *copy = dmv_stream_file(DMV_CATALOGS_DIR, s->conf.name, ".trust");
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    int r = path && copy ? dmv_trust_state_format(state, &text, &size) : -ENOMEM;

    if (r == 0)
        r = store_first(m, s);
    if (r == 0)
        r = dmv_fs_mkdirs(m->roots.fd, DMV_TRUST_STATE_DIR, 0700);
    if (r == 0)
        r = dmv_fs_mkdirs(m->roots.fd, DMV_CATALOGS_DIR, 0700);
    if (r == 0)
        r = dmv_fs_replace_file(m->roots.fd, copy, text, size, 0600);
    if (r == 0 && s->damage)
        r = set_aside(m, s, path);
    return r == 0 ? dmv_fs_replace_file(m->roots.fd, path, text, size, 0600) : r;
}
