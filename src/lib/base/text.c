/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text, lists of text, and growing arrays.
 *
 * The rules for names live here because every room enforces the same ones: a name that passes is safe as a
 * component of a path, as a word in a depmod configuration and in a line of a table.
 */
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int dmv_close(int fd)
{
    int saved = errno;

    if (fd >= 0)
        (void)close(fd);
    errno = saved;
    return -1;
}

static bool text_reserve(DmvText *t, size_t more)
{
    size_t want, allocated = t->allocated ? t->allocated : 64;
    char *p;

    if (t->error)
        return false;
    if (__builtin_add_overflow(t->size, more, &want) || __builtin_add_overflow(want, (size_t)1, &want)) {
        t->error = -ENOMEM;
        return false;
    }
    if (want <= t->allocated)
        return true;
    while (allocated < want)
        allocated = allocated > SIZE_MAX / 2 ? want : allocated * 2;
    p = realloc(t->data, allocated);
    if (!p) {
        t->error = -ENOMEM;
        return false;
    }
    t->data = p;
    t->allocated = allocated;
    return true;
}

void dmv_text_append_bytes(DmvText *t, const void *data, size_t size)
{
    if (!text_reserve(t, size))
        return;
    if (size > 0)
        memcpy(t->data + t->size, data, size);
    t->size += size;
    t->data[t->size] = '\0';
}

void dmv_text_append(DmvText *t, const char *s)
{
    dmv_text_append_bytes(t, s, strlen(s));
}

char *dmv_vformat(const char *format, va_list ap)
{
    char *text = NULL;

    return vasprintf(&text, format, ap) < 0 ? NULL : text;
}

void dmv_text_appendf(DmvText *t, const char *format, ...)
{
    DMV_CLEANUP_FREE char *piece = NULL;
    va_list ap;

    va_start(ap, format);
    piece = dmv_vformat(format, ap);
    va_end(ap);
    if (piece)
        dmv_text_append(t, piece);
    else
        t->error = -ENOMEM;
}

int dmv_text_take(DmvText *t, char **ret, size_t *ret_size)
{
    int error;

    dmv_text_append_bytes(t, "", 0);
    error = t->error;
    if (error) {
        dmv_text_deinit(t);
        return error;
    }
    if (ret_size)
        *ret_size = t->size;
    *ret = t->data;
    *t = (DmvText){0};
    return 0;
}

void dmv_text_deinit(DmvText *t)
{
    free(t->data);
    *t = (DmvText){0};
}

size_t dmv_strv_length(char *const *v)
{
    size_t n = 0;

    while (v && v[n])
        n++;
    return n;
}

bool dmv_strv_contains(char *const *v, const char *s)
{
    for (; v && *v; v++)
        if (strcmp(*v, s) == 0)
            return true;
    return false;
}

bool dmv_strv_meet(char *const *a, char *const *b)
{
    for (; a && *a; a++)
        if (dmv_strv_contains(b, *a))
            return true;
    return false;
}

int dmv_strv_push(char ***v, const char *s)
{
    size_t n = dmv_strv_length(*v);
    char **grown = reallocarray(*v, n + 2, sizeof(char *));

    if (!grown)
        return -ENOMEM;
    *v = grown;
    grown[n + 1] = NULL;
    grown[n] = strdup(s);
    return grown[n] ? 0 : -ENOMEM;
}

int dmv_strv_push_unique(char ***v, const char *s)
{
    return dmv_strv_contains(*v, s) ? 0 : dmv_strv_push(v, s);
}

int dmv_strv_pushf_unique(char ***v, const char *format, ...)
{
    DMV_CLEANUP_FREE char *text = NULL;
    va_list ap;

    va_start(ap, format);
    text = dmv_vformat(format, ap);
    va_end(ap);
    return text ? dmv_strv_push_unique(v, text) : -ENOMEM;
}

int dmv_strv_copy(char *const *v, char ***ret)
{
    DMV_CLEANUP_STRV char **copy = NULL;
    size_t n = dmv_strv_length(v);

    if (n > 0 && !(copy = calloc(n + 1, sizeof(*copy))))
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (!(copy[i] = strdup(v[i])))
            return -ENOMEM;
    *ret = DMV_TAKE_PTR(copy);
    return 0;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void dmv_strv_sort(char **v)
{
    if (v)
        qsort(v, dmv_strv_length(v), sizeof(char *), compare_strings);
}

void dmv_strv_sort_unique(char **v)
{
    size_t n = 0;

    dmv_strv_sort(v);
    for (size_t i = 0; v && v[i]; i++) {
        if (n > 0 && strcmp(v[n - 1], v[i]) == 0)
            free(v[i]);
        else
            v[n++] = v[i];
    }
    if (v)
        v[n] = NULL;
}

char **dmv_strv_free(char **v)
{
    for (char **p = v; p && *p; p++)
        free(*p);
    free(v);
    return NULL;
}

void *dmv_array_grow(void *items, size_t *n, size_t size)
{
    void **array = items;
    char *p = *array;

    /* full exactly when empty or at a power of two */
    if ((*n & (*n - 1)) == 0) {
        size_t want = *n ? *n * 2 : 1;

        p = reallocarray(*array, want, size);
        if (!p)
            return NULL;
        *array = p;
    }
    p += *n * size;
    memset(p, 0, size);
    (*n)++;
    return p;
}

int dmv_strcmp0(const char *a, const char *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

/* Compares two runs of digits and steps over them. */
static int compare_numbers(const char **a, const char **b)
{
    size_t n, m;
    int c;

    *a += strspn(*a, "0");
    *b += strspn(*b, "0");
    n = strspn(*a, "0123456789");
    m = strspn(*b, "0123456789");
    c = n != m ? (n < m ? -1 : 1) : strncmp(*a, *b, n);
    *a += n;
    *b += m;
    return c;
}

int dmv_compare_releases(const char *a, const char *b)
{
    const char *x = a, *y = b;

    while (*x && *y) {
        if (*x >= '0' && *x <= '9' && *y >= '0' && *y <= '9') {
            int c = compare_numbers(&x, &y);

            if (c)
                return c;
        } else if (*x != *y) {
            break;
        } else {
            x++;
            y++;
        }
    }
    if (*x != *y)
        return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
    return strcmp(a, b);
}

bool dmv_starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool dmv_ends_with(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);

    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

int dmv_set_string(char **p, const char *s)
{
    char *copy = s ? strdup(s) : NULL;

    if (s && !copy)
        return -ENOMEM;
    free(*p);
    *p = copy;
    return 0;
}

static bool is_ascii_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool name_is_valid(const char *s, const char *first, const char *extra, size_t max)
{
    size_t n = 0;

    if (!s || !s[0] || (!is_ascii_alnum(s[0]) && !strchr(first, s[0])))
        return false;
    for (; s[n]; n++)
        if (n >= max || (!is_ascii_alnum(s[n]) && !strchr(extra, s[n])))
            return false;
    return true;
}

bool dmv_name_is_valid(const char *s)
{
    return name_is_valid(s, "", "_.+~-", 64);
}

bool dmv_kernel_name_is_valid(const char *s)
{
    return name_is_valid(s, "", "_.+~-", 127);
}

bool dmv_module_name_is_valid(const char *s)
{
    return name_is_valid(s, "_", "_-", 64);
}

bool dmv_relative_path_is_valid(const char *s)
{
    const char *component = s;
    size_t n = 0;

    if (!s || !s[0])
        return false;
    for (;; n++) {
        if (n > 1024)
            return false;
        if (s[n] == '/' || s[n] == '\0') {
            size_t length = (size_t)(s + n - component);

            if (length == 0 || (length == 1 && component[0] == '.') ||
                (length == 2 && component[0] == '.' && component[1] == '.'))
                return false;
            if (!s[n])
                return true;
            component = s + n + 1;
        } else if (s[n] <= ' ' || s[n] >= 0x7f || s[n] == '\\') {
            return false;
        }
    }
}

bool dmv_module_name_from_file(const char *path, char *name, size_t size)
{
    static const char *const suffixes[] = {".ko", ".ko.xz", ".ko.zst", ".ko.gz"};
    const char *base = strrchr(path, '/');

    base = base ? base + 1 : path;
    for (size_t i = 0; i < DMV_N_ELEMENTS(suffixes); i++) {
        size_t n;

        if (!dmv_ends_with(base, suffixes[i]))
            continue;
        n = strlen(base) - strlen(suffixes[i]);
        if (n == 0 || n >= size)
            return false;
        for (size_t k = 0; k < n; k++)
            name[k] = base[k] == '-' ? '_' : base[k];
        name[n] = '\0';
        return dmv_module_name_is_valid(name);
    }
    return false;
}

bool dmv_module_name_equal(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
            return false;
    return *a == *b;
}

void dmv_hex(const uint8_t *data, size_t n, char *ret)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = digits[data[i] >> 4];
        ret[2 * i + 1] = digits[data[i] & 15];
    }
    ret[2 * n] = '\0';
}

bool dmv_is_hex(const char *s, size_t length)
{
    return s && strlen(s) == length && strspn(s, "0123456789abcdef") == length;
}

/* Length of the well-formed UTF-8 sequence at @s that is no control character, or 0. */
static size_t utf8_sequence(const unsigned char *s)
{
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
               : (s[0] & 0xf0) == 0xe0       ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                             : 0;

    if (n == 1)
        return s[0] >= 0x20 && s[0] != 0x7f;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if (n == 2 && s[0] == 0xc2 && s[1] < 0xa0)
        return 0;
    if (n == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0)))
        return 0;
    if (n == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90)))
        return 0;
    return n;
}

char *dmv_sanitize(const char *s)
{
    char *copy = strdup(s), *p = copy;

    while (p && *p) {
        size_t n = utf8_sequence((const unsigned char *)p);

        if (n == 0)
            *p = '?';
        p += n ? n : 1;
    }
    return copy;
}

int dmv_parse_u64(const char *s, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;

    if (!s || !s[0] || (s[0] == '0' && s[1]))
        return -EINVAL;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return -EINVAL;
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
            return -ERANGE;
    }
    if (v > max)
        return -ERANGE;
    *ret = v;
    return 0;
}

int dmv_parse_time(const char *s, int64_t *ret)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
    struct tm tm = {0};
    char again[21];
    time_t t;

    if (!s || strlen(s) != sizeof(shape) - 1)
        return -EINVAL;
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != shape[i])
            return -EINVAL;
    if (!strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm))
        return -EINVAL;
    t = timegm(&tm);
    dmv_format_time(t, again);
    if (strcmp(again, s) != 0) /* timegm() takes the 31st of February for the 3rd of March */
        return -EINVAL;
    *ret = t;
    return 0;
}

void dmv_format_time(int64_t t, char ret[21])
{
    static const char none[21] = "----------T--:--:--Z";
    struct tm tm = {0};
    time_t tt = (time_t)t;

    if (!gmtime_r(&tt, &tm) || strftime(ret, 21, "%Y-%m-%dT%H:%M:%SZ", &tm) != 20)
        memcpy(ret, none, sizeof(none));
}

void dmv_format_bytes(uint64_t n, char ret[16])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double v = (double)n;
    size_t u = 0;

    while (v >= 1024 && u + 1 < DMV_N_ELEMENTS(units)) {
        v /= 1024;
        u++;
    }
    if (u == 0)
        (void)snprintf(ret, 16, "%.0f %s", v, units[u]);
    else
        (void)snprintf(ret, 16, "%.1f %s", v, units[u]);
}
