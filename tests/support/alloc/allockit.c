/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * malloc() and its kin are defined here, so that the whole program, its shared libraries and libc's own
 * strdup(), asprintf() and getline() call these. Behind them is what would have been called: libc's, or the
 * sanitizer's, which goes on looking for leaks.
 */
#include "allockit.h"

#include <dlfcn.h>
#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
#define REAL(f) __interceptor_##f
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define REAL(f) __interceptor_##f
#endif
#endif
/* A sanitizer has a strdup() of its own, which comes round these; it counts by itself what is left. */
#ifdef REAL
#define COUNTS false
#else
#define REAL(f) __libc_##f
#define COUNTS true
#endif

#define SAMPLE_ABOVE 300
#define SAMPLE 150
#define UNTOUCHED ((char *)&untouched)

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *p, size_t size);
void REAL(free)(void *p);

static size_t left; /* allocations until one fails; 0: none does */
static bool for_ever, failed;
static size_t counted;
static long live;
static size_t tried;
static char untouched;

static bool spare_parser = true;
static bool spared; /* nothing fails */

static bool fails(void)
{
    if (spared)
        return false;
    counted++;
    if (left == 0)
        return false;
    if (left > 1) {
        left--;
        return false;
    }
    if (!for_ever)
        left = 0;
    failed = true;
    errno = ENOMEM;
    return true;
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
    void *p = fails() ? NULL : REAL(malloc)(size);

    live += p != NULL;
    return p;
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
    void *p = fails() ? NULL : REAL(calloc)(n, size);

    live += p != NULL;
    return p;
}

__attribute__((visibility("default"))) void *realloc(void *old, size_t size)
{
    void *p;

    if (fails())
        return NULL;
    p = REAL(realloc)(old, size);
    live += (p != NULL) - (old != NULL);
    return p;
}

__attribute__((visibility("default"))) void *reallocarray(void *old, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(old, bytes);
}

__attribute__((visibility("default"))) void free(void *p)
{
    live -= p != NULL;
    REAL(free)(p);
}

/* In the place of json-c's. */
__attribute__((visibility("default"))) json_object *json_tokener_parse_ex(json_tokener *t, const char *s,
                                                                          int n)
{
    static json_object *(*real)(json_tokener *, const char *, int);
    json_object *o;

    spared = true;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "json_tokener_parse_ex");
    spared = spare_parser;
    o = real(t, s, n);
    spared = false;
    return o;
}

/* In the place of json-c's, which loses its copy of the name when its table cannot grow. */
__attribute__((visibility("default"))) int json_object_object_add(json_object *o, const char *key,
                                                                  json_object *value)
{
    static int (*real)(json_object *, const char *, json_object *);
    long before;
    int r;

    spared = true;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "json_object_object_add");
    spared = false;
    before = live;
    r = real(o, key, value);
    if (r < 0)
        live = before;
    return r;
}

/* For the sanitizer that knows of that. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:json_object_object_add_ex\n";
}

void alloc_spare_parser(bool spare)
{
    spare_parser = spare;
}

void alloc_fail(size_t nth, bool all_after)
{
    left = nth;
    for_ever = all_after;
    failed = false;
}

bool alloc_stop(void)
{
    left = 0;
    return failed;
}

long alloc_n_live(void)
{
    return live;
}

size_t alloc_n_tried(void)
{
    return tried;
}

/* ---- every allocation ---- */

static unsigned seed(void)
{
    static unsigned value;
    const char *given = getenv("DMV_ALLOC_SEED");

    if (value == 0) {
        value = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL) | 1;
        print_message("DMV_ALLOC_SEED=%u\n", value);
        srand(value);
    }
    return value;
}

/* Return: what was left allocated. */
static long try_once(const char *name, AllocScenario scenario, const void *input, size_t nth, bool all_after,
                     int want, const char *words)
{
    const char *on = all_after ? " and on" : "";
    char *text = UNTOUCHED;
    long before = live;
    bool hit;
    int r;

    alloc_fail(nth, all_after);
    r = scenario(input, &text);
    hit = alloc_stop();
    tried += hit;
    if (r != want && !(hit && r == -ENOMEM))
        fail_msg("%s: allocation %zu%s: the result is %d instead of %d", name, nth, on, r, want);
    if (r != 0 && text != UNTOUCHED)
        fail_msg("%s: allocation %zu%s: the output was touched", name, nth, on);
    if (r == 0 && strcmp(text, words) != 0) {
        size_t same = 0;

        while (text[same] == words[same])
            same++;
        fail_msg(
            "%s: allocation %zu%s: it is said to work, and gives from byte %zu on %.60s instead of %.60s",
            name, nth, on, same, text + same, words + same);
    }
    if (r == 0)
        free(text);
    return COUNTS ? live - before : 0;
}

/* What a library keeps for ever when it first fails is no leak: that is what happens each time. */
static void try_one(const char *name, AllocScenario scenario, const void *input, size_t nth, bool all_after,
                    int want, const char *words)
{
    long lost = try_once(name, scenario, input, nth, all_after, want, words);

    if (lost != 0)
        lost = try_once(name, scenario, input, nth, all_after, want, words);
    if (lost != 0)
        fail_msg("%s: allocation %zu%s leaves %ld behind", name, nth, all_after ? " and on" : "", lost);
}

/* As with enough memory, as if nothing had happened. */
static void try_again(const char *name, AllocScenario scenario, const void *input, int want,
                      const char *words)
{
    char *text = UNTOUCHED;
    int r = scenario(input, &text);

    if (r != want || (r == 0 && strcmp(text, words) != 0))
        fail_msg("%s: afterwards the result is %d instead of %d, or another", name, r, want);
    if (r == 0)
        free(text);
}

void alloc_try_each(const char *name, AllocScenario scenario, const void *input)
{
    char *words = NULL, *again = NULL;
    size_t n;
    bool sample;
    int want = scenario(input, &words); /* libraries get what they keep for ever */
    int r;

    (void)seed();
    counted = 0;
    r = scenario(input, &again);
    n = counted;
    assert_int_equal(r, want);
    if (want == 0)
        assert_string_equal(words, again);
    free(again);
    sample = n > SAMPLE_ABOVE && !getenv("DMV_ALLOC_ALL");
    for (size_t nth = 1; nth <= n; nth++) {
        if (sample && (size_t)rand() % n >= SAMPLE)
            continue;
        try_one(name, scenario, input, nth, false, want, words);
        try_one(name, scenario, input, nth, true, want, words);
        try_again(name, scenario, input, want, words);
    }
    free(words);
}
