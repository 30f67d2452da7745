/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon keeps below var/lib/dmv: state.json (intent and current generation), one file a generation,
 * boot.json (the state of the boot machine) with trial beside it, seen.json (what the host looked like when
 * all was good). The history is in record.c.
 *
 * A state file that cannot be read, or that somebody else can have written, is never taken for an empty one:
 * reading goes on, changing is refused until somebody has looked. seen.json is no state: without it nothing
 * is compared, and that is said.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "daemon/claim.h"
#include "daemon/log.h"
#include "daemon/manager.h"
#include "daemon/stream-trust.h"
#include "host/fs.h"

#define STATE_FILE DMV_STATE_DIR "/state.json"
#define BOOT_FILE DMV_STATE_DIR "/boot.json"
#define TRIAL_FILE DMV_STATE_DIR "/trial"
#define SEEN_FILE DMV_STATE_DIR "/seen.json"
#define GENERATIONS_DIR DMV_STATE_DIR "/generations"
#define STATE_FORMAT "dmv-state-1"
#define MAX_STATE (4u << 20)

static const DmvJsonLimits state_limits = {
    .size = MAX_STATE, .depth = 8, .nodes = 200000, .plain_integers = true};

static int broken(DmvManager *m, const char *file, const char *why)
{
    if (m->state_problem)
        return 0;
    if (asprintf(&m->state_problem, "%s: %s", file, why) < 0) {
        m->state_problem = NULL;
        return -ENOMEM;
    }
    dmv_log_event(LOG_ERR, DMV_MESSAGE_STATE_BROKEN, "load", file, DMV_STATE_BROKEN,
                  "%s cannot be used, changes are refused: %s", file, why);
    return 0;
}

/* Reads a state file. Return: 0 and a tree, 0 and NULL when there is none or it is broken (noted), -ENOMEM.
 */
static int read_state_file(DmvManager *m, const char *path, json_object **ret)
{
    DMV_CLEANUP_ERROR DmvError error = {0};
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int r = dmv_fs_read_private(m->roots.fd, path, MAX_STATE, &data, &size);

    *ret = NULL;
    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = dmv_json_parse(data, size, &state_limits, ret, &error);
    if (r == -ENOMEM)
        return r;
    return r == 0 ? 0
                  : broken(m, path,
                           r < 0       ? dmv_fs_private_words(r)
                           : error.why ? error.why
                                       : "malformed");
}

static int read_mark(json_object *o, DmvHistoryMark *ret, DmvError *reterr)
{
    DmvHistoryMark mark = {0};
    const char *hash = NULL;
    const DmvJsonField fields[] = {
        {"number", DMV_JSON_INT, DMV_JSON_REQUIRED, &mark.number},
        {"hash", DMV_JSON_STRING, DMV_JSON_REQUIRED, &hash},
    };
    int r = dmv_json_read(o, "history", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r == 0 && (mark.number < 1 || !dmv_is_hex(hash, sizeof(mark.hash) - 1)))
        r = dmv_error_set(reterr, DMV_STATE_BROKEN, NULL, NULL, "its entry of the history is none");
    if (r != 0)
        return r;
    memcpy(mark.hash, hash, sizeof(mark.hash));
    *ret = mark;
    return 0;
}

static json_object *mark_to_json(const DmvHistoryMark *mark)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_int(&b, "number", mark->number);
    dmv_jb_string(&b, "hash", mark->hash);
    return dmv_jb_end(&b);
}

void dmv_way_back_deinit(DmvWayBack *b)
{
    dmv_intent_deinit(&b->intent);
    *b = (DmvWayBack){0};
}

static int read_before(json_object *o, DmvWayBack *b, DmvError *reterr)
{
    json_object *intent = NULL;
    const DmvJsonField fields[] = {
        {"intent", DMV_JSON_OBJECT, DMV_JSON_REQUIRED, &intent},
        {"staged", DMV_JSON_BOOL, DMV_JSON_REQUIRED, &b->staged},
    };
    int r = dmv_json_read(o, "before", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r == 0)
        r = dmv_intent_from_json(intent, &b->intent, reterr);
    b->set = r == 0;
    return r;
}

static json_object *before_to_json(const DmvWayBack *before)
{
    json_object *intent = NULL;
    DmvJsonBuilder b = {0};

    if (dmv_intent_to_json(&before->intent, &intent) < 0)
        return NULL;
    dmv_jb_object(&b);
    dmv_jb_value(&b, "intent", intent);
    dmv_jb_bool(&b, "staged", before->staged);
    return dmv_jb_end(&b);
}

static int load_state(DmvManager *m)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_ERROR DmvError error = {0};
    const char *format = NULL;
    json_object *intent = NULL, *before = NULL, *history = NULL;
    const DmvJsonField fields[] = {
        {"format", DMV_JSON_STRING, DMV_JSON_REQUIRED, &format},
        {"current", DMV_JSON_INT, DMV_JSON_REQUIRED, &m->generations.current},
        {"intent", DMV_JSON_OBJECT, DMV_JSON_REQUIRED, &intent},
        {"before", DMV_JSON_OBJECT, 0, &before},
        {"history", DMV_JSON_OBJECT, 0, &history},
    };
    int r = read_state_file(m, STATE_FILE, &o);

    if (r < 0 || !o)
        return r;
    r = dmv_json_read(o, "state", fields, DMV_N_ELEMENTS(fields), false, &error);
    if (r == 0 && strcmp(format, STATE_FORMAT) != 0)
        r = dmv_error_set(&error, DMV_STATE_BROKEN, NULL, NULL, "its format is %s", format);
    if (r == 0)
        r = dmv_intent_from_json(intent, &m->intent, &error);
    if (r == 0 && before)
        r = read_before(before, &m->before, &error);
    if (r == 0 && history)
        r = read_mark(history, &m->known_entry, &error);
    return r > 0 ? broken(m, STATE_FILE, error.why ? error.why : "malformed") : r;
}

static int load_generation(DmvManager *m, const char *name)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_ERROR DmvError error = {0};
    DMV_CLEANUP_FREE char *path = NULL;
    int r;

    if (asprintf(&path, "%s/%s", GENERATIONS_DIR, name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    r = read_state_file(m, path, &o);
    if (r < 0 || !o)
        return r;
    r = dmv_generations_add_json(&m->generations, o, &error);
    return r > 0 ? broken(m, path, error.why ? error.why : "malformed") : r;
}

static int load_generations(DmvManager *m)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = dmv_fs_list(m->roots.fd, GENERATIONS_DIR, &entries, &n);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r == -ENOMEM ? r : broken(m, GENERATIONS_DIR, strerror(-r));
    for (size_t i = 0; r == 0 && i < n; i++)
        if (dmv_ends_with(entries[i].name, ".json"))
            r = load_generation(m, entries[i].name);
    dmv_fs_entries_free(entries, n);
    return r;
}

static int load_boot(DmvManager *m)
{
    DMV_CLEANUP_ERROR DmvError error = {0};
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int r = dmv_fs_read_private(m->roots.fd, BOOT_FILE, MAX_STATE, &data, &size);

    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = dmv_boot_parse(data, size, &m->boot, &error);
    if (r == 0) {
        m->has_boot = true;
        m->generations.fallback = m->boot.fallback;
        return 0;
    }
    return r == -ENOMEM ? r
                        : broken(m, BOOT_FILE,
                                 r < 0       ? dmv_fs_private_words(r)
                                 : error.why ? error.why
                                             : "malformed");
}

static int load_seen(DmvManager *m)
{
    DMV_CLEANUP_ERROR DmvError error = {0};
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int r = dmv_fs_read_private(m->roots.fd, SEEN_FILE, DMV_SEEN_MAX_BYTES, &data, &size);

    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = dmv_seen_parse(data, size, &m->seen, &error);
    m->has_seen = r == 0;
    if (r == 0 || r == -ENOMEM)
        return r;
    if (asprintf(&m->seen_problem, "%s cannot be used, nothing is compared with it: %s", SEEN_FILE,
                 r < 0       ? dmv_fs_private_words(r)
                 : error.why ? error.why
                             : "malformed") < 0) {
        m->seen_problem = NULL;
        return -ENOMEM;
    }
    dmv_log(LOG_WARNING, "%s", m->seen_problem);
    return 0;
}

void dmv_state_deinit(DmvManager *m)
{
    dmv_intent_deinit(&m->intent);
    dmv_way_back_deinit(&m->before);
    dmv_generations_deinit(&m->generations);
    dmv_history_deinit(&m->history);
    dmv_intent_deinit(&m->recorded);
    m->known_entry = (DmvHistoryMark){0};
    m->history_unsure = false;
    dmv_seen_deinit(&m->seen);
    (void)dmv_set_string(&m->seen_problem, NULL);
    (void)dmv_set_string(&m->state_problem, NULL);
    m->boot = (DmvBoot){0};
    m->has_boot = m->has_seen = false;
}

/* Of daemons that died while they wrote. */
static void sweep(const DmvManager *m)
{
    static const char *const folders[] = {DMV_STATE_DIR, GENERATIONS_DIR, DMV_TRUST_STATE_DIR,
                                          DMV_CATALOGS_DIR};

    for (size_t i = 0; i < DMV_N_ELEMENTS(folders); i++) {
        int r = dmv_fs_sweep(m->roots.fd, folders[i]);

        if (r < 0)
            dmv_log(LOG_DEBUG, "temporary files stay in %s, ignoring: %s", folders[i], strerror(-r));
    }
}

int dmv_state_load(DmvManager *m)
{
    int r;

    dmv_claim_note(m);
    sweep(m);
    r = load_state(m);

    if (r == 0)
        r = load_generations(m);
    if (r == 0)
        r = load_boot(m);
    if (r == 0)
        r = load_seen(m);
    return r == 0 ? dmv_record_load(m) : r;
}

static int write_json(DmvManager *m, const char *folder, const char *path, json_object *o)
{
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    int r = o ? dmv_json_format(o, &text, &size) : -ENOMEM;

    if (r == 0)
        r = dmv_fs_mkdirs(m->roots.fd, folder, 0700);
    if (r == 0)
        r = dmv_fs_replace_file(m->roots.fd, path, text, size, 0600);
    return r;
}

int dmv_state_save(DmvManager *m)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    const DmvHistoryMark mark = *dmv_record_mark(m);
    json_object *intent = NULL;
    DmvJsonBuilder b = {0};
    int r;

    if (dmv_intent_to_json(&m->intent, &intent) < 0)
        return -ENOMEM;
    dmv_jb_object(&b);
    dmv_jb_string(&b, "format", STATE_FORMAT);
    dmv_jb_int(&b, "current", m->generations.current);
    dmv_jb_value(&b, "intent", intent);
    if (m->before.set)
        dmv_jb_value(&b, "before", before_to_json(&m->before));
    if (mark.number > 0)
        dmv_jb_value(&b, "history", mark_to_json(&mark));
    o = dmv_jb_end(&b);
    r = write_json(m, DMV_STATE_DIR, STATE_FILE, o);
    if (r == 0)
        m->known_entry = mark;
    return r;
}

/* Early in a boot only this file is looked for: it is there whenever the machine has something to do, and
 * after a loss of power perhaps longer. */
static int flag_trial(DmvManager *m, bool under_way)
{
    int r;

    if (!under_way)
        return dmv_fs_remove(m->roots.fd, TRIAL_FILE);
    r = dmv_fs_mkdirs(m->roots.fd, DMV_STATE_DIR, 0700);
    return r == 0 ? dmv_fs_append_file(m->roots.fd, TRIAL_FILE, "", 0, 0600) : r;
}

int dmv_state_save_boot(DmvManager *m, const DmvBoot *b)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    bool under_way = b->phase != DMV_BOOT_GOOD;
    int r = dmv_boot_to_json(b, &o);

    if (r == 0 && under_way)
        r = flag_trial(m, true);
    if (r == 0)
        r = write_json(m, DMV_STATE_DIR, BOOT_FILE, o);
    return r == 0 && !under_way ? flag_trial(m, false) : r;
}

int dmv_state_save_seen(DmvManager *m, const DmvSeen *s)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    int r = dmv_seen_to_json(s, &o);

    return r == 0 ? write_json(m, DMV_STATE_DIR, SEEN_FILE, o) : r;
}

int dmv_state_save_generation(DmvManager *m, const DmvGeneration *g)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_FREE char *path = NULL;
    int r = dmv_generation_to_json(g, &o);

    if (r < 0)
        return r;
    if (asprintf(&path, "%s/%lld.json", GENERATIONS_DIR, (long long)g->number) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    return write_json(m, GENERATIONS_DIR, path, o);
}

int dmv_state_commit(DmvManager *m)
{
    int r = dmv_generations_commit(&m->generations);

    return r == 0
               ? dmv_state_save_generation(m, dmv_generations_find(&m->generations, m->generations.current))
               : r;
}

void dmv_state_forget_generation(DmvManager *m, int64_t number)
{
    DMV_CLEANUP_FREE char *path = NULL;
    int r;

    if (asprintf(&path, "%s/%lld.json", GENERATIONS_DIR, (long long)number) < 0) {
        path = NULL;
        return;
    }
    r = dmv_fs_remove(m->roots.fd, path);
    if (r < 0)
        dmv_log(LOG_WARNING, "generation %lld stays on the disk, ignoring: %s", (long long)number,
                strerror(-r));
}
