/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ABI of a kernel. See kabi.h.
 *
 * A tree of thousands of modules names the same few ten thousand symbols again and again, so what is fast
 * here is finding a name that is known already; names and claims live in one arena.
 */
#include "kabi.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

/* Lack of memory becomes an error of ours, not the end of the process. */
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, size, hash) ((hash) = hash_bytes((key), (size)))
static unsigned hash_bytes(const void *key, size_t size);
#include <uthash.h>
#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(entry) ((entry)->lost = true)

/* What somebody says of a symbol. Mostly there is one. */
typedef struct Claim {
    struct Claim *next; /* in the order in which they were added */
    const char *provider;
    uint32_t crc;
    DmvKabiSource source;
} Claim;

typedef struct Entry {
    const char *name;
    Claim first;
    bool lost; /* uthash could not take it */
    UT_hash_handle hh;
} Entry;

struct DmvKabi {
    DmvArena *arena;
    Entry *entries;
    const char *provider; /* the last one that was copied: one module adds many symbols */
    const char *vermagic;
    bool complete;
    size_t n_owners;
};

/* FNV-1a, folded by a multiplication that spreads the low bits uthash takes its buckets from. */
static unsigned hash_bytes(const void *key, size_t size)
{
    const unsigned char *p = key;
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < size; i++)
        h = (h ^ p[i]) * 0x100000001b3;
    return (unsigned)(h ^ (h >> 32));
}

void dmv_module_symbols_deinit(DmvModuleSymbols *s)
{
    dmv_arena_free(s->arena);
    *s = (DmvModuleSymbols){0};
}

/* ---- the table ---- */

int dmv_kabi_new(DmvKabi **ret)
{
    DMV_CLEANUP_KABI DmvKabi *k = calloc(1, sizeof(*k));
    int r;

    if (!k)
        return -ENOMEM;
    k->n_owners = 1;
    r = dmv_arena_new(&k->arena);
    if (r != 0)
        return r;
    *ret = DMV_TAKE_PTR(k);
    return 0;
}

DmvKabi *dmv_kabi_ref(DmvKabi *k)
{
    k->n_owners++;
    return k;
}

DmvKabi *dmv_kabi_free(DmvKabi *k)
{
    if (!k || --k->n_owners > 0)
        return NULL;
    HASH_CLEAR(hh, k->entries);
    dmv_arena_free(k->arena);
    free(k);
    return NULL;
}

bool dmv_kabi_symbol_is_valid(const char *name, size_t size)
{
    if (size == 0 || size > DMV_SYMBOL_NAME_MAX)
        return false;
    for (size_t i = 0; i < size; i++)
        if (name[i] <= ' ' || name[i] > '~')
            return false;
    return true;
}

static Entry *find_entry(const DmvKabi *k, const char *name, size_t size)
{
    Entry *e;

    HASH_FIND(hh, k->entries, name, size, e);
    return e;
}

static int copy_provider(DmvKabi *k, const char *provider, const char **ret)
{
    if (provider && !dmv_streq(provider, k->provider)) {
        const char *copy = dmv_arena_copy(k->arena, provider, strlen(provider));

        if (!copy)
            return -ENOMEM;
        k->provider = copy;
    }
    *ret = provider ? k->provider : NULL;
    return 0;
}

static int add_entry(DmvKabi *k, const char *name, size_t size, const Claim *claim)
{
    Entry *e = dmv_arena_alloc(k->arena, 1, sizeof(*e));

    if (!e)
        return -ENOMEM;
    e->name = dmv_arena_copy(k->arena, name, size);
    e->first = *claim;
    if (!e->name)
        return -ENOMEM;
    HASH_ADD_KEYPTR(hh, k->entries, e->name, size, e);
    return e->lost ? -ENOMEM : 0;
}

static int add_claim(DmvKabi *k, Entry *e, const Claim *claim)
{
    Claim *last = &e->first;

    for (Claim *c = &e->first; c; c = c->next) {
        if (c->crc == claim->crc && c->source == claim->source)
            return 0;
        last = c;
    }
    last->next = dmv_arena_alloc(k->arena, 1, sizeof(*last->next));
    if (!last->next)
        return -ENOMEM;
    *last->next = *claim;
    return 0;
}

int dmv_kabi_add(DmvKabi *k, const char *name, size_t size, uint32_t crc, DmvKabiSource source,
                 const char *provider)
{
    Claim claim = {.crc = crc, .source = source};
    Entry *e;

    if (!dmv_kabi_symbol_is_valid(name, size))
        return DMV_INVALID_NAME;
    if (copy_provider(k, provider, &claim.provider) < 0)
        return -ENOMEM;
    e = find_entry(k, name, size);
    return e ? add_claim(k, e, &claim) : add_entry(k, name, size, &claim);
}

static int add_all(DmvKabi *k, const DmvSymbol *symbols, size_t n, DmvKabiSource source, const char *provider)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++)
        r = dmv_kabi_add(k, symbols[i].name, strlen(symbols[i].name), symbols[i].crc, source, provider);
    return r;
}

int dmv_kabi_add_exports(DmvKabi *k, const DmvModuleSymbols *m, DmvKabiSource source, const char *provider)
{
    return add_all(k, m->exports, m->n_exports, source, provider);
}

int dmv_kabi_add_witness(DmvKabi *k, const DmvModuleSymbols *m, const char *provider)
{
    return add_all(k, m->needs, m->n_needs, DMV_KABI_WITNESS, provider);
}

int dmv_kabi_set_vermagic(DmvKabi *k, const char *vermagic)
{
    const char *copy = vermagic ? dmv_arena_copy(k->arena, vermagic, strlen(vermagic)) : NULL;

    if (vermagic && !copy)
        return -ENOMEM;
    k->vermagic = copy;
    return 0;
}

const char *dmv_kabi_vermagic(const DmvKabi *k)
{
    return k->vermagic;
}

void dmv_kabi_set_complete(DmvKabi *k, bool complete)
{
    k->complete = complete;
}

bool dmv_kabi_is_complete(const DmvKabi *k)
{
    return k->complete;
}

size_t dmv_kabi_size(const DmvKabi *k)
{
    return HASH_COUNT(k->entries);
}

static const Claim *find_claim(const Entry *e, DmvKabiSource source)
{
    for (const Claim *c = &e->first; c; c = c->next)
        if (c->source == source)
            return c;
    return NULL;
}

/* The claim to show for a symbol. */
static const Claim *best_claim(const Entry *e)
{
    const Claim *c = find_claim(e, DMV_KABI_EXPORT);

    if (!c)
        c = find_claim(e, DMV_KABI_WITNESS);
    return c ? c : &e->first;
}

bool dmv_kabi_find(const DmvKabi *k, const char *name, uint32_t *ret_crc, const char **ret_provider)
{
    const Entry *e = find_entry(k, name, strlen(name));
    const Claim *c = e ? best_claim(e) : NULL;

    if (c && ret_crc)
        *ret_crc = c->crc;
    if (c && ret_provider)
        *ret_provider = c->provider;
    return c;
}

/* ---- vermagic ---- */

bool dmv_vermagic_has_modversions(const char *vermagic)
{
    static const char word[] = "modversions";

    while (vermagic && *vermagic) {
        size_t n = strcspn(vermagic, " ");

        if (n == sizeof(word) - 1 && memcmp(vermagic, word, n) == 0)
            return true;
        vermagic += n + strspn(vermagic + n, " ");
    }
    return false;
}

bool dmv_vermagic_fits(const char *module, const char *kernel, bool versioned)
{
    if (!module || !kernel)
        return false;
    if (versioned && dmv_vermagic_has_modversions(kernel)) {
        module += strcspn(module, " ");
        kernel += strcspn(kernel, " ");
    }
    return strcmp(module, kernel) == 0;
}

/* ---- the check ---- */

void dmv_kabi_report_deinit(DmvKabiReport *r)
{
    free(r->findings);
    free(r->relies);
    *r = (DmvKabiReport){0};
}

static int add_finding(DmvKabiReport *r, const DmvSymbol *need, int outcome, const Claim *has)
{
    DmvKabiFinding *f = DMV_ARRAY_ADD(r->findings, r->n_findings);

    if (!f)
        return -ENOMEM;
    *f = (DmvKabiFinding){.outcome = outcome, .symbol = need->name, .wants = need->crc};
    if (has) {
        f->has = has->crc;
        f->provider = has->provider;
    }
    return 0;
}

static int add_reliance(DmvKabiReport *r, const char *provider)
{
    const char **slot;

    for (size_t i = 0; i < r->n_relies; i++)
        if (dmv_streq(r->relies[i], provider))
            return 0;
    slot = DMV_ARRAY_ADD(r->relies, r->n_relies);
    if (!slot)
        return -ENOMEM;
    *slot = provider;
    return 0;
}

/* The claim that gives a module what it needs; those of the kernel before those of others. */
static const Claim *find_fitting(const Entry *e, uint32_t crc)
{
    bool exported = find_claim(e, DMV_KABI_EXPORT);
    const Claim *foreign = NULL;

    for (const Claim *c = &e->first; c; c = c->next) {
        if (c->crc != crc)
            continue;
        if (c->source == DMV_KABI_EXPORT || (c->source == DMV_KABI_WITNESS && !exported))
            return c;
        if (c->source == DMV_KABI_FOREIGN && !foreign)
            foreign = c;
    }
    return foreign;
}

static int check_symbol(const DmvSymbol *need, const DmvKabi *own, const DmvKabi *kernel, DmvKabiReport *r)
{
    size_t size = strlen(need->name);
    const Entry *e = own ? find_entry(own, need->name, size) : NULL;
    bool is_own = e;
    const Claim *fitting;

    if (!e)
        e = find_entry(kernel, need->name, size);
    if (!e)
        return add_finding(r, need, kernel->complete ? DMV_MODULE_MISSING_SYMBOL : DMV_KERNEL_ABI_UNKNOWN,
                           NULL);
    fitting = find_fitting(e, need->crc);
    if (!fitting)
        return add_finding(r, need, DMV_MODULE_OTHER_SYMBOL, best_claim(e));
    return !is_own && fitting->source == DMV_KABI_FOREIGN ? add_reliance(r, fitting->provider) : 0;
}

static const DmvKabiFinding *first_finding(const DmvKabiReport *r, int outcome)
{
    for (size_t i = 0; i < r->n_findings; i++)
        if (r->findings[i].outcome == outcome)
            return &r->findings[i];
    return NULL;
}

/* The gravest finding decides. */
static int conclude(const DmvKabiReport *r, DmvError *reterr)
{
    static const char what[] = "the module does not fit this kernel";
    const DmvKabiFinding *f;

    f = first_finding(r, DMV_MODULE_OTHER_SYMBOL);
    if (f)
        return dmv_error_set(reterr, f->outcome, what, NULL,
                             "it needs version 0x%08x of %s, and there it is 0x%08x", f->wants, f->symbol,
                             f->has);
    f = first_finding(r, DMV_MODULE_MISSING_SYMBOL);
    if (f)
        return dmv_error_set(reterr, f->outcome, what, NULL, "it needs %s, which is not there", f->symbol);
    f = first_finding(r, DMV_KERNEL_ABI_UNKNOWN);
    if (f)
        return dmv_error_set(reterr, f->outcome, "nobody can say whether the module fits this kernel",
                             "install the symvers file of this kernel",
                             "it needs %s, and no module of this kernel uses that", f->symbol);
    return 0;
}

/* Return: 0 when the symbols have to be looked at, else what is certain already. */
static int check_vermagic(const DmvModuleSymbols *m, const DmvKabi *kernel, DmvError *reterr)
{
    if (!kernel->vermagic)
        return dmv_error_set(reterr, DMV_KERNEL_ABI_UNKNOWN,
                             "nobody can say whether the module fits this kernel", NULL,
                             "no module of this kernel says what its vermagic is");
    if (!dmv_vermagic_fits(m->vermagic, kernel->vermagic, m->versioned))
        return dmv_error_set(reterr, DMV_MODULE_WRONG_VERMAGIC, "the module does not fit this kernel", NULL,
                             "it was built for '%s', and this is '%s'", m->vermagic ? m->vermagic : "",
                             kernel->vermagic);
    if (!m->versioned && dmv_vermagic_has_modversions(kernel->vermagic))
        return dmv_error_set(
            reterr, DMV_KERNEL_ABI_UNKNOWN, "nobody can say whether the module fits this kernel", NULL,
            "it does not say which versions of symbols it needs, and this kernel asks for them");
    return 0;
}

int dmv_kabi_check(const DmvModuleSymbols *m, const DmvKabi *own, const DmvKabi *kernel, DmvKabiReport *ret,
                   DmvError *reterr)
{
    DMV_CLEANUP(dmv_kabi_report_deinit) DmvKabiReport report = {0};
    int r = check_vermagic(m, kernel, reterr), x = 0;

    if (r == 0 && dmv_vermagic_has_modversions(kernel->vermagic)) {
        for (size_t i = 0; x == 0 && i < m->n_needs; i++)
            x = check_symbol(&m->needs[i], own, kernel, &report);
        if (x < 0)
            return x;
        r = conclude(&report, reterr);
    }
    *ret = report;
    report = (DmvKabiReport){0};
    return r;
}
