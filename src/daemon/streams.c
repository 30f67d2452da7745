/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Settings, streams, trust anchors and catalogs.
 *
 * A catalog on the disk is believed because its hash is the one in the trust state, which only root can write
 * and which only a verified bundle changes. Whatever is wrong with one stream is said there and leaves the
 * others alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/claim.h"
#include "daemon/log.h"
#include "daemon/manager.h"
#include "daemon/stream-trust.h"
#include "host/fs.h"

/* A catalog that is not trusted yet, or has not got its name. */
#define NEXT ".next"
#define MAX_ANCHOR (64u << 10)

int dmv_stream_note(DmvManager *m, DmvStream *s, int code, const char *why)
{
    (void)m;
    s->problem_code = code;
    return dmv_set_string(&s->problem, why);
}

/* ---- settings ---- */

static int load_settings_file(DmvManager *m, const char *path)
{
    DMV_CLEANUP_ERROR DmvError error = {0};
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int r = dmv_fs_read_file(m->roots.fd, path, DMV_SETTINGS_MAX_BYTES, &data, &size);

    if (r == -ENOENT || r == -ENOMEM)
        return r == -ENOENT ? 0 : r;
    if (r == 0)
        r = dmv_settings_parse(path, data, size, &m->settings, &error);
    if (r != 0 && r != -ENOMEM) {
        (void)dmv_problem_add(&m->config_problems, path, r, "%s", error.why ? error.why : strerror(-r));
        r = 0;
    }
    return r;
}

/* Calls @each for every NAME.conf of a folder, in order; a folder that is not there is empty. */
static int for_each_conf(DmvManager *m, const char *folder, int (*each)(DmvManager *m, const char *path))
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = dmv_fs_list(m->roots.fd, folder, &entries, &n);

    if (r == -ENOENT || r == -ENOTDIR)
        return 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        DMV_CLEANUP_FREE char *path = NULL;

        if (!dmv_ends_with(entries[i].name, ".conf"))
            continue;
        if (asprintf(&path, "%s/%s", folder, entries[i].name) < 0) {
            path = NULL;
            r = -ENOMEM;
        } else {
            r = each(m, path);
        }
    }
    dmv_fs_entries_free(entries, n);
    return r;
}

static int load_stream_file(DmvManager *m, const char *path)
{
    DMV_CLEANUP_ERROR DmvError error = {0};
    DMV_CLEANUP_FREE char *data = NULL;
    DMV_CLEANUP_FREE char *name = NULL;
    const char *base = strrchr(path, '/') + 1;
    DmvStreamConf conf = {0};
    DmvStream *s;
    size_t size = 0;
    int r = dmv_fs_read_file(m->roots.fd, path, DMV_SETTINGS_MAX_BYTES, &data, &size);

    name = strndup(base, strlen(base) - strlen(".conf"));
    if (!name)
        return -ENOMEM;
    if (r == 0)
        r = dmv_stream_conf_parse(path, name, data, size, &conf, &error);
    if (r == 0 && dmv_streams_find(m, conf.name)) {
        r = dmv_error_set(&error, DMV_BAD_SETTING, NULL, NULL, "%s: there is another stream \"%s\"", path,
                          conf.name);
        dmv_stream_conf_deinit(&conf);
    }
    if (r == -ENOMEM)
        return r;
    if (r != 0) {
        (void)dmv_problem_add(&m->config_problems, path, r, "%s", error.why ? error.why : strerror(-r));
        return 0;
    }
    s = DMV_ARRAY_ADD(m->streams, m->n_streams);
    if (!s) {
        dmv_stream_conf_deinit(&conf);
        return -ENOMEM;
    }
    s->conf = conf;
    return 0;
}

/* ---- catalogs ---- */

static const DmvJsonLimits meta_limits = {.size = 4096, .depth = 2, .nodes = 16, .plain_integers = true};

/* When and from which record the catalog came; only saves a download, so that any fault means "unknown". */
static void load_meta(DmvManager *m, DmvStream *s)
{
    DMV_CLEANUP_FREE char *path = dmv_stream_file(DMV_CATALOGS_DIR, s->conf.name, ".meta");
    DMV_CLEANUP_FREE char *data = NULL;
    DMV_CLEANUP_JSON json_object *o = NULL;
    const char *record = NULL;
    const DmvJsonField fields[] = {
        {"record", DMV_JSON_STRING, DMV_JSON_REQUIRED, &record},
        {"refreshed", DMV_JSON_INT, DMV_JSON_REQUIRED, &s->refreshed},
    };
    size_t size = 0;

    if (!path || dmv_fs_read_private(m->roots.fd, path, 4096, &data, &size) < 0 ||
        dmv_json_parse(data, size, &meta_limits, &o, NULL) != 0 ||
        dmv_json_read(o, "meta", fields, DMV_N_ELEMENTS(fields), false, NULL) != 0)
        return;
    if (dmv_is_hex(record, 64))
        memcpy(s->record_sha256, record, sizeof(s->record_sha256));
}

static int save_meta(DmvManager *m, const DmvStream *s)
{
    DMV_CLEANUP_FREE char *path = dmv_stream_file(DMV_CATALOGS_DIR, s->conf.name, ".meta");
    DMV_CLEANUP_FREE char *text = NULL;
    DMV_CLEANUP_JSON json_object *o = NULL;
    DmvJsonBuilder b = {0};
    size_t size = 0;
    int r;

    dmv_jb_object(&b);
    dmv_jb_string(&b, "record", s->record_sha256);
    dmv_jb_int(&b, "refreshed", s->refreshed);
    o = dmv_jb_end(&b);
    r = o && path ? dmv_json_format(o, &text, &size) : -ENOMEM;
    return r == 0 ? dmv_fs_replace_file(m->roots.fd, path, text, size, 0600) : r;
}

/* One of the two places of a catalog. Return: 0; DMV_HASH_MISMATCH or DMV_STATE_BROKEN with @reterr; -ENOMEM.
 */
static int read_catalog(const DmvManager *m, const DmvStream *s, const char *suffix, char **ret,
                        size_t *ret_size, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *path = dmv_stream_file(DMV_CATALOGS_DIR, s->conf.name, suffix);
    DMV_CLEANUP_FREE char *data = NULL;
    char sha256[DMV_SHA256_HEX];
    size_t size = 0;
    int r = path ? dmv_fs_read_private(m->roots.fd, path, DMV_CATALOG_FILE_MAX, &data, &size) : -ENOMEM;

    if (r == 0)
        r = dmv_sha256_hex(data, size, sha256);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return dmv_error_set(reterr, DMV_STATE_BROKEN, NULL, "dmvctl refresh", "%s cannot be read: %s", path,
                             dmv_fs_private_words(r));
    if (strcmp(sha256, s->trust.catalog_sha256) != 0)
        return dmv_error_set(reterr, DMV_HASH_MISMATCH, NULL, "dmvctl refresh",
                             "%s is not the catalog that was verified", path);
    *ret = DMV_TAKE_PTR(data);
    *ret_size = size;
    return 0;
}

static int load_catalog(DmvManager *m, DmvStream *s, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int r;

    if (s->trust.catalog_version == 0)
        return dmv_error_set(reterr, DMV_EMPTY, NULL, "dmvctl refresh",
                             "no catalog of stream %s was fetched yet", s->conf.name);
    r = read_catalog(m, s, ".json", &data, &size, reterr);
    if (r > 0) { /* one that is trusted already and has not got its name */
        int next = read_catalog(m, s, NEXT, &data, &size, NULL);

        r = next <= 0 ? next : r;
    }
    return r == 0 ? dmv_catalog_parse(data, size, &s->catalog, reterr) : r;
}

static int load_stream(DmvManager *m, DmvStream *s)
{
    DMV_CLEANUP_ERROR DmvError error = {0};
    int r = dmv_stream_load_trust(m, s, &error);

    if (r == 0)
        r = load_catalog(m, s, &error);
    if (r == 0)
        load_meta(m, s);
    if (r == -ENOMEM)
        return r;
    return r == 0 ? 0 : dmv_stream_note(m, s, r, error.why ? error.why : strerror(-r));
}

static int compare_streams(const void *a, const void *b)
{
    return strcmp(((const DmvStream *)a)->conf.name, ((const DmvStream *)b)->conf.name);
}

int dmv_streams_load(DmvManager *m)
{
    int r;

    dmv_settings_init(&m->settings);
    r = load_settings_file(m, DMV_CONF_DIR "/dmv.conf");
    if (r == 0)
        r = for_each_conf(m, DMV_CONF_DIR "/dmv.conf.d", load_settings_file);
    if (r == 0)
        r = for_each_conf(m, DMV_STREAMS_DIR, load_stream_file);
    if (m->n_streams > 1)
        qsort(m->streams, m->n_streams, sizeof(m->streams[0]), compare_streams);
    for (size_t i = 0; r == 0 && i < m->n_streams; i++)
        r = load_stream(m, &m->streams[i]);
    return r;
}

/* ---- catalogs on their way ---- */

/* One of a daemon that lives stays. Which one is trusted has to be known for certain; what cannot be read
 * stays for the next refresh to replace. */
static int settle_next(DmvManager *m, const DmvStream *s)
{
    DMV_CLEANUP_FREE char *path = dmv_stream_file(DMV_CATALOGS_DIR, s->conf.name, ".json");
    DMV_CLEANUP_FREE char *next = dmv_stream_file(DMV_CATALOGS_DIR, s->conf.name, NEXT);
    DMV_CLEANUP_FREE char *data = NULL;
    struct stat st;
    size_t size = 0;
    int r = DMV_HASH_MISMATCH;

    if (!path || !next)
        return -ENOMEM;
    if (fstatat(m->roots.fd, next, &st, AT_SYMLINK_NOFOLLOW) < 0 || dmv_claim_try(m) != 0 || !s->has_trust ||
        s->damage)
        return 0;
    if (s->trust.catalog_version > 0)
        r = read_catalog(m, s, NEXT, &data, &size, NULL);
    if (r == 0)
        return dmv_fs_rename(m->roots.fd, next, path, false);
    return r == DMV_HASH_MISMATCH ? dmv_fs_remove(m->roots.fd, next) : r < 0 ? r : 0;
}

void dmv_streams_settle(DmvManager *m)
{
    for (size_t i = 0; i < m->n_streams; i++) {
        int r = settle_next(m, &m->streams[i]);

        if (r < 0)
            dmv_log(LOG_WARNING, "a catalog of stream %s stays on its way, ignoring: %s",
                    m->streams[i].conf.name, strerror(-r));
    }
}

/* All but how it is set up. */
static void forget_stream(DmvStream *s)
{
    DmvStreamConf conf = s->conf;

    dmv_trust_state_deinit(&s->trust);
    (void)dmv_catalog_free(s->catalog);
    free(s->problem);
    free(s->damage);
    *s = (DmvStream){.conf = conf};
}

int dmv_streams_reload(DmvManager *m)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < m->n_streams; i++) {
        forget_stream(&m->streams[i]);
        r = load_stream(m, &m->streams[i]);
    }
    return r;
}

void dmv_streams_free(DmvManager *m)
{
    for (size_t i = 0; i < m->n_streams; i++) {
        forget_stream(&m->streams[i]);
        dmv_stream_conf_deinit(&m->streams[i].conf);
    }
    free(m->streams);
    m->streams = NULL;
    m->n_streams = 0;
}

DmvStream *dmv_streams_find(const DmvManager *m, const char *name)
{
    for (size_t i = 0; i < m->n_streams; i++)
        if (strcmp(m->streams[i].conf.name, name) == 0)
            return &m->streams[i];
    return NULL;
}

static void take_trust(DmvStream *s, DmvTrustState *state)
{
    dmv_trust_state_deinit(&s->trust);
    s->trust = *state;
    *state = (DmvTrustState){0};
}

static bool was_revoked(const DmvCatalog *c, const DmvViewRelease *r)
{
    const DmvRelease *x = c ? dmv_catalog_release(c, r->driver, r->variant, r->version) : NULL;

    return x && x->revoked;
}

/* A new catalog withdraws what this host has selected: the alarm, once. Nothing changes by itself. */
static void tell_revoked(DmvManager *m, const DmvStream *s, const DmvCatalog *before)
{
    for (size_t i = 0; i < m->view.n_drivers; i++) {
        const DmvViewRelease *r = m->view.drivers[i].selected;

        if (!r || !r->source || r->source->catalog != s->catalog || !r->catalog->revoked ||
            was_revoked(before, r))
            continue;
        dmv_log_event(LOG_WARNING, DMV_MESSAGE_RELEASE_REVOKED, "refresh", r->name, DMV_REVOKED,
                      "%s is selected, and its publisher has revoked it: %s", r->name, r->catalog->revoked);
        dmv_state_record(m, -1, "revoked", r->name, DMV_REVOKED, r->catalog->revoked, "a new catalog", -1);
        dmv_manager_publish(m, "release_revoked", r->name, dmv_outcome_reason(DMV_REVOKED));
    }
}

/* The catalog beside the one before, then the state that vouches for it, then its name: whenever the power
 * fails, the catalog that the state vouches for is there. */
static int store_catalog(DmvManager *m, DmvStream *s, DmvBundleResult *b, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *path = dmv_stream_file(DMV_CATALOGS_DIR, s->conf.name, ".json");
    DMV_CLEANUP_FREE char *next = dmv_stream_file(DMV_CATALOGS_DIR, s->conf.name, NEXT);
    DmvCatalog *catalog = NULL, *replaced;
    int r = path && next ? dmv_catalog_parse(b->catalog, b->catalog_size, &catalog, reterr) : -ENOMEM;

    if (r != 0)
        return r;
    r = dmv_fs_mkdirs(m->roots.fd, DMV_CATALOGS_DIR, 0700);
    if (r == 0)
        r = dmv_fs_replace_file(m->roots.fd, next, b->catalog, b->catalog_size, 0600);
    if (r == 0)
        r = dmv_stream_store_trust(m, s, &b->state);
    if (r == 0)
        r = dmv_fs_rename(m->roots.fd, next, path, false);
    if (r < 0) {
        (void)dmv_catalog_free(catalog);
        return dmv_error_set(reterr, r, NULL, NULL, "the catalog of stream %s cannot be stored: %s",
                             s->conf.name, strerror(-r));
    }
    take_trust(s, &b->state);
    replaced = s->catalog;
    s->catalog = catalog;
    r = dmv_manager_think(m); /* the View borrows from the catalog that goes */
    if (r == 0)
        tell_revoked(m, s, replaced);
    (void)dmv_catalog_free(replaced);
    return r;
}

int dmv_stream_set_refreshed(DmvManager *m, DmvStream *s)
{
    int r;

    s->refreshed = dmv_manager_now();
    r = save_meta(m, s);
    if (r < 0)
        dmv_log(LOG_WARNING, "the date of the refresh is not stored, ignoring: %s", strerror(-r));
    return dmv_stream_note(m, s, 0, NULL);
}

int dmv_stream_check_trust(const DmvStream *s, DmvError *reterr)
{
    if (s->has_trust)
        return 0;
    return dmv_error_set(reterr, DMV_NO_ROOT, NULL, "put the stream's root.json into /etc/dmv/trust", "%s",
                         s->problem ? s->problem : "there is no root for it");
}

int dmv_stream_accept(DmvManager *m, DmvStream *s, const char *data, size_t size, bool allow_stale,
                      const char *record_sha256, DmvError *reterr)
{
    DMV_CLEANUP_BUNDLE DmvBundleResult b = {0};
    int r = dmv_stream_check_trust(s, reterr);

    if (r != 0)
        return r;
    r = dmv_bundle_verify(data, size, &s->trust, s->conf.name, dmv_manager_now(), allow_stale, &b, reterr);
    if (r > 0 && b.root_moved) {
        /* progress of the root chain is kept, whatever the catalog was */
        int stored = dmv_stream_store_trust(m, s, &b.state);

        if (stored == 0)
            take_trust(s, &b.state);
        else
            dmv_log(LOG_WARNING, "the new root of stream %s is not stored, ignoring: %s", s->conf.name,
                    strerror(-stored));
    }
    if (r == 0)
        r = store_catalog(m, s, &b, reterr);
    if (r != 0)
        return r;
    if (record_sha256 && dmv_is_hex(record_sha256, 64))
        memcpy(s->record_sha256, record_sha256, sizeof(s->record_sha256));
    return dmv_stream_set_refreshed(m, s);
}

bool dmv_stream_is_stale(const DmvStream *s)
{
    return s->catalog->expires <= dmv_trust_time(dmv_manager_now(), s->trust.clock_floor);
}

/* ---- what is shown ---- */

static const char *stream_state(const DmvStream *s)
{
    if (!s->catalog)
        return s->problem_code > 0 && s->problem_code != DMV_EMPTY ? "refused" : "missing";
    return dmv_stream_is_stale(s) ? "stale" : "ok";
}

static json_object *render_stream(const DmvStream *s)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "name", s->conf.name);
    dmv_jb_strv(&b, "urls", s->conf.urls);
    dmv_jb_bool(&b, "enabled", s->conf.enabled);
    dmv_jb_string(&b, "state", stream_state(s));
    if (s->catalog) {
        dmv_jb_int(&b, "catalogVersion", s->catalog->version);
        dmv_jb_time(&b, "issued", s->catalog->issued);
        dmv_jb_time(&b, "expires", s->catalog->expires);
    }
    if (s->has_trust)
        dmv_jb_int(&b, "rootVersion", s->trust.root_version);
    dmv_jb_int(&b, "releases", s->catalog ? (int64_t)s->catalog->n_releases : 0);
    dmv_jb_time(&b, "refreshed", s->refreshed);
    dmv_jb_string(&b, "problem", s->problem);
    return dmv_jb_end(&b);
}

json_object *dmv_streams_render(const DmvManager *m)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < m->n_streams; i++)
        dmv_jb_add(&list, render_stream(&m->streams[i]));
    return dmv_jb_end(&list);
}

/* ---- anchors for packages and modules ---- */

typedef int (*AddAnchor)(char ***list, const char *data, size_t size);

static int add_text_anchor(char ***list, const char *data, size_t size)
{
    (void)size;
    return dmv_strv_push(list, data);
}

static int add_binary_anchor(char ***list, const char *data, size_t size)
{
    DMV_CLEANUP_FREE char *text = malloc(size / 3 * 4 + 8);

    if (!text)
        return -ENOMEM;
    (void)EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)data, (int)size);
    return dmv_strv_push(list, text);
}

static int add_anchor_folder(const DmvManager *m, const char *folder, const char *suffix, AddAnchor add,
                             char ***list)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = dmv_fs_list(m->roots.fd, folder, &entries, &n);

    if (r == -ENOENT)
        return 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        DMV_CLEANUP_FREE char *path = dmv_stream_file(folder, entries[i].name, "");
        DMV_CLEANUP_FREE char *data = NULL;
        size_t size = 0;

        if (!dmv_ends_with(entries[i].name, suffix))
            continue;
        r = path ? dmv_fs_read_file(m->roots.fd, path, MAX_ANCHOR, &data, &size) : -ENOMEM;
        if (r == 0)
            r = add(list, data, size);
    }
    dmv_fs_entries_free(entries, n);
    return r;
}

/* A stream with anchors of its own has only those; else what the site trusts, and what was shipped. */
static int collect_anchors(const DmvManager *m, const char *stream, const char *kind, const char *suffix,
                           AddAnchor add, char ***ret)
{
    DMV_CLEANUP_STRV char **list = NULL;
    DMV_CLEANUP_FREE char *own = NULL;
    DMV_CLEANUP_FREE char *site = dmv_stream_file(DMV_TRUST_SITE_DIR, "", kind);
    DMV_CLEANUP_FREE char *vendor = dmv_stream_file(DMV_TRUST_VENDOR_DIR, "", kind);
    int r;

    if (!site || !vendor || asprintf(&own, "%s/%s/%s", DMV_TRUST_SITE_DIR, stream, kind) < 0) {
        own = NULL;
        return -ENOMEM;
    }
    r = add_anchor_folder(m, own, suffix, add, &list);
    if (r == 0 && !list)
        r = add_anchor_folder(m, site, suffix, add, &list);
    if (r == 0 && !list)
        r = add_anchor_folder(m, vendor, suffix, add, &list);
    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(list);
    return 0;
}

int dmv_stream_rpm_keys(const DmvManager *m, const char *stream, char ***ret)
{
    return collect_anchors(m, stream, "rpm", ".asc", add_text_anchor, ret);
}

int dmv_stream_module_certificates(const DmvManager *m, const char *stream, char ***ret)
{
    return collect_anchors(m, stream, "modules", ".der", add_binary_anchor, ret);
}

int dmv_stream_kernel_certificates(const DmvManager *m, char ***ret)
{
    DMV_CLEANUP_STRV char **list = NULL;
    int r = add_anchor_folder(m, DMV_TRUST_SITE_DIR "/kernel", ".der", add_binary_anchor, &list);

    if (r == 0)
        r = add_anchor_folder(m, DMV_TRUST_VENDOR_DIR "/kernel", ".der", add_binary_anchor, &list);
    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(list);
    return 0;
}
