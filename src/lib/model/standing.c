/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules of standing. See standing.h.
 *
 * What is proven counts before what is claimed: first what a catalog says against it, then a signature by a
 * certificate that we have, then who owns the file by the package manager's own record. The kernel's own
 * modules are signed with a key whose certificate is seldom on the disk; there the others of the same build
 * are the measure.
 */
#include "model/standing.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Of the kernel's own modules, so many percent have to name one signer to be the measure. */
#define ALIKE_PERCENT 90

#define NEXT_ACTIVATE "dmvctl remove it, then install it again"
#define NEXT_PACKAGE "reinstall its package"
#define NEXT_REVOKED "dmvctl select another release (dmvctl list), or dmvctl deselect its driver"
#define NEXT_GONE "dmvctl refresh; if no stream has it any more, select another release"
#define NEXT_REMOVE                                                                                        \
    "select another release and remove this one; or, if its signer is to be trusted, put the certificate " \
    "back"
#define NEXT_FOREIGN \
    "find out who put it there; remove it, or put the certificate of its signer into /etc/dmv/trust/kernel"
#define NEXT_NOBODY "find out who put it there; remove it, or select a release for its driver"
#define NEXT_IMAGE "build the image again: dracut --force --kver KERNEL, or update-initramfs -u -k KERNEL"

static const char *const standing_table[] = {
    [DMV_STANDING_VERIFIED] = "verified", [DMV_STANDING_INBOX] = "inbox",
    [DMV_STANDING_ADOPTED] = "adopted",   [DMV_STANDING_UNSIGNED] = "unsigned",
    [DMV_STANDING_FOREIGN] = "foreign",   [DMV_STANDING_ALTERED] = "altered",
    [DMV_STANDING_REVOKED] = "revoked",   [DMV_STANDING_UNKNOWN] = "unknown",
};
_Static_assert(DMV_N_ELEMENTS(standing_table) == DMV_STANDING_MAX, "a standing has no name");

const char *dmv_standing_to_string(DmvStanding s)
{
    return s >= 0 && s < DMV_STANDING_MAX ? standing_table[s] : "invalid";
}

void dmv_standing_verdict_deinit(DmvStandingVerdict *v)
{
    free(v->why);
    *v = (DmvStandingVerdict){0};
}

__attribute__((format(printf, 6, 7))) static int set(DmvStandingVerdict *ret, DmvStanding standing,
                                                     const char *severity, int code, const char *next,
                                                     const char *format, ...)
{
    va_list ap;

    *ret = (DmvStandingVerdict){.standing = standing, .severity = severity, .code = code, .next = next};
    va_start(ap, format);
    ret->why = dmv_vformat(format, ap);
    va_end(ap);
    return ret->why ? 0 : -ENOMEM;
}

static int good(DmvStandingVerdict *ret, DmvStanding standing)
{
    *ret = (DmvStandingVerdict){.standing = standing, .severity = "ok"};
    return 0;
}

/* ---- the kernel's own ---- */

static const char *signer_words(const DmvSignature *s)
{
    return s->name ? s->name : s->key ? s->key : "nobody";
}

static bool names_same_signer(const DmvSignature *s, const char *name, const char *key)
{
    return s->code != DMV_MODULE_UNSIGNED && dmv_streq(s->name, name) && dmv_streq(s->key, key);
}

static int compare_signers(const void *a, const void *b)
{
    const DmvSignature *x = *(const DmvSignature *const *)a, *y = *(const DmvSignature *const *)b;
    int r = dmv_strcmp0(x->name, y->name);

    return r != 0 ? r : dmv_strcmp0(x->key, y->key);
}

/* The longest run of the same in a sorted list. */
static void find_longest(const DmvSignature *const *signatures, size_t n, DmvPeers *ret)
{
    for (size_t i = 0, from = 0; i < n; i++) {
        if (compare_signers(&signatures[from], &signatures[i]) != 0)
            from = i;
        if (i - from + 1 > ret->n_alike) {
            ret->n_alike = i - from + 1;
            ret->name = signatures[i]->name;
            ret->key = signatures[i]->key;
        }
    }
}

int dmv_peers_find(const DmvInspected *const *items, size_t n, DmvPeers *ret)
{
    DMV_CLEANUP_FREE const DmvSignature **signatures = calloc(n + 1, sizeof(*signatures));
    size_t n_signed = 0;

    if (!signatures)
        return -ENOMEM;
    *ret = (DmvPeers){0};
    for (size_t i = 0; i < n; i++) {
        if (items[i]->problem)
            continue;
        ret->n++;
        if (items[i]->signature.code != DMV_MODULE_UNSIGNED && items[i]->signature.key)
            signatures[n_signed++] = &items[i]->signature;
    }
    if (n_signed > 0)
        qsort(signatures, n_signed, sizeof(*signatures), compare_signers);
    find_longest(signatures, n_signed, ret);
    return 0;
}

bool dmv_peers_are_signed(const DmvPeers *p)
{
    return p->n > 0 && p->n_alike * 100 >= p->n * ALIKE_PERCENT;
}

static int judge_own(const DmvStandingFacts *f, DmvStandingVerdict *ret)
{
    const DmvSignature *s = &f->bytes->signature;

    if (!dmv_peers_are_signed(f->peers) || names_same_signer(s, f->peers->name, f->peers->key))
        return good(ret, DMV_STANDING_INBOX);
    if (s->code == DMV_MODULE_UNSIGNED)
        return set(
            ret, DMV_STANDING_UNSIGNED, "error", DMV_MODULE_UNSIGNED, "reinstall the package of the kernel",
            "it lies among the kernel's own modules and is not signed, and %zu of %zu there are, by %s",
            f->peers->n_alike, f->peers->n, f->peers->name ? f->peers->name : f->peers->key);
    return set(
        ret, DMV_STANDING_FOREIGN, "error", DMV_MODULE_UNKNOWN_SIGNER, "reinstall the package of the kernel",
        "it lies among the kernel's own modules and names %s as its signer, and %zu of %zu there name %s",
        signer_words(s), f->peers->n_alike, f->peers->n, f->peers->name ? f->peers->name : f->peers->key);
}

/* ---- releases of the store ---- */

static const char *severity_of_release(const DmvStandingFacts *f)
{
    return f->in_use ? "error" : "warning";
}

/* Its certificate was taken away, or it never had one: what could not be installed today. */
static int judge_unvouched(const DmvStandingFacts *f, DmvStandingVerdict *ret)
{
    const DmvSignature *s = &f->bytes->signature;

    if (s->code == DMV_MODULE_UNSIGNED)
        return set(ret, DMV_STANDING_UNSIGNED, severity_of_release(f), s->code, NEXT_REMOVE,
                   "%s is in a catalog, and this module of it is not signed", f->release);
    return set(ret, DMV_STANDING_FOREIGN, severity_of_release(f),
               s->code != 0 ? s->code : DMV_MODULE_UNKNOWN_SIGNER, NEXT_REMOVE,
               "%s is in a catalog, and its signer, %s, is none whose certificate is here for releases",
               f->release, signer_words(s));
}

static int judge_release(const DmvStandingFacts *f, DmvStandingVerdict *ret)
{
    bool in_catalog = f->listed || f->approved;

    if (f->listed && strcmp(f->listed, f->bytes->sha256) != 0)
        return set(ret, DMV_STANDING_ALTERED, "error", DMV_HASH_MISMATCH, NEXT_ACTIVATE,
                   "it is not the file of %s: its SHA-256 is %s, and the catalog says %s", f->release,
                   f->bytes->sha256, f->listed);
    if (f->revoked)
        return set(ret, DMV_STANDING_REVOKED, severity_of_release(f), DMV_REVOKED,
                   f->in_use ? NEXT_REVOKED : "dmvctl remove it", "%s was revoked: %s", f->release,
                   f->revoked);
    if (f->voucher == DMV_VOUCHER_STREAM && (in_catalog || !f->catalogs))
        return good(ret, DMV_STANDING_VERIFIED);
    if (f->voucher == DMV_VOUCHER_STREAM)
        return set(ret, DMV_STANDING_VERIFIED, "warning", DMV_NO_SUCH_RELEASE, NEXT_GONE,
                   "%s has signed it, and no catalog lists %s any more for the kernel that it was built for",
                   signer_words(&f->bytes->signature), f->release);
    if (in_catalog)
        return judge_unvouched(f, ret);
    return set(ret, DMV_STANDING_UNKNOWN, "warning", DMV_NO_SUCH_RELEASE, NEXT_GONE,
               "no catalog lists %s for the kernel that it was built for, and no certificate of this host "
               "vouches for it",
               f->release);
}

/* ---- files of others ---- */

static const char *severity_of(const DmvStandingFacts *f)
{
    return f->managed ? "error" : "warning";
}

static const char *owner_words(const DmvModuleFile *f)
{
    return f->owner_known ? "no package owns it" : "whose it is is not known";
}

static const char *catalog_words(const DmvStandingFacts *f)
{
    return f->approved ? "a catalog has it" : "no catalog has it";
}

static bool has_owner(const DmvModuleFile *f)
{
    return f->owner_known && f->packages && f->packages[0] && f->verified;
}

static int judge_strange(const DmvStandingFacts *f, DmvStandingVerdict *ret)
{
    const DmvSignature *s = &f->bytes->signature;

    if (s->code == DMV_MODULE_UNSIGNED)
        return set(ret, DMV_STANDING_UNSIGNED, severity_of(f), s->code, NEXT_NOBODY,
                   "it is not signed, %s, and %s", catalog_words(f), owner_words(f->file));
    return set(ret, DMV_STANDING_FOREIGN, severity_of(f), s->code, NEXT_FOREIGN,
               "its signer, %s, is none whose certificate is here, %s, and %s", signer_words(s),
               catalog_words(f), owner_words(f->file));
}

static int judge_foreign(const DmvStandingFacts *f, DmvStandingVerdict *ret)
{
    if (f->revoked)
        return set(ret, DMV_STANDING_REVOKED, severity_of(f), DMV_REVOKED, NEXT_NOBODY,
                   "it is a file of a release that was revoked: %s", f->revoked);
    if (f->voucher == DMV_VOUCHER_STREAM)
        return good(ret, DMV_STANDING_VERIFIED);
    if (f->voucher == DMV_VOUCHER_KERNEL)
        return set(ret, DMV_STANDING_ADOPTED, "ok", 0, NULL, "%s has signed it, whose certificate is here",
                   f->bytes->signature.name ? f->bytes->signature.name : f->bytes->signature.signer);
    if (!f->file || f->file->ours) /* a variant of another package manager */
        return set(ret, DMV_STANDING_ADOPTED, "ok", 0, NULL,
                   "it is %s, which another package manager installed",
                   f->release ? f->release : "a variant");
    if (has_owner(f->file))
        return set(ret, DMV_STANDING_ADOPTED, "ok", 0, NULL, "%s owns it%s", f->file->packages[0],
                   f->bytes->signature.code == DMV_MODULE_UNSIGNED ? ", and it is not signed" : "");
    return judge_strange(f, ret);
}

int dmv_standing_judge(const DmvStandingFacts *f, DmvStandingVerdict *ret)
{
    if (f->bytes->problem || !f->bytes->sha256)
        return set(ret, DMV_STANDING_UNKNOWN, "error", DMV_BROKEN_RELEASE, NEXT_PACKAGE,
                   "it cannot be read: %s", f->bytes->problem ? f->bytes->problem : "nobody says why");
    if (f->bytes->signature.code == DMV_MODULE_BAD_SIGNATURE)
        return set(ret, DMV_STANDING_ALTERED, "error", DMV_MODULE_BAD_SIGNATURE,
                   f->in_store ? NEXT_ACTIVATE : NEXT_PACKAGE, "its signature is not over these bytes");
    if (f->in_store)
        return judge_release(f, ret);
    if (!f->file || dmv_module_file_is_foreign(f->file) || f->file->ours)
        return judge_foreign(f, ret);
    return judge_own(f, ret);
}

int dmv_standing_judge_kernel(const DmvModulePolicy *p, const DmvSignature *s, DmvStanding standing,
                              DmvStandingVerdict *ret)
{
    const char *why = NULL;

    if (dmv_module_policy_judge(p, s, &why) != DMV_KERNEL_REFUSES) {
        *ret = (DmvStandingVerdict){.standing = standing, .severity = "ok"};
        return 0;
    }
    return set(ret, standing, "error", DMV_MODULE_KERNEL_REFUSES,
               "have it signed by a key that the kernel trusts (mokutil --import), or do not load it",
               "the running kernel would refuse it: %s", why);
}

/* ---- copies ---- */

static int judge_same_build(const DmvInspected *file, DmvStanding standing, DmvStandingVerdict *ret)
{
    if (file->signature.code == DMV_MODULE_UNSIGNED)
        return good(ret, standing);
    return set(ret, DMV_STANDING_ALTERED, "error", DMV_HASH_MISMATCH, NEXT_IMAGE,
               "it has the build-id of %s, which is signed, and other bytes", file->path);
}

int dmv_standing_judge_copy(const DmvInspected *copy, const DmvInspected *const *files,
                            const DmvStanding *standings, size_t n, const char *approved,
                            DmvStandingVerdict *ret)
{
    if (copy->problem || !copy->sha256)
        return set(ret, DMV_STANDING_UNKNOWN, "warning", DMV_MALFORMED, NEXT_IMAGE, "it cannot be read: %s",
                   copy->problem ? copy->problem : "nobody says why");
    for (size_t i = 0; i < n; i++)
        if (dmv_streq(files[i]->sha256, copy->sha256))
            return good(ret, standings[i]);
    if (approved)
        return good(ret, DMV_STANDING_VERIFIED);
    for (size_t i = 0; i < n; i++)
        if (copy->build_id && dmv_streq(files[i]->build_id, copy->build_id))
            return judge_same_build(files[i], standings[i], ret);
    return set(
        ret, DMV_STANDING_UNKNOWN, "warning", DMV_IMAGE_DIFFERS, NEXT_IMAGE,
        n > 0 ? "it is loaded before the root filesystem is there, and no file of this module has its bytes"
              : "it is loaded before the root filesystem is there, and the kernel has no such module");
}

/* ---- loaded modules ---- */

int dmv_standing_judge_loaded(const DmvLoaded *l, const DmvInspected *const *files,
                              const DmvStanding *standings, size_t n, DmvStandingVerdict *ret)
{
    const char *taint = l->taint ? l->taint : "";
    bool is_unsigned = strchr(taint, 'E'),
         is_strange = is_unsigned || strchr(taint, 'O') || strchr(taint, 'F');

    for (size_t i = 0; l->build_id && i < n; i++)
        if (dmv_streq(files[i]->build_id, l->build_id))
            return good(ret, standings[i]);
    if (!is_strange) /* the kernel itself says that it is of its own build */
        return good(ret, DMV_STANDING_INBOX);
    return set(ret, is_unsigned ? DMV_STANDING_UNSIGNED : DMV_STANDING_UNKNOWN, "warning",
               DMV_MODULE_NOT_ON_DISK, "look at `modinfo` of it; a reboot loads what is on the disk",
               "it is loaded, no file on the disk is the same build, and the kernel marks it as %s (%s)",
               is_unsigned ? "not signed by a key that it trusts" : "not of its own build", taint);
}
