/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Settings by tables: one row a key. A file is taken as a whole or not at all, so that half of a bad file
 * never counts.
 */
#include "base/settings.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

#include "base/text.h"

typedef enum KeyType { KEY_NUMBER, KEY_STRING, KEY_LIST, KEY_BOOL, KEY_REBOOT, KEY_POLICY } KeyType;

typedef struct Key {
    const char *section, *name;
    KeyType type;
    uint64_t min, max; /* of a number */
    size_t offset;
} Key;

typedef struct Parse {
    const char *file;
    const Key *keys;
    size_t n_keys;
    char *base;      /* the struct that is filled */
    uint64_t seen;   /* one bit a key */
    int result;      /* of the first line that was refused */
    const char *why; /* why it was */
    DmvError *reterr;
} Parse;

static const Key settings_keys[] = {
    {"daemon", "idle-timeout", KEY_NUMBER, 0, 86400, offsetof(DmvSettings, idle_timeout)},
    {"daemon", "worker-timeout", KEY_NUMBER, 1, 86400, offsetof(DmvSettings, worker_timeout)},
    {"generations", "keep", KEY_NUMBER, 0, 1000, offsetof(DmvSettings, keep_generations)},
    {"boot", "attempts", KEY_NUMBER, 0, 10, offsetof(DmvSettings, boot_attempts)},
    {"boot", "boots", KEY_NUMBER, 1, 100, offsetof(DmvSettings, boot_boots)},
    {"boot", "soak", KEY_NUMBER, 0, 90 * 86400, offsetof(DmvSettings, boot_soak)},
    {"boot", "reboot", KEY_REBOOT, 0, 0, offsetof(DmvSettings, boot_reboot)},
    {"boot", "settle", KEY_NUMBER, 0, 3600, offsetof(DmvSettings, boot_settle)},
    {"boot", "allow-renames", KEY_BOOL, 0, 0, offsetof(DmvSettings, boot_allow_renames)},
    {"kernels", "alternate", KEY_LIST, 0, 0, offsetof(DmvSettings, alternate_kernels)},
    {"fetch", "timeout", KEY_NUMBER, 1, 86400, offsetof(DmvSettings, fetch_timeout)},
    {"fetch", "max-catalog", KEY_NUMBER, 1, 64u << 20, offsetof(DmvSettings, max_catalog)},
    {"fetch", "max-package", KEY_NUMBER, 1, UINT64_C(4) << 30, offsetof(DmvSettings, max_package)},
    {"lifelines", "management", KEY_LIST, 0, 0, offsetof(DmvSettings, management)},
    {"lifelines", "fallback", KEY_BOOL, 0, 0, offsetof(DmvSettings, fallback)},
    {"modules", "enforce", KEY_BOOL, 0, 0, offsetof(DmvSettings, enforce)},
    {"guests", "policy", KEY_POLICY, 0, 0, offsetof(DmvSettings, guests_policy)},
    {"guests", "timeout", KEY_NUMBER, 1, 86400, offsetof(DmvSettings, guests_timeout)},
    {"guests", "wait", KEY_NUMBER, 1, 60, offsetof(DmvSettings, guests_wait)},
};

static const Key stream_keys[] = {
    {"stream", "name", KEY_STRING, 0, 0, offsetof(DmvStreamConf, name)},
    {"stream", "url", KEY_LIST, 0, 0, offsetof(DmvStreamConf, urls)},
    {"stream", "root", KEY_STRING, 0, 0, offsetof(DmvStreamConf, root)},
    {"stream", "ca", KEY_STRING, 0, 0, offsetof(DmvStreamConf, ca)},
    {"stream", "enabled", KEY_BOOL, 0, 0, offsetof(DmvStreamConf, enabled)},
};

static int refuse(Parse *p, const char *why)
{
    p->result = DMV_BAD_SETTING;
    p->why = why;
    return 0;
}

static int take_bool(bool *ret, const char *value)
{
    static const char *const yes[] = {"yes", "true", "on", "1"}, *const no[] = {"no", "false", "off", "0"};

    for (size_t i = 0; i < DMV_N_ELEMENTS(yes); i++) {
        if (strcmp(value, yes[i]) == 0)
            *ret = true;
        else if (strcmp(value, no[i]) == 0)
            *ret = false;
        else
            continue;
        return 0;
    }
    return -EINVAL;
}

static int take_number(const Key *k, uint64_t *field, const char *value)
{
    uint64_t v;
    int r = dmv_parse_u64(value, k->max, &v);

    if (r == 0 && v < k->min)
        r = -EDOM;
    if (r == 0)
        *field = v;
    return r;
}

/* The places of words are those of enums that this room does not know. */
static const char *const reboot_words[] = {"lifeline", "always", "never", NULL};          /* DmvBootReboot */
static const char *const policy_words[] = {"report", "refuse", "shutdown", "save", NULL}; /* DmvGuestPolicy */

static int take_word(const char *const *words, int *field, const char *value)
{
    for (size_t i = 0; words[i]; i++)
        if (strcmp(words[i], value) == 0) {
            *field = (int)i;
            return 0;
        }
    return -EINVAL;
}

static int take_value(const Key *k, void *field, const char *value)
{
    switch (k->type) {
    case KEY_NUMBER:
        return take_number(k, field, value);
    case KEY_BOOL:
        return take_bool(field, value);
    case KEY_REBOOT:
        return take_word(reboot_words, field, value);
    case KEY_POLICY:
        return take_word(policy_words, field, value);
    case KEY_STRING:
        return value[0] ? dmv_set_string(field, value) : -EINVAL;
    case KEY_LIST:
        return value[0] ? dmv_strv_push(field, value) : -EINVAL;
    }
    return -EINVAL;
}

/* inih's callback: 0 marks the line as wrong, and inih goes on. */
static int on_key(void *userdata, const char *section, const char *name, const char *value)
{
    Parse *p = userdata;

    if (p->result != 0)
        return 0;
    for (size_t i = 0; i < p->n_keys; i++) {
        const Key *k = &p->keys[i];
        int r;

        if (strcmp(k->section, section) != 0 || strcmp(k->name, name) != 0)
            continue;
        if ((p->seen & (UINT64_C(1) << i)) && k->type != KEY_LIST)
            return refuse(p, "it was set before");
        p->seen |= UINT64_C(1) << i;
        r = take_value(k, p->base + k->offset, value);
        if (r == -ENOMEM) {
            p->result = r;
            return 0;
        }
        if (r == -ERANGE || r == -EDOM)
            return refuse(p, r == -ERANGE ? "the number is too large" : "the number is too small");
        return r < 0 ? refuse(p, "that is no valid value") : 1;
    }
    return refuse(p, "there is no such setting");
}

/* inih cuts a longer line off, and takes what follows for another line. */
#define MAX_LINE ((size_t)INI_MAX_LINE - 2)

/* The number of the first line that is too long, or 0. */
static int find_long_line(const char *text)
{
    for (int n = 1; *text; n++) {
        size_t size = strcspn(text, "\n");

        if (size > MAX_LINE)
            return n;
        text += size + (text[size] == '\n');
    }
    return 0;
}

/* Is that line one with a key, so that the table has refused it and not inih? */
static bool is_key_line(const char *text, int number)
{
    while (--number > 0)
        text += strcspn(text, "\n") + 1;
    text += strspn(text, " \t");
    return *text != '[' && text[strcspn(text, "=:\n")] > '\n';
}

static int refuse_line(const Parse *p, int number, const char *why)
{
    return dmv_error_set(p->reterr, DMV_BAD_SETTING, NULL, "see dmv.conf(5)", "%s, line %d: %s", p->file,
                         number, why);
}

static int parse_file(Parse *p, const char *data, size_t size)
{
    DMV_CLEANUP_FREE char *text = NULL;
    int r;

    if (size > DMV_SETTINGS_MAX_BYTES)
        return dmv_error_set(p->reterr, DMV_TOO_LARGE, NULL, NULL, "%s has more than %u bytes", p->file,
                             DMV_SETTINGS_MAX_BYTES);
    if (memchr(data, '\0', size))
        return dmv_error_set(p->reterr, DMV_BAD_SETTING, NULL, "see dmv.conf(5)", "%s holds a NUL byte",
                             p->file);
    text = strndup(data, size);
    if (!text)
        return -ENOMEM;
    r = find_long_line(text);
    if (r > 0)
        return refuse_line(p, r, "it is too long");
    r = ini_parse_string(text, on_key, p);
    if (r < 0 || p->result < 0)
        return -ENOMEM;
    if (r > 0) /* the first line that inih or the table refused */
        return refuse_line(p, r,
                           p->why && is_key_line(text, r) ? p->why : "this is no section, key or comment");
    return 0;
}

void dmv_settings_init(DmvSettings *s)
{
    *s = (DmvSettings){
        .idle_timeout = 30,
        .worker_timeout = 3600,
        .keep_generations = 20,
        .boot_boots = 1,
        .boot_settle = 60,
        .fetch_timeout = 900,
        .max_catalog = 64u << 20,
        .max_package = UINT64_C(1) << 30,
        .guests_timeout = 300,
        .guests_wait = 20,
    };
}

void dmv_settings_deinit(DmvSettings *s)
{
    dmv_strv_free(s->alternate_kernels);
    dmv_strv_free(s->management);
    *s = (DmvSettings){0};
}

/* A list that a file does not hold stays as the files before have it. */
static void keep_list(char ***fresh, char ***before)
{
    if (!*fresh)
        *fresh = DMV_TAKE_PTR(*before);
}

int dmv_settings_parse(const char *name, const char *data, size_t size, DmvSettings *s, DmvError *reterr)
{
    DmvSettings fresh = *s;
    Parse p = {.file = name,
               .keys = settings_keys,
               .n_keys = DMV_N_ELEMENTS(settings_keys),
               .base = (char *)&fresh,
               .reterr = reterr};
    int r;

    fresh.alternate_kernels = fresh.management = NULL;
    r = parse_file(&p, data, size);
    if (r != 0) {
        dmv_settings_deinit(&fresh);
        return r;
    }
    keep_list(&fresh.alternate_kernels, &s->alternate_kernels);
    keep_list(&fresh.management, &s->management);
    dmv_settings_deinit(s);
    *s = fresh;
    return 0;
}

void dmv_stream_conf_deinit(DmvStreamConf *s)
{
    free(s->name);
    dmv_strv_free(s->urls);
    free(s->root);
    free(s->ca);
    *s = (DmvStreamConf){0};
}

/* http and https with a host, file with an absolute path; nothing that a shell or a header could take for
 * more. */
static bool url_is_valid(const char *url)
{
    static const char *const schemes[] = {"http://", "https://", "file:///"};

    for (const char *p = url; *p; p++)
        if (*p <= ' ' || *p >= 0x7f || *p == '"' || *p == '\\')
            return false;
    for (size_t i = 0; i < DMV_N_ELEMENTS(schemes); i++)
        if (dmv_starts_with(url, schemes[i]) && url[strlen(schemes[i])] != '\0')
            return true;
    return false;
}

/* "none", for a stream that only comes on driver disks, and nothing else. */
static bool has_no_url(const DmvStreamConf *s)
{
    return strcmp(s->urls[0], "none") == 0 && !s->urls[1];
}

static int check_stream(const char *file, const DmvStreamConf *s, DmvError *reterr)
{
    if (!dmv_name_is_valid(s->name))
        return dmv_error_set(reterr, DMV_BAD_SETTING, NULL, "see dmv.conf(5)",
                             "%s: \"%s\" cannot be the name of a stream", file, s->name);
    if (!s->urls)
        return dmv_error_set(reterr, DMV_BAD_SETTING, NULL, "see dmv.conf(5)", "%s: there is no url=", file);
    if (has_no_url(s))
        return 0;
    for (char **u = s->urls; *u; u++)
        if (!url_is_valid(*u))
            return dmv_error_set(reterr, DMV_BAD_SETTING, NULL, "http://, https:// and file:/// are known",
                                 "%s: \"%s\" cannot be the URL of a stream", file, *u);
    return 0;
}

int dmv_stream_conf_parse(const char *name, const char *default_name, const char *data, size_t size,
                          DmvStreamConf *ret, DmvError *reterr)
{
    DmvStreamConf s = {.enabled = true};
    Parse p = {.file = name,
               .keys = stream_keys,
               .n_keys = DMV_N_ELEMENTS(stream_keys),
               .base = (char *)&s,
               .reterr = reterr};
    int r = parse_file(&p, data, size);

    if (r == 0 && !s.name)
        r = dmv_set_string(&s.name, default_name);
    if (r == 0)
        r = check_stream(name, &s, reterr);
    if (r != 0) {
        dmv_stream_conf_deinit(&s);
        return r;
    }
    if (has_no_url(&s))
        s.urls = dmv_strv_free(s.urls);
    *ret = s;
    return 0;
}
