/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The index from devices to releases. See match.h.
 *
 * Entries with the same hardware hang on one chain: ids by vendor and device (either may be "any", so that a
 * device asks for four chains), aliases by the vendor and device that their text fixes, all other aliases by
 * their text. A hundred releases of a driver add to chains; they do not add chains.
 */
#include "match.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "model/arena.h"

/* Lack of memory becomes an error of ours, not the end of the process. */
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, size, hash) ((hash) = hash_bytes((key), (size)))
static unsigned hash_bytes(const void *key, size_t size);
#include <uthash.h>
#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(chain) ((chain)->lost = true)

#define NONE UINT32_MAX

/* The rest of nearly every alias with a fixed vendor and device. */
static const char any_rest[] = "sv*sd*bc*sc*i*";

typedef struct Hardware {
    uint32_t kind; /* KIND_* */
    uint32_t vendor, device;
} Hardware;

enum {
    KIND_ID,
    KIND_ALIAS,
};

typedef struct Entry {
    size_t key;
    const char *rest; /* of an alias, behind vendor and device; NULL: an id */
    uint32_t next;    /* of the chain, or NONE */
    uint32_t subvendor, subdevice;
} Entry;

/* Entries in the order in which they were added. */
typedef struct Chain {
    Hardware hardware;
    const char *pattern; /* of the chains by text */
    uint32_t first, last;
    bool lost; /* uthash could not take it */
    UT_hash_handle hh;
} Chain;

struct DmvMatcher {
    DmvArena *arena; /* chains and texts */
    Entry *entries;
    size_t n_entries;
    Chain *by_hardware, *by_pattern;
};

/* FNV-1a */
static unsigned hash_bytes(const void *key, size_t size)
{
    const unsigned char *p = key;
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < size; i++)
        h = (h ^ p[i]) * 16777619u;
    return h ^ h >> 15;
}

/* ---- what matches ---- */

static bool fits(uint32_t want, uint32_t have)
{
    return want == DMV_PCI_ANY || want == have;
}

bool dmv_pci_id_matches(const DmvPciId *id, const DmvDevice *d)
{
    return fits(id->vendor, d->vendor) && fits(id->device, d->device) && fits(id->subvendor, d->subvendor) &&
           fits(id->subdevice, d->subdevice);
}

/* '*' and '?' only; goes back to the last star only, so that it takes at most the product of the lengths. */
static bool glob(const char *p, const char *s)
{
    const char *star = NULL, *retry = NULL;

    for (;;) {
        if (*p == '*') {
            star = ++p;
            retry = s;
        } else if (*p == *s || (*p == '?' && *s)) {
            if (!*s)
                return true;
            p++;
            s++;
        } else if (star && *retry) {
            p = star;
            s = ++retry;
        } else {
            return false;
        }
    }
}

/* As kmod does it: fnmatch(3), of which patterns for PCI use the stars only. */
static bool text_matches(const char *pattern, const char *s)
{
    return strpbrk(pattern, "[\\") ? fnmatch(pattern, s, 0) == 0 : glob(pattern, s);
}

bool dmv_alias_matches(const char *pattern, const char *modalias)
{
    return modalias && text_matches(pattern, modalias);
}

bool dmv_module_ids_match(const DmvModuleIds *ids, const DmvDevice *d)
{
    for (size_t i = 0; i < ids->n_ids; i++)
        if (dmv_pci_id_matches(&ids->ids[i], d))
            return true;
    for (char **a = ids->aliases; a && *a; a++) {
        if (dmv_alias_matches(*a, d->modalias))
            return true;
        for (char **c = d->child_modaliases; c && *c; c++)
            if (dmv_alias_matches(*a, *c))
                return true;
    }
    return false;
}

/* ---- the index ---- */

int dmv_matcher_new(DmvMatcher **ret)
{
    DmvMatcher *m = calloc(1, sizeof(*m));

    if (!m || dmv_arena_new(&m->arena) < 0) {
        free(m);
        return -ENOMEM;
    }
    *ret = m;
    return 0;
}

DmvMatcher *dmv_matcher_free(DmvMatcher *m)
{
    if (!m)
        return NULL;
    HASH_CLEAR(hh, m->by_hardware);
    HASH_CLEAR(hh, m->by_pattern);
    dmv_arena_free(m->arena);
    free(m->entries);
    free(m);
    return NULL;
}

static Chain *new_chain(DmvMatcher *m)
{
    Chain *c = dmv_arena_alloc(m->arena, 1, sizeof(*c));

    if (c)
        c->first = c->last = NONE;
    return c;
}

static Chain *chain_by_hardware(DmvMatcher *m, const Hardware *h)
{
    Chain *c = NULL;

    HASH_FIND(hh, m->by_hardware, h, sizeof(*h), c);
    if (c)
        return c;
    c = new_chain(m);
    if (!c)
        return NULL;
    c->hardware = *h;
    HASH_ADD(hh, m->by_hardware, hardware, sizeof(c->hardware), c);
    return c->lost ? NULL : c;
}

static Chain *chain_by_pattern(DmvMatcher *m, const char *pattern)
{
    size_t size = strlen(pattern);
    Chain *c = NULL;

    HASH_FIND(hh, m->by_pattern, pattern, size, c);
    if (c)
        return c;
    c = new_chain(m);
    if (!c || !(c->pattern = dmv_arena_copy(m->arena, pattern, size)))
        return NULL;
    HASH_ADD_KEYPTR(hh, m->by_pattern, c->pattern, size, c);
    return c->lost ? NULL : c;
}

static int append(DmvMatcher *m, Chain *c, const Entry *e)
{
    uint32_t index = (uint32_t)m->n_entries;
    Entry *added;

    if (!c || m->n_entries >= NONE)
        return -ENOMEM;
    added = DMV_ARRAY_ADD(m->entries, m->n_entries);
    if (!added)
        return -ENOMEM;
    *added = *e;
    added->next = NONE;
    if (c->first == NONE)
        c->first = index;
    else
        m->entries[c->last].next = index;
    c->last = index;
    return 0;
}

static int add_id(DmvMatcher *m, const DmvPciId *id, size_t key)
{
    const Hardware h = {KIND_ID, id->vendor, id->device};
    const Entry e = {.key = key, .subvendor = id->subvendor, .subdevice = id->subdevice};

    return append(m, chain_by_hardware(m, &h), &e);
}

int dmv_matcher_add(DmvMatcher *m, const DmvModuleIds *ids, size_t key)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ids->n_ids; i++)
        r = add_id(m, &ids->ids[i], key);
    for (char **a = ids->aliases; r == 0 && a && *a; a++)
        r = dmv_matcher_add_alias(m, *a, key);
    return r;
}

/* Eight upper-case hex digits, as the kernel writes them. Moves @s behind them. */
static bool take_hex8(const char **s, uint32_t *ret)
{
    uint32_t v = 0;

    for (size_t i = 0; i < 8; i++, (*s)++) {
        char c = **s;

        if (c >= '0' && c <= '9')
            v = v << 4 | (uint32_t)(c - '0');
        else if (c >= 'A' && c <= 'F')
            v = v << 4 | (uint32_t)(c - 'A' + 10);
        else
            return false;
    }
    *ret = v;
    return true;
}

/* Does this text begin with a vendor and a device, both fixed? @ret_rest is what follows them. */
static bool split_alias(const char *s, Hardware *ret, const char **ret_rest)
{
    *ret = (Hardware){.kind = KIND_ALIAS};
    if (!dmv_starts_with(s, "pci:v"))
        return false;
    s += strlen("pci:v");
    if (!take_hex8(&s, &ret->vendor) || *s++ != 'd' || !take_hex8(&s, &ret->device))
        return false;
    *ret_rest = s;
    return true;
}

int dmv_matcher_add_alias(DmvMatcher *m, const char *pattern, size_t key)
{
    Entry e = {.key = key};
    Hardware h;

    if (!split_alias(pattern, &h, &e.rest))
        return append(m, chain_by_pattern(m, pattern), &e);
    e.rest = strcmp(e.rest, any_rest) == 0 ? any_rest : dmv_arena_copy(m->arena, e.rest, strlen(e.rest));
    return e.rest ? append(m, chain_by_hardware(m, &h), &e) : -ENOMEM;
}

/* ---- asking ---- */

typedef struct Keys {
    size_t *items;
    size_t n;
} Keys;

static void cleanup_keys(Keys *k)
{
    free(k->items);
}

static int add_key(Keys *k, size_t key)
{
    size_t *added;

    if (k->n > 0 && k->items[k->n - 1] == key)
        return 0;
    added = DMV_ARRAY_ADD(k->items, k->n);
    if (!added)
        return -ENOMEM;
    *added = key;
    return 0;
}

static const Chain *find_chain(const DmvMatcher *m, const Hardware *h)
{
    Chain *c = NULL;

    HASH_FIND(hh, m->by_hardware, h, sizeof(*h), c);
    return c;
}

static int collect_ids(const DmvMatcher *m, const DmvDevice *d, Keys *keys)
{
    const uint32_t vendors[] = {d->vendor, DMV_PCI_ANY}, devices[] = {d->device, DMV_PCI_ANY};

    for (size_t i = 0; i < 4; i++) {
        const Hardware h = {KIND_ID, vendors[i / 2], devices[i % 2]};
        const Chain *c = find_chain(m, &h);

        for (uint32_t at = c ? c->first : NONE; at != NONE; at = m->entries[at].next) {
            const Entry *e = &m->entries[at];

            if (fits(e->subvendor, d->subvendor) && fits(e->subdevice, d->subdevice) &&
                add_key(keys, e->key) < 0)
                return -ENOMEM;
        }
    }
    return 0;
}

static int collect_fixed_aliases(const DmvMatcher *m, const char *modalias, Keys *keys)
{
    const char *rest = NULL;
    const Chain *c;
    Hardware h;

    if (!split_alias(modalias, &h, &rest))
        return 0;
    c = find_chain(m, &h);
    for (uint32_t at = c ? c->first : NONE; at != NONE; at = m->entries[at].next)
        if (text_matches(m->entries[at].rest, rest) && add_key(keys, m->entries[at].key) < 0)
            return -ENOMEM;
    return 0;
}

static int collect_patterns(const DmvMatcher *m, const char *modalias, Keys *keys)
{
    for (const Chain *c = m->by_pattern; c; c = c->hh.next) {
        if (!text_matches(c->pattern, modalias))
            continue;
        for (uint32_t at = c->first; at != NONE; at = m->entries[at].next)
            if (add_key(keys, m->entries[at].key) < 0)
                return -ENOMEM;
    }
    return 0;
}

static int collect_aliases(const DmvMatcher *m, const char *modalias, Keys *keys)
{
    int r = collect_fixed_aliases(m, modalias, keys);

    return r == 0 ? collect_patterns(m, modalias, keys) : r;
}

static int compare_keys(const void *a, const void *b)
{
    const size_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* Chains are mostly in order already. */
static void sort_unique(Keys *k)
{
    size_t n = 0;
    bool sorted = true;

    for (size_t i = 1; i < k->n && sorted; i++)
        sorted = k->items[i - 1] < k->items[i];
    if (sorted)
        return;
    qsort(k->items, k->n, sizeof(*k->items), compare_keys);
    for (size_t i = 0; i < k->n; i++)
        if (n == 0 || k->items[n - 1] != k->items[i])
            k->items[n++] = k->items[i];
    k->n = n;
}

int dmv_matcher_find(const DmvMatcher *m, const DmvDevice *d, size_t **ret, size_t *ret_n)
{
    DMV_CLEANUP(cleanup_keys) Keys keys = {0};
    int r = collect_ids(m, d, &keys);

    if (r == 0 && d->modalias)
        r = collect_aliases(m, d->modalias, &keys);
    for (char **c = d->child_modaliases; r == 0 && c && *c; c++)
        r = collect_aliases(m, *c, &keys);
    if (r < 0)
        return r;
    sort_unique(&keys);
    *ret = DMV_TAKE_PTR(keys.items);
    *ret_n = keys.n;
    return 0;
}
