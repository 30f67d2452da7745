/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's rules for modules. See module-policy.h. */
#include "model/module-policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* The kernel writes at most a page for a key. */
#define LINE_MAX_SIZE 4096
#define KEYS_MAX 4096

static const char *const ring_table[] = {
    [DMV_KEYRING_UNKNOWN] = "",
    [DMV_KEYRING_BUILTIN] = ".builtin_trusted_keys",
    [DMV_KEYRING_SECONDARY] = ".secondary_trusted_keys",
    [DMV_KEYRING_MACHINE] = ".machine",
    [DMV_KEYRING_PLATFORM] = ".platform",
    [DMV_KEYRING_BLACKLIST] = ".blacklist",
};
_Static_assert(DMV_N_ELEMENTS(ring_table) == DMV_KEYRING_MAX, "a keyring has no name");

static const char *const lockdown_table[] = {
    [DMV_LOCKDOWN_UNKNOWN] = NULL,
    [DMV_LOCKDOWN_NONE] = "none",
    [DMV_LOCKDOWN_INTEGRITY] = "integrity",
    [DMV_LOCKDOWN_CONFIDENTIALITY] = "confidentiality",
};
_Static_assert(DMV_N_ELEMENTS(lockdown_table) == DMV_LOCKDOWN_MAX, "a state of lockdown has no name");

static const char *const word_table[] = {
    [DMV_KERNEL_LOADS] = "loads",
    [DMV_KERNEL_TAINTS] = "taints",
    [DMV_KERNEL_REFUSES] = "refuses",
    [DMV_KERNEL_CANNOT_TELL] = "unknown",
};
_Static_assert(DMV_N_ELEMENTS(word_table) == DMV_KERNEL_MAX, "a word of the kernel has no name");

const char *dmv_keyring_to_string(DmvKeyring k)
{
    return k >= 0 && k < DMV_KEYRING_MAX ? ring_table[k] : "";
}

const char *dmv_lockdown_to_string(DmvLockdown l)
{
    return l >= 0 && l < DMV_LOCKDOWN_MAX ? lockdown_table[l] : NULL;
}

const char *dmv_kernel_word_to_string(DmvKernelWord w)
{
    return w >= 0 && w < DMV_KERNEL_MAX ? word_table[w] : "unknown";
}

void dmv_kernel_keys_deinit(DmvKernelKeys *k)
{
    for (size_t i = 0; i < k->n; i++) {
        free(k->items[i].subject);
        free(k->items[i].id);
    }
    free(k->items);
    *k = (DmvKernelKeys){0};
}

void dmv_module_policy_deinit(DmvModulePolicy *p)
{
    dmv_kernel_keys_deinit(&p->keys);
    *p = (DmvModulePolicy){0};
}

/* ---- /proc/keys ---- */

static DmvKeyring ring_of_description(const char *description)
{
    size_t n = strcspn(description, ":");

    for (DmvKeyring k = DMV_KEYRING_BUILTIN; k < DMV_KEYRING_MAX; k++)
        if (strlen(ring_table[k]) == n && strncmp(ring_table[k], description, n) == 0)
            return k;
    return DMV_KEYRING_INVALID;
}

/* "SUBJECT: ID: X509.rsa 0badcafe []", where the subject may hold colons, too. Return: 1 if that is what it
 * is, 0 if not, -ENOMEM. */
static int take_certificate(char *description, DmvKernelKey *k)
{
    char *type = NULL, *id = NULL;

    for (char *s = description; (s = strstr(s, ": X509.")); s++)
        type = s;
    if (!type)
        return 0;
    *type = '\0';
    for (char *s = description; (s = strstr(s, ": ")); s++)
        id = s;
    if (!id || id[2] == '\0' || !dmv_is_hex(id + 2, strlen(id + 2)))
        return 0;
    *id = '\0';
    k->subject = dmv_sanitize(description);
    return k->subject && dmv_set_string(&k->id, id + 2) == 0 ? 1 : -ENOMEM;
}

/* serial flags usage expiry perm uid gid type description. Return: 1 if the key matters, 0 if not, -ENOMEM.
 */
static int take_line(char *line, DmvKernelKey *k)
{
    char type[16] = "";
    unsigned serial = 0, uid = 1;
    int offset = 0;

    if (sscanf(line, "%8x %*s %*s %*s %*8x %u %*d %15s %n", &serial, &uid, type, &offset) != 3 ||
        offset == 0 || uid != 0)
        return 0;
    k->serial = serial;
    if (strcmp(type, "keyring") == 0) {
        k->is_ring = true;
        k->ring = ring_of_description(line + offset);
        return k->ring != DMV_KEYRING_INVALID;
    }
    /* the column is nine wide */
    return strcmp(type, "asymmetri") == 0 ? take_certificate(line + offset, k) : 0;
}

int dmv_kernel_keys_parse(const char *text, size_t size, DmvKernelKeys *ret)
{
    const char *end = text + size;

    while (text < end && ret->n < KEYS_MAX) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((newline ? newline : end) - text);
        DmvKernelKey k = {0}, *place;
        char line[LINE_MAX_SIZE];
        int r;

        if (n < sizeof(line) && !memchr(text, '\0', n)) {
            memcpy(line, text, n);
            line[n] = '\0';
            r = take_line(line, &k);
            place = r > 0 ? DMV_ARRAY_ADD(ret->items, ret->n) : NULL;
            if (place) {
                *place = k;
            } else {
                free(k.subject);
                free(k.id);
            }
            if (r < 0 || (r > 0 && !place))
                return -ENOMEM;
        }
        text += n + 1;
    }
    return 0;
}

DmvLockdown dmv_lockdown_parse(const char *text)
{
    const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;

    for (DmvLockdown l = DMV_LOCKDOWN_NONE; close && l < DMV_LOCKDOWN_MAX; l++)
        if (strlen(lockdown_table[l]) == (size_t)(close - open - 1) &&
            strncmp(lockdown_table[l], open + 1, (size_t)(close - open - 1)) == 0)
            return l;
    return DMV_LOCKDOWN_UNKNOWN;
}

/* ---- the judgement ---- */

bool dmv_module_policy_enforces(const DmvModulePolicy *p)
{
    return p->sig_enforce || p->lockdown == DMV_LOCKDOWN_INTEGRITY ||
           p->lockdown == DMV_LOCKDOWN_CONFIDENTIALITY;
}

/* How well a key fits to what a signature says. */
typedef enum Fit { FIT_NOT, FIT_NAME, FIT_ID } Fit;

static Fit fit_of_key(const DmvKernelKey *k, const DmvSignature *s)
{
    const char *last;

    if (k->is_ring)
        return FIT_NOT;
    if (dmv_streq(k->id, s->signer ? s->signer : s->key))
        return FIT_ID;
    if (s->signer || !s->name)
        return FIT_NOT;
    last = strstr(k->subject, ": ");
    return strcmp(k->subject, s->name) == 0 || (last && strcmp(last + 2, s->name) == 0) ? FIT_NAME : FIT_NOT;
}

static bool is_trusted_ring(DmvKeyring r)
{
    return r == DMV_KEYRING_BUILTIN || r == DMV_KEYRING_SECONDARY || r == DMV_KEYRING_MACHINE;
}

/* The key that decides: the blacklist beats all, then the better fit, then a ring that is trusted. */
static const DmvKernelKey *find_key(const DmvKernelKeys *keys, const DmvSignature *s, Fit *ret)
{
    const DmvKernelKey *found = NULL;

    *ret = FIT_NOT;
    for (size_t i = 0; i < keys->n; i++) {
        const DmvKernelKey *k = &keys->items[i];
        Fit fit = fit_of_key(k, s);

        if (fit == FIT_ID && k->ring == DMV_KEYRING_BLACKLIST) {
            *ret = fit;
            return k;
        }
        if (fit == FIT_NOT || k->ring == DMV_KEYRING_BLACKLIST)
            continue;
        if (fit > *ret || (fit == *ret && !is_trusted_ring(found->ring) && is_trusted_ring(k->ring))) {
            *ret = fit;
            found = k;
        }
    }
    return found;
}

static DmvKernelWord untrusted(const DmvModulePolicy *p, bool is_signed, const char **ret_why)
{
    if (dmv_module_policy_enforces(p)) {
        *ret_why =
            is_signed
                ? "its signer is in none of the keyrings of the running kernel, which enforces signatures"
                : "it is not signed, and the running kernel enforces signatures";
        return DMV_KERNEL_REFUSES;
    }
    *ret_why = is_signed ? "its signer is in none of the keyrings of the running kernel"
                         : "it is not signed, and the running kernel does not insist on that";
    return DMV_KERNEL_TAINTS;
}

static DmvKernelWord judge_signed(const DmvModulePolicy *p, const DmvSignature *s, const char **ret_why)
{
    Fit fit;
    const DmvKernelKey *k = find_key(&p->keys, s, &fit);

    if (!k)
        return untrusted(p, true, ret_why);
    if (k->ring == DMV_KEYRING_BLACKLIST) {
        *ret_why = "its signer is in the blacklist of the running kernel";
        return DMV_KERNEL_REFUSES;
    }
    if (s->code == DMV_MODULE_BAD_SIGNATURE) {
        *ret_why = "its signature is not over these bytes, and the running kernel knows the signer";
        return DMV_KERNEL_REFUSES;
    }
    if (is_trusted_ring(k->ring)) {
        *ret_why = fit == FIT_ID ? "the running kernel trusts the key that signed it"
                                 : "the running kernel trusts a key of its signer's name";
        return DMV_KERNEL_LOADS;
    }
    *ret_why = k->ring == DMV_KEYRING_PLATFORM
                   ? "its signer is in the keyring of the firmware, which not every kernel takes for modules"
                   : "the running kernel knows its signer, in a keyring that could not be looked into";
    return DMV_KERNEL_CANNOT_TELL;
}

DmvKernelWord dmv_module_policy_judge(const DmvModulePolicy *p, const DmvSignature *s, const char **ret_why)
{
    if (!p->known) {
        *ret_why = "no kernel of this root is running";
        return DMV_KERNEL_CANNOT_TELL;
    }
    if (!p->checks) {
        *ret_why = "the running kernel does not look at signatures";
        return DMV_KERNEL_LOADS;
    }
    if (s->code == DMV_MODULE_UNSIGNED)
        return untrusted(p, false, ret_why);
    if (s->code == DMV_MODULE_BAD_FOOTER) {
        *ret_why = "its signature is broken, which no kernel takes";
        return DMV_KERNEL_REFUSES;
    }
    if (s->code == DMV_MODULE_BAD_CMS) {
        *ret_why = "its signature is none that the kernel's own tools make";
        return DMV_KERNEL_CANNOT_TELL;
    }
    if (p->keys.n == 0) {
        *ret_why = "the keys of the running kernel could not be read";
        return DMV_KERNEL_CANNOT_TELL;
    }
    return judge_signed(p, s, ret_why);
}

/* ---- rendering ---- */

static size_t count_keys(const DmvKernelKeys *keys, DmvKeyring ring)
{
    size_t n = 0;

    for (size_t i = 0; i < keys->n; i++)
        n += !keys->items[i].is_ring && keys->items[i].ring == ring;
    return n;
}

json_object *dmv_module_policy_render(const DmvModulePolicy *p)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_bool(&b, "checks", p->checks);
    dmv_jb_bool(&b, "enforces", dmv_module_policy_enforces(p));
    dmv_jb_string(&b, "lockdown", dmv_lockdown_to_string(p->lockdown));
    dmv_jb_bool(&b, "keyringsKnown", p->keys.rings_known);
    dmv_jb_int(&b, "keys",
               (int64_t)(count_keys(&p->keys, DMV_KEYRING_BUILTIN) +
                         count_keys(&p->keys, DMV_KEYRING_SECONDARY) +
                         count_keys(&p->keys, DMV_KEYRING_MACHINE)));
    dmv_jb_int(&b, "blacklisted", (int64_t)count_keys(&p->keys, DMV_KEYRING_BLACKLIST));
    return dmv_jb_end(&b);
}
