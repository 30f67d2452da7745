/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One RPM from bytes to files. librpm's reader is not a verifier: it says OK to an unsigned package and to
 * one whose payload was exchanged, and a SHA-1 signature is good enough for it. So the signature is looked at
 * here first (is there one, by whom, how strong), then librpm verifies with both a signature and digests
 * required, and only what passed both is read again.
 *
 * rpmReadConfigFiles() is never called, so no macro, rc file or RPM database of the host can weaken this.
 */
#include <errno.h>
#include <rpm/header.h>
#include <rpm/rpmcli.h>
#include <rpm/rpmpgp.h>
#include <rpm/rpmts.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "rpm-internal.h"
#include "rpm-log.h"

/* Every tag that may hold a signature over the header. */
static const rpmTagVal signature_tags[] = {RPMTAG_RSAHEADER, RPMTAG_DSAHEADER};

typedef struct Reader {
    rpmts ts;
    Header h;
    FD_t fd; /* stands behind the header */
} Reader;

static void reader_close(Reader *r)
{
    r->h = headerFree(r->h);
    if (r->fd)
        Fclose(r->fd);
    r->fd = NULL;
}

static void reader_deinit(Reader *r)
{
    reader_close(r);
    r->ts = rpmtsFree(r->ts);
}

/* Reads the header from the beginning of @fd with what @ts demands. */
static int reader_open(Reader *reader, int fd)
{
    reader_close(reader);
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    reader->fd = fdDup(fd);
    if (!reader->fd)
        return -EMFILE;
    return rpmReadPackageFile(reader->ts, reader->fd, "package", &reader->h) == RPMRC_OK && reader->h
               ? 0
               : DMV_RPM_UNREADABLE;
}

static bool hash_is_strong(unsigned algorithm)
{
    return algorithm == PGPHASHALGO_SHA256 || algorithm == PGPHASHALGO_SHA384 ||
           algorithm == PGPHASHALGO_SHA512;
}

/* RSA, ECDSA and EdDSA (RFC 4880, 9.1; RFC 6637; EdDSA's number is 22). DSA of librpm's time has 1024 bits.
 */
static bool key_is_strong(unsigned algorithm)
{
    return algorithm == PGPPUBKEYALGO_RSA || algorithm == PGPPUBKEYALGO_ECDSA || algorithm == 22;
}

static int no_key(const DmvPackageKeys *k, const DmvKeyId *id, DmvError *reterr)
{
    char hex[2 * DMV_KEY_ID_SIZE + 1], end[21];
    int64_t ended = dmv_package_keys_end(k, id);

    dmv_hex(id->bytes, sizeof(id->bytes), hex);
    if (ended == 0)
        return dmv_error_set(reterr, DMV_RPM_NO_KEY, NULL, NULL,
                             "it is signed with the key %s, which is not trusted", hex);
    dmv_format_time(ended, end);
    return dmv_error_set(reterr, DMV_RPM_NO_KEY, NULL,
                         "replace its certificate by the publisher's renewed one",
                         "it is signed with the key %s, which expired on %s", hex, end);
}

/* One signature packet: strong enough, by whom? */
static int judge_signature(const DmvPackageKeys *k, const void *packet, size_t size, DmvKeyId *ret_id,
                           DmvError *reterr)
{
    pgpDigParams params = NULL;
    unsigned hash, key;

    if (pgpPrtParams(packet, size, PGPTAG_SIGNATURE, &params) != 0 || !params)
        return dmv_error_set(reterr, DMV_RPM_BAD_SIGNATURE, NULL, NULL, "its signature is damaged");
    memcpy(ret_id->bytes, pgpDigParamsSignID(params), sizeof(ret_id->bytes));
    hash = pgpDigParamsAlgo(params, PGPVAL_HASHALGO);
    key = pgpDigParamsAlgo(params, PGPVAL_PUBKEYALGO);
    pgpDigParamsFree(params);
    if (!hash_is_strong(hash) || !key_is_strong(key))
        return dmv_error_set(reterr, DMV_RPM_WEAK_SIGNATURE, NULL, "sign it again with SHA-256 or better",
                             "its signature uses the hash %s with a key of type %s",
                             pgpValString(PGPVAL_HASHALGO, (uint8_t)hash),
                             pgpValString(PGPVAL_PUBKEYALGO, (uint8_t)key));
    return dmv_package_keys_has(k, ret_id) ? 0 : no_key(k, ret_id, reterr);
}

/* All signatures over the header. The last one's key is that of the package: there is one in practice. */
static int judge_signatures(const DmvPackageKeys *k, Header h, DmvKeyId *ret_id, DmvError *reterr)
{
    bool any = false;

    for (size_t i = 0; i < DMV_N_ELEMENTS(signature_tags); i++) {
        struct rpmtd_s td;
        int r;

        if (!headerGet(h, signature_tags[i], &td, HEADERGET_MINMEM))
            continue;
        r = judge_signature(k, td.data, td.count, ret_id, reterr);
        rpmtdFreeData(&td);
        if (r != 0)
            return r;
        any = true;
    }
    if (!any)
        return dmv_error_set(reterr, DMV_RPM_UNSIGNED, NULL, NULL, "it is not signed");
    return 0;
}

/*
 * The signature covers the header alone; the payload is bound by a digest in it. Without that one librpm
 * would be content with the MD5 outside of what is signed.
 */
static int judge_payload_digest(Header h, DmvError *reterr)
{
    if (!headerIsEntry(h, RPMTAG_PAYLOADDIGEST) ||
        !hash_is_strong((unsigned)headerGetNumber(h, RPMTAG_PAYLOADDIGESTALGO)))
        return dmv_error_set(reterr, DMV_RPM_WEAK_SIGNATURE, NULL, "build it with rpm 4.14 or newer",
                             "its signed header has no strong digest of the payload");
    return 0;
}

/* librpm's own verdict over signature and digests of header and payload. */
static int verify_with_librpm(Reader *reader, int fd, DmvError *reterr)
{
    DMV_CLEANUP_TEXT DmvText log = {0};
    DMV_CLEANUP_FREE char *said = NULL;
    struct rpmQVKArguments_s arguments = {0};
    FD_t whole;
    int bad;

    if (lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    whole = fdDup(fd);
    if (!whole)
        return -EMFILE;
    dmv_rpm_log_begin(&log);
    bad = rpmVerifySignatures(&arguments, reader->ts, whole, "package");
    Fclose(whole);
    rpmtsSetVSFlags(reader->ts, RPMVSF_DEFAULT);
    if (!bad)
        bad = reader_open(reader, fd);
    dmv_rpm_log_end();
    if (bad <= 0)
        return bad;
    said = dmv_rpm_log_line(&log, "a signature or a digest does not hold");
    return dmv_error_set(reterr, DMV_RPM_BAD_SIGNATURE, NULL, NULL, "librpm says: %s", said ? said : "bad");
}

static int judge_signer(const DmvKeyId *id, const DmvPackage *p, DmvError *reterr)
{
    char hex[2 * DMV_KEY_ID_SIZE + 1];

    dmv_hex(id->bytes, sizeof(id->bytes), hex);
    if (p->signer && strcasecmp(hex, p->signer) != 0)
        return dmv_error_set(reterr, DMV_RPM_WRONG_SIGNER, NULL, NULL,
                             "it is signed with the key %s, the catalog says %s", hex, p->signer);
    return 0;
}

/* First look: nothing is verified yet, so what is read decides only which refusal it is. */
static int open_unverified(Reader *reader, int fd, DmvError *reterr)
{
    DMV_CLEANUP_TEXT DmvText log = {0};
    DMV_CLEANUP_FREE char *said = NULL;
    int r;

    rpmtsSetVSFlags(reader->ts, RPMVSF_MASK_NODIGESTS | RPMVSF_MASK_NOSIGNATURES);
    dmv_rpm_log_begin(&log);
    r = reader_open(reader, fd);
    dmv_rpm_log_end();
    if (r <= 0)
        return r;
    said = dmv_rpm_log_line(&log, "it is not an RPM");
    return dmv_error_set(reterr, r, NULL, NULL, "%s", said ? said : "it is not an RPM");
}

static int verify(Reader *reader, int fd, const DmvPackageKeys *k, const DmvPackage *p, DmvError *reterr)
{
    DmvKeyId id;
    int r;

    if (k->n_ids == 0 && k->n_ended == 0)
        return dmv_error_set(reterr, DMV_RPM_NO_KEY, NULL,
                             "put the publisher's certificate into the folder of package keys",
                             "there is no key that packages may be signed with");
    r = open_unverified(reader, fd, reterr);
    if (r == 0)
        r = judge_signatures(k, reader->h, &id, reterr);
    if (r == 0)
        r = verify_with_librpm(reader, fd, reterr);
    if (r == 0)
        r = judge_payload_digest(reader->h, reterr);
    if (r == 0)
        r = judge_signer(&id, p, reterr);
    return r;
}

static int unpack(Reader *reader, const char *driver, const char *variant, const DmvPackage *p, int dirfd,
                  DmvError *reterr)
{
    __attribute__((cleanup(dmv_rpm_files_deinit))) DmvRpmFiles files = {0};
    rpmfiles entries = rpmfilesNew(NULL, reader->h, 0, RPMFI_KEEPHEADER);
    int r;

    if (!entries)
        return dmv_error_set(reterr, DMV_RPM_UNREADABLE, NULL, NULL, "its list of files contradicts itself");
    r = dmv_rpm_judge(reader->h, entries, driver, variant, p, &files, reterr);
    if (r == 0) {
        FD_t fd = DMV_TAKE_PTR(reader->fd);

        r = dmv_rpm_extract(fd, reader->h, entries, &files, dirfd, reterr);
    }
    rpmfilesFree(entries);
    return r;
}

int dmv_rpm_unpack(int fd, const DmvPackageKeys *k, const char *driver, const char *variant,
                   const DmvPackage *p, int dirfd, DmvError *reterr)
{
    __attribute__((cleanup(reader_deinit))) Reader reader = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r;

    if (!dmv_name_is_valid(driver) || !dmv_name_is_valid(variant) || !dmv_kernel_name_is_valid(p->kernel))
        return -EINVAL;
    reader.ts = rpmtsCreate();
    (void)rpmtsSetKeyring(reader.ts, k->keys);
    (void)rpmtsSetVfyFlags(reader.ts, RPMVSF_DEFAULT);
    (void)rpmtsSetVfyLevel(reader.ts, RPMSIG_SIGNATURE_TYPE | RPMSIG_DIGEST_TYPE);
    r = verify(&reader, fd, k, p, &e);
    if (r == 0)
        r = unpack(&reader, driver, variant, p, dirfd, &e);
    if (r == 0)
        return 0;
    if (e.code != r)
        dmv_error_set(&e, r, NULL, NULL, "%s", dmv_error_words(NULL, r));
    dmv_error_set_what(&e, "the package %s cannot be used", p->nevra);
    dmv_error_set_next(&e, "%s", "tell the publisher of the stream; nothing was installed");
    dmv_error_move(reterr, &e);
    return r;
}
