/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The history on the disk: history.jsonl, and history.jsonl.1, which was live before it.
 *
 * Every step leaves something that is read right. An entry is appended and synced; one that is only there in
 * part is a torn end. A full file becomes the older one by one rename: until the next entry there is no live
 * file, and that is a history without entries behind the older one. Whatever cannot be continued is set aside
 * and never written over, and the history itself says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/log.h"
#include "daemon/manager.h"
#include "host/fs.h"

#define LIVE_FILE DMV_STATE_DIR "/history.jsonl"
#define OLDER_FILE DMV_STATE_DIR "/history.jsonl.1"
/* Read is also what was written before a history was bounded. */
#define MAX_FILE (64u << 20)
/* So many breaks are set aside; a host that breaks more often has other problems. */
#define MAX_ASIDE 10

const char *dmv_record_path(DmvHistoryPart part)
{
    return part == DMV_HISTORY_OLDER ? OLDER_FILE : LIVE_FILE;
}

const DmvHistoryMark *dmv_record_mark(const DmvManager *m)
{
    return m->history_unsure ? &m->known_entry : &m->history.last;
}

/* Return: 0 (@ret NULL: there is none, or @ret_why says why it cannot be read), or -ENOMEM. @may_pass is set
 * if it can be another time. */
static int read_part(DmvManager *m, DmvHistoryPart part, char **ret, size_t *ret_size, char **ret_why,
                     bool *may_pass)
{
    int r = dmv_fs_read_private(m->roots.fd, dmv_record_path(part), MAX_FILE, ret, ret_size);

    if (r == 0 || r == -ENOENT)
        return 0;
    if (r == -ENOMEM)
        return r;
    *may_pass = *may_pass || dmv_may_pass(r);
    if (asprintf(ret_why, "it cannot be read: %s", dmv_fs_private_words(r)) < 0) {
        *ret_why = NULL;
        return -ENOMEM;
    }
    return 0;
}

int dmv_record_load(DmvManager *m)
{
    DMV_CLEANUP_HISTORY DmvHistory h;
    DMV_CLEANUP_INTENT DmvIntent recorded = {0};
    DMV_CLEANUP_FREE char *older = NULL, *live = NULL, *older_why = NULL, *live_why = NULL;
    size_t older_size = 0, live_size = 0;
    bool may_pass = false;
    int r;

    dmv_history_init(&h);
    r = read_part(m, DMV_HISTORY_OLDER, &older, &older_size, &older_why, &may_pass);
    if (r == 0)
        r = read_part(m, DMV_HISTORY_LIVE, &live, &live_size, &live_why, &may_pass);
    if (r == 0)
        r = dmv_history_parse(older, older_size, live ? live : "", live_size,
                              m->known_entry.number > 0 ? &m->known_entry : NULL, &h);
    if (r == 0 && older_why)
        r = dmv_history_add_break(&h, DMV_HISTORY_OLDER, older_why);
    if (r == 0 && live_why)
        r = dmv_history_add_break(&h, DMV_HISTORY_LIVE, live_why);
    if (r == 0 && !m->history_unsure)
        r = dmv_intent_copy(&m->intent, &recorded);
    if (r < 0)
        return r;
    dmv_history_deinit(&m->history);
    m->history = h;
    dmv_history_init(&h);
    if (!m->history_unsure) {
        dmv_intent_deinit(&m->recorded);
        m->recorded = recorded;
        recorded = (DmvIntent){0};
    }
    m->history_unsure = may_pass;
    return 0;
}

/* ---- what is broken ---- */

/* A name that is free, or the last one. */
static int name_aside(const DmvManager *m, char **ret)
{
    for (int i = 1; i <= MAX_ASIDE; i++) {
        DMV_CLEANUP_FREE char *path = NULL;
        struct stat st;
        bool there;

        if (asprintf(&path, i == 1 ? LIVE_FILE ".broken" : LIVE_FILE ".broken.%d", i) < 0) {
            path = NULL;
            return -ENOMEM;
        }
        there = fstatat(m->roots.fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
        if (there && i < MAX_ASIDE)
            continue;
        if (there)
            dmv_log(LOG_WARNING, "%s is written over: look at what was set aside, and remove it", path);
        *ret = DMV_TAKE_PTR(path);
        break;
    }
    return 0;
}

/* A torn or foreign tail is cut off before the next entry, and kept beside it for whoever wants to look. */
static int set_tail_aside(DmvManager *m)
{
    DMV_CLEANUP_FREE char *data = NULL, *aside = NULL;
    size_t size = 0, good = m->history.good_bytes;
    int r = name_aside(m, &aside);

    if (r < 0)
        return r;
    if (good == 0) {
        r = dmv_fs_rename(m->roots.fd, LIVE_FILE, aside, false);
    } else {
        r = dmv_fs_read_private(m->roots.fd, LIVE_FILE, MAX_FILE, &data, &size);
        if (r == 0 && size > good)
            r = dmv_fs_replace_file(m->roots.fd, aside, data + good, size - good, 0600);
        if (r == 0)
            r = dmv_fs_replace_file(m->roots.fd, LIVE_FILE, data, good, 0600);
    }
    return r;
}

static bool is_told(const DmvHistory *h, const char *why)
{
    for (size_t i = h->n; i > 0; i--)
        if (strcmp(h->items[i - 1].action, "history") == 0 && dmv_streq(h->items[i - 1].detail, why))
            return true;
    return false;
}

/* ---- entries ---- */

/* Where that is not possible the live file goes on growing; what stands on the disk then is read again. */
static int rotate(DmvManager *m)
{
    int r = dmv_fs_rename(m->roots.fd, LIVE_FILE, OLDER_FILE, false);

    if (r == 0) {
        dmv_history_rotated(&m->history);
        return 0;
    }
    dmv_log(LOG_WARNING, "the history is full and cannot be made the older one, ignoring: %s", strerror(-r));
    m->history_unsure = true;
    return dmv_record_load(m);
}

static int append(DmvManager *m, DmvHistoryEntry *e)
{
    DMV_CLEANUP_FREE char *line = NULL;
    size_t size = 0;
    int r = 0;

    if (dmv_history_is_full(&m->history))
        r = rotate(m);
    if (r == 0)
        r = dmv_history_append(&m->history, e, &line, &size);
    if (r < 0)
        return r;
    r = dmv_fs_mkdirs(m->roots.fd, DMV_STATE_DIR, 0700);
    if (r == 0)
        r = dmv_fs_append_file(m->roots.fd, LIVE_FILE, line, size, 0600);
    m->history_unsure = r < 0; /* all, some or nothing of the line is there now */
    return r;
}

/* What was found broken is an entry of its own: once it is mended nothing else tells of it. */
static int tell_breaks(DmvManager *m)
{
    if (m->history.torn) {
        int r = set_tail_aside(m);

        if (r < 0) {
            m->history_unsure = true;
            return r;
        }
    }
    for (size_t i = 0; i < m->history.n_breaks; i++) {
        char action[] = "history";
        DmvHistoryEntry e = {.time = dmv_manager_now(), .uid = -1, .generation = -1, .action = action};
        DMV_CLEANUP_FREE char *outcome = strdup(dmv_outcome_reason(DMV_STATE_BROKEN));
        DMV_CLEANUP_FREE char *detail = NULL, *object = strdup(dmv_record_path(m->history.breaks[i].part));
        int r;

        if (!outcome || !object || dmv_set_string(&detail, m->history.breaks[i].why) < 0)
            return -ENOMEM;
        if (is_told(&m->history, detail))
            continue;
        e.outcome = outcome;
        e.object = object;
        e.detail = detail;
        dmv_log_event(LOG_WARNING, DMV_MESSAGE_STATE_BROKEN, "record", object, DMV_STATE_BROKEN,
                      "%s is broken, going on behind its last good entry: %s", object, detail);
        r = append(m, &e);
        if (r < 0)
            return r;
    }
    dmv_history_mended(&m->history);
    return 0;
}

static int fill_entry(const DmvManager *m, DmvHistoryEntry *e, const char *action, const char *object,
                      int code, const char *detail, const char *because)
{
    if (dmv_set_string(&e->action, action) < 0 || dmv_set_string(&e->object, object) < 0 ||
        dmv_set_string(&e->outcome, dmv_outcome_reason(code)) < 0 || dmv_set_string(&e->detail, detail) < 0 ||
        dmv_set_string(&e->because, because) < 0)
        return -ENOMEM;
    e->has_changes = true;
    return dmv_intent_diff(&m->recorded, &m->intent, &e->before, &e->after);
}

void dmv_state_record(DmvManager *m, int64_t uid, const char *action, const char *object, int code,
                      const char *detail, const char *because, int64_t generation)
{
    DmvHistoryEntry e = {.time = dmv_manager_now(), .uid = uid, .generation = generation};
    DMV_CLEANUP_INTENT DmvIntent recorded = {0};
    int r = m->history_unsure ? dmv_record_load(m) : 0;

    if (r == 0)
        r = tell_breaks(m);
    if (r == 0)
        r = fill_entry(m, &e, action, object, code, detail, because);
    if (r == 0)
        r = dmv_intent_copy(&m->intent, &recorded);
    if (r == 0)
        r = append(m, &e);
    if (r < 0) {
        dmv_log(LOG_WARNING, "the history misses %s of %s, ignoring: %s", action,
                object ? object : "the host", strerror(-r));
    } else {
        dmv_intent_deinit(&m->recorded);
        m->recorded = recorded;
        recorded = (DmvIntent){0};
    }
    dmv_history_entry_deinit(&e);
}
