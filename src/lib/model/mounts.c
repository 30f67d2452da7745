/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mountinfo and swaps. Any user can choose the name of a mount point, so every field is taken apart before
 * its escapes are resolved, and a line that does not fit is no mount.
 */
#include "model/mounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static void mount_deinit(DmvMount *m)
{
    free(m->root);
    free(m->point);
    free(m->type);
    free(m->source);
    free(m->options);
    *m = (DmvMount){0};
}

void dmv_mounts_deinit(DmvMounts *m)
{
    for (size_t i = 0; i < m->n; i++)
        mount_deinit(&m->items[i]);
    free(m->items);
    *m = (DmvMounts){0};
}

/* ---- fields ---- */

/* The next word of a line, with a NUL behind it; NULL at the end. */
static char *next_word(char **line)
{
    char *word = *line + strspn(*line, " \t"), *end = word + strcspn(word, " \t");

    if (!*word)
        return NULL;
    *line = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

static bool is_escape(const char *s)
{
    return s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
           s[3] <= '7';
}

/* Resolves \040 and the like in place. Return: false for an escaped NUL, which no path holds. */
static bool resolve_escapes(char *s)
{
    char *to = s;

    while (*s) {
        if (!is_escape(s)) {
            *to++ = *s++;
            continue;
        }
        *to = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
        if (!*to)
            return false;
        to++;
        s += 4;
    }
    *to = '\0';
    return true;
}

static bool read_number(const char **s, char end, uint32_t *ret)
{
    char *rest = NULL;
    unsigned long v;

    if (**s < '0' || **s > '9')
        return false;
    errno = 0;
    v = strtoul(*s, &rest, 10);
    if (errno != 0 || v > UINT32_MAX || *rest != end)
        return false;
    *ret = (uint32_t)v;
    *s = rest + (end ? 1 : 0);
    return true;
}

/* ---- mountinfo ---- */

/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [OPTIONAL...] - TYPE SOURCE OPTIONS". Return: 1; 0 if it is no
 * such line; -ENOMEM. */
static int parse_mount(char *line, DmvMount *ret)
{
    char *fields[6], *tail[3] = {NULL, NULL, NULL}, *word;
    const char *numbers;

    for (size_t i = 0; i < DMV_N_ELEMENTS(fields); i++) {
        fields[i] = next_word(&line);
        if (!fields[i])
            return 0;
    }
    do
        word = next_word(&line);
    while (word && strcmp(word, "-") != 0);
    for (size_t i = 0; word && i < DMV_N_ELEMENTS(tail); i++)
        tail[i] = next_word(&line);
    numbers = fields[2];
    if (!tail[1] || fields[4][0] != '/' || !read_number(&numbers, ':', &ret->major) ||
        !read_number(&numbers, '\0', &ret->minor) || !resolve_escapes(fields[3]) ||
        !resolve_escapes(fields[4]) || !resolve_escapes(tail[1]) || (tail[2] && !resolve_escapes(tail[2])))
        return 0;
    if (dmv_set_string(&ret->root, fields[3]) < 0 || dmv_set_string(&ret->point, fields[4]) < 0 ||
        dmv_set_string(&ret->type, tail[0]) < 0 || dmv_set_string(&ret->source, tail[1]) < 0 ||
        dmv_set_string(&ret->options, tail[2] ? tail[2] : "") < 0)
        return -ENOMEM;
    return 1;
}

static int take_mount(DmvMounts *m, char *line)
{
    DMV_CLEANUP(mount_deinit) DmvMount fresh = {0};
    DmvMount *place;
    int r = parse_mount(line, &fresh);

    if (r < 0)
        return r;
    if (r == 0 || m->n >= DMV_MOUNTS_MAX) {
        m->n_odd++;
        return 0;
    }
    place = DMV_ARRAY_ADD(m->items, m->n);
    if (!place)
        return -ENOMEM;
    *place = fresh;
    fresh = (DmvMount){0};
    return 0;
}

int dmv_mounts_parse(const char *data, size_t size, DmvMounts *ret)
{
    DMV_CLEANUP_MOUNTS DmvMounts m = {0};

    for (size_t at = 0; at < size;) {
        const char *end = memchr(data + at, '\n', size - at);
        size_t n = end ? (size_t)(end - data) - at : size - at;
        DMV_CLEANUP_FREE char *line = strndup(data + at, n);
        int r = 0;

        if (!line)
            return -ENOMEM;
        if (strlen(line) < n) /* a NUL byte */
            m.n_odd++;
        else if (n > 0)
            r = take_mount(&m, line);
        if (r < 0)
            return r;
        at += n + 1;
    }
    *ret = m;
    m = (DmvMounts){0};
    return 0;
}

/* ---- asking ---- */

const DmvMount *dmv_mounts_at(const DmvMounts *m, const char *point)
{
    for (size_t i = m->n; i > 0; i--)
        if (strcmp(m->items[i - 1].point, point) == 0)
            return &m->items[i - 1];
    return NULL;
}

static bool holds(const char *point, const char *path)
{
    size_t n = strlen(point);

    if (strcmp(point, "/") == 0)
        return path[0] == '/';
    return strncmp(point, path, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

const DmvMount *dmv_mounts_of_path(const DmvMounts *m, const char *path)
{
    const DmvMount *best = NULL;

    for (size_t i = 0; i < m->n; i++)
        if (holds(m->items[i].point, path) && (!best || strlen(m->items[i].point) >= strlen(best->point)))
            best = &m->items[i];
    return best;
}

int dmv_mount_inside(const DmvMount *m, const char *path, char **ret)
{
    const char *rest = strcmp(m->point, "/") == 0 ? path : path + strlen(m->point);

    if (asprintf(ret, "%s%s", strcmp(m->root, "/") == 0 ? "" : m->root, rest) >= 0)
        return 0;
    *ret = NULL;
    return -ENOMEM;
}

int dmv_mount_option(const char *options, const char *name, char **ret)
{
    size_t n = strlen(name);

    *ret = NULL;
    for (const char *s = options; *s;) {
        size_t length = strcspn(s, ",");

        if (length > n && strncmp(s, name, n) == 0 && s[n] == '=') {
            *ret = strndup(s + n + 1, length - n - 1);
            return *ret ? 0 : -ENOMEM;
        }
        s += length + (s[length] == ',');
    }
    return 0;
}

/* ---- swaps ---- */

int dmv_swaps_parse(const char *data, size_t size, char ***ret_partitions, char ***ret_files)
{
    DMV_CLEANUP_FREE char *text = strndup(data, size);
    DMV_CLEANUP_STRV char **partitions = NULL, **files = NULL;
    char *rest = text, *line;
    int r = text ? 0 : -ENOMEM;

    while (r == 0 && (line = strsep(&rest, "\n"))) {
        char *path = next_word(&line), *type = path ? next_word(&line) : NULL;

        if (!type || path[0] != '/' || !resolve_escapes(path)) /* the heading, or no swap */
            continue;
        if (strcmp(type, "partition") == 0)
            r = dmv_strv_push_unique(&partitions, path);
        else if (strcmp(type, "file") == 0)
            r = dmv_strv_push_unique(&files, path);
    }
    if (r < 0)
        return r;
    *ret_partitions = DMV_TAKE_PTR(partitions);
    *ret_files = DMV_TAKE_PTR(files);
    return 0;
}
