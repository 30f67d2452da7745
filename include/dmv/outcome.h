/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one vocabulary of results.
 *
 * A function returns a negative errno for what nobody expected (forwarded unchanged), 0 for success, and one
 * of the named outcomes below for what can happen to a correct program in a bad world: a forged signature, a
 * full disk, a name that nobody knows. Every outcome has a stable reason code (what tests assert and scripts
 * match), the Varlink error that carries it, and the exit status of the command line tools. The table in
 * src/lib/base/outcome.c is the only place where the three meet.
 *
 * The words for a person travel in a DmvError beside the code: what failed, why, and what to do next.
 */
#ifndef DMV_OUTCOME_H
#define DMV_OUTCOME_H

/* Exit statuses of the command line tools. Stable. */
enum DmvExit {
    DMV_EXIT_OK = 0,           /* done, or nothing to do */
    DMV_EXIT_FAILED = 1,       /* failed */
    DMV_EXIT_USAGE = 2,        /* the command line is wrong */
    DMV_EXIT_NOT_FOUND = 3,    /* no such driver, release, device, generation, stream */
    DMV_EXIT_DENIED = 4,       /* not allowed to the caller */
    DMV_EXIT_UNREACHABLE = 5,  /* daemon or stream cannot be reached */
    DMV_EXIT_REFUSED = 6,      /* refused by policy or for safety */
    DMV_EXIT_VERIFICATION = 7, /* a signature, a hash, an ABI or a result is not what it has to be */
    DMV_EXIT_BUSY = 8,         /* another job holds the lock */
    DMV_EXIT_DIFFERENT = 10,   /* only where asked for: there are differences or findings */
    DMV_EXIT_PENDING = 11,     /* only where asked for: a reboot is pending */
};

/*
 * X(symbol, reason code, Varlink error of io.dmv.Manager, exit status)
 */
#define DMV_OUTCOMES(X)                                                                            \
    /* objects and requests */                                                                     \
    X(NO_SUCH_DRIVER, "no-such-driver", "NoSuchObject", DMV_EXIT_NOT_FOUND)                        \
    X(NO_SUCH_RELEASE, "no-such-release", "NoSuchObject", DMV_EXIT_NOT_FOUND)                      \
    X(NO_SUCH_DEVICE, "no-such-device", "NoSuchObject", DMV_EXIT_NOT_FOUND)                        \
    X(NO_SUCH_OBJECT, "no-such-object", "NoSuchObject", DMV_EXIT_NOT_FOUND)                        \
    X(NO_SUCH_GENERATION, "no-such-generation", "NoSuchObject", DMV_EXIT_NOT_FOUND)                \
    X(NO_SUCH_ENTRY, "no-such-entry", "NoSuchObject", DMV_EXIT_NOT_FOUND)                          \
    X(NO_SUCH_STREAM, "no-such-stream", "NoSuchObject", DMV_EXIT_NOT_FOUND)                        \
    X(NO_SUCH_KERNEL, "no-such-kernel", "NoSuchObject", DMV_EXIT_NOT_FOUND)                        \
    X(AMBIGUOUS, "ambiguous", "Refused", DMV_EXIT_USAGE)                                           \
    X(INVALID_NAME, "invalid-name", "InvalidRequest", DMV_EXIT_USAGE)                              \
    X(INVALID_REQUEST, "invalid-request", "InvalidRequest", DMV_EXIT_USAGE)                        \
    X(DENIED, "denied", "Denied", DMV_EXIT_DENIED)                                                 \
    X(AUTHENTICATION_REQUIRED, "authentication-required", "Denied", DMV_EXIT_DENIED)               \
    X(NO_AUTHORITY, "no-authority", "Denied", DMV_EXIT_DENIED)                                     \
    X(BUSY, "busy", "Busy", DMV_EXIT_BUSY)                                                         \
    X(UNREACHABLE, "unreachable", "Unreachable", DMV_EXIT_UNREACHABLE)                             \
    /* policy and safety */                                                                        \
    X(NOT_INSTALLED, "not-installed", "Refused", DMV_EXIT_REFUSED)                                 \
    X(ADOPTED, "adopted", "Refused", DMV_EXIT_REFUSED)                                             \
    X(IN_USE, "in-use", "Refused", DMV_EXIT_REFUSED)                                               \
    X(PINNED, "pinned", "Refused", DMV_EXIT_REFUSED)                                               \
    X(REVOKED, "revoked", "Refused", DMV_EXIT_REFUSED)                                             \
    X(STALE, "stale", "Refused", DMV_EXIT_REFUSED)                                                 \
    X(NO_HARDWARE, "no-hardware", "Refused", DMV_EXIT_REFUSED)                                     \
    X(NO_KERNEL_RELEASE, "no-release-for-kernel", "Refused", DMV_EXIT_REFUSED)                     \
    X(CONFLICT, "conflict", "Refused", DMV_EXIT_REFUSED)                                           \
    X(BROKEN_RELEASE, "broken-release", "Refused", DMV_EXIT_REFUSED)                               \
    X(LIFELINE, "lifeline", "Refused", DMV_EXIT_REFUSED)                                           \
    X(GUESTS_AFFECTED, "guests-affected", "Refused", DMV_EXIT_REFUSED)                             \
    X(NOTHING_TO_ROLL_BACK, "nothing-to-roll-back", "Refused", DMV_EXIT_REFUSED)                   \
    X(NOTHING_TO_UNDO, "nothing-to-undo", "Refused", DMV_EXIT_REFUSED)                             \
    X(NOT_RECORDED, "not-recorded", "Refused", DMV_EXIT_REFUSED)                                   \
    X(NOTHING_SAVED, "nothing-saved", "Refused", DMV_EXIT_REFUSED)                                 \
    X(WORLD_MOVED, "world-moved", "Refused", DMV_EXIT_REFUSED)                                     \
    X(READ_ONLY, "read-only", "Refused", DMV_EXIT_REFUSED)                                         \
    X(STUCK, "stuck", "Refused", DMV_EXIT_REFUSED)                                                 \
    X(UNVERIFIED, "unverified", "Refused", DMV_EXIT_REFUSED)                                       \
    X(CANCELLED, "cancelled", "Failed", DMV_EXIT_FAILED)                                           \
    /* bytes */                                                                                    \
    X(MALFORMED, "malformed", "VerificationFailed", DMV_EXIT_VERIFICATION)                         \
    X(EMPTY, "empty", "VerificationFailed", DMV_EXIT_VERIFICATION)                                 \
    X(TOO_LARGE, "too-large", "VerificationFailed", DMV_EXIT_VERIFICATION)                         \
    X(TOO_DEEP, "too-deep", "VerificationFailed", DMV_EXIT_VERIFICATION)                           \
    X(BAD_SETTING, "bad-setting", "InvalidRequest", DMV_EXIT_FAILED)                               \
    /* catalog and root */                                                                         \
    X(NO_ROOT, "no-root", "VerificationFailed", DMV_EXIT_VERIFICATION)                             \
    X(WRONG_TYPE, "wrong-type", "VerificationFailed", DMV_EXIT_VERIFICATION)                       \
    X(BAD_BASE64, "bad-base64", "VerificationFailed", DMV_EXIT_VERIFICATION)                       \
    X(BAD_KEY, "bad-key", "VerificationFailed", DMV_EXIT_VERIFICATION)                             \
    X(BELOW_THRESHOLD, "below-threshold", "VerificationFailed", DMV_EXIT_VERIFICATION)             \
    X(ROOT_GAP, "root-gap", "VerificationFailed", DMV_EXIT_VERIFICATION)                           \
    X(ROOT_OLD_KEYS, "root-not-signed-by-old", "VerificationFailed", DMV_EXIT_VERIFICATION)        \
    X(ROOT_NEW_KEYS, "root-not-signed-by-new", "VerificationFailed", DMV_EXIT_VERIFICATION)        \
    X(ROOT_EXPIRED, "root-expired", "VerificationFailed", DMV_EXIT_VERIFICATION)                   \
    X(WRONG_STREAM, "wrong-stream", "VerificationFailed", DMV_EXIT_VERIFICATION)                   \
    X(UNKNOWN_SPEC, "unknown-spec", "VerificationFailed", DMV_EXIT_VERIFICATION)                   \
    X(ROLLBACK, "rollback", "VerificationFailed", DMV_EXIT_VERIFICATION)                           \
    X(EQUIVOCATION, "equivocation", "VerificationFailed", DMV_EXIT_VERIFICATION)                   \
    X(CATALOG_EXPIRED, "catalog-expired", "VerificationFailed", DMV_EXIT_VERIFICATION)             \
    /* stream */                                                                                   \
    X(STREAM_UNREACHABLE, "stream-unreachable", "StreamUnavailable", DMV_EXIT_UNREACHABLE)         \
    X(STREAM_TIMEOUT, "stream-timeout", "StreamUnavailable", DMV_EXIT_UNREACHABLE)                 \
    X(STREAM_NO_CATALOG, "stream-no-catalog", "StreamUnavailable", DMV_EXIT_UNREACHABLE)           \
    X(STREAM_BAD_URL, "stream-bad-url", "StreamUnavailable", DMV_EXIT_UNREACHABLE)                 \
    X(STREAM_BAD_REPOSITORY, "stream-bad-repository", "VerificationFailed", DMV_EXIT_VERIFICATION) \
    X(NOT_IN_CATALOG, "not-in-catalog", "VerificationFailed", DMV_EXIT_VERIFICATION)               \
    X(SIZE_MISMATCH, "size-mismatch", "VerificationFailed", DMV_EXIT_VERIFICATION)                 \
    X(HASH_MISMATCH, "hash-mismatch", "VerificationFailed", DMV_EXIT_VERIFICATION)                 \
    /* package */                                                                                  \
    X(RPM_NO_KEY, "rpm-no-key", "VerificationFailed", DMV_EXIT_VERIFICATION)                       \
    X(RPM_BAD_KEY_FILE, "rpm-bad-key-file", "VerificationFailed", DMV_EXIT_VERIFICATION)           \
    X(RPM_UNREADABLE, "rpm-unreadable", "VerificationFailed", DMV_EXIT_VERIFICATION)               \
    X(RPM_UNSIGNED, "rpm-unsigned", "VerificationFailed", DMV_EXIT_VERIFICATION)                   \
    X(RPM_BAD_SIGNATURE, "rpm-bad-signature", "VerificationFailed", DMV_EXIT_VERIFICATION)         \
    X(RPM_WEAK_SIGNATURE, "rpm-weak-signature", "VerificationFailed", DMV_EXIT_VERIFICATION)       \
    X(RPM_WRONG_SIGNER, "rpm-wrong-signer", "VerificationFailed", DMV_EXIT_VERIFICATION)           \
    X(RPM_WRONG_NEVRA, "rpm-wrong-nevra", "VerificationFailed", DMV_EXIT_VERIFICATION)             \
    X(RPM_SOURCE, "rpm-source-package", "VerificationFailed", DMV_EXIT_VERIFICATION)               \
    X(RPM_PAYLOAD, "rpm-payload-format", "VerificationFailed", DMV_EXIT_VERIFICATION)              \
    X(RPM_TOO_MANY_FILES, "rpm-too-many-files", "VerificationFailed", DMV_EXIT_VERIFICATION)       \
    X(RPM_TOO_LARGE, "rpm-too-large", "VerificationFailed", DMV_EXIT_VERIFICATION)                 \
    X(RPM_BAD_PATH, "rpm-bad-path", "VerificationFailed", DMV_EXIT_VERIFICATION)                   \
    X(RPM_BAD_FILE, "rpm-bad-file", "VerificationFailed", DMV_EXIT_VERIFICATION)                   \
    X(RPM_MISSING_FILE, "rpm-missing-file", "VerificationFailed", DMV_EXIT_VERIFICATION)           \
    X(RPM_EXTRA_FILE, "rpm-extra-file", "VerificationFailed", DMV_EXIT_VERIFICATION)               \
    /* module */                                                                                   \
    X(MODULE_UNSIGNED, "module-unsigned", "VerificationFailed", DMV_EXIT_VERIFICATION)             \
    X(MODULE_BAD_FOOTER, "module-bad-footer", "VerificationFailed", DMV_EXIT_VERIFICATION)         \
    X(MODULE_BAD_CMS, "module-bad-cms", "VerificationFailed", DMV_EXIT_VERIFICATION)               \
    X(MODULE_WEAK_HASH, "module-weak-hash", "VerificationFailed", DMV_EXIT_VERIFICATION)           \
    X(MODULE_UNKNOWN_SIGNER, "module-unknown-signer", "VerificationFailed", DMV_EXIT_VERIFICATION) \
    X(MODULE_BAD_SIGNATURE, "module-bad-signature", "VerificationFailed", DMV_EXIT_VERIFICATION)   \
    X(MODULE_NOT_ELF, "module-not-elf", "VerificationFailed", DMV_EXIT_VERIFICATION)               \
    X(MODULE_WRONG_MACHINE, "module-wrong-machine", "VerificationFailed", DMV_EXIT_VERIFICATION)   \
    X(MODULE_WRONG_NAME, "module-wrong-name", "VerificationFailed", DMV_EXIT_VERIFICATION)         \
    X(MODULE_WRONG_VERMAGIC, "module-wrong-vermagic", "VerificationFailed", DMV_EXIT_VERIFICATION) \
    X(MODULE_WRONG_BUILD_ID, "module-wrong-build-id", "VerificationFailed", DMV_EXIT_VERIFICATION) \
    X(MODULE_WRONG_ALIASES, "module-wrong-aliases", "VerificationFailed", DMV_EXIT_VERIFICATION)   \
    X(MODULE_MISSING_SYMBOL, "module-missing-symbol", "VerificationFailed", DMV_EXIT_VERIFICATION) \
    X(MODULE_OTHER_SYMBOL, "module-other-symbol", "VerificationFailed", DMV_EXIT_VERIFICATION)     \
    X(MODULE_NOT_ON_DISK, "module-not-on-disk", "VerificationFailed", DMV_EXIT_VERIFICATION)       \
    X(MODULE_KERNEL_REFUSES, "module-kernel-refuses", "Refused", DMV_EXIT_REFUSED)                 \
    X(IMAGE_DIFFERS, "image-differs", "VerificationFailed", DMV_EXIT_VERIFICATION)                 \
    X(KERNEL_ABI_UNKNOWN, "kernel-abi-unknown", "Refused", DMV_EXIT_REFUSED)                       \
    X(RELEASE_MISMATCH, "release-mismatch", "VerificationFailed", DMV_EXIT_VERIFICATION)           \
    /* apply and verify */                                                                         \
    X(NO_SPACE, "no-space", "NoSpace", DMV_EXIT_FAILED)                                            \
    X(WORKER_FAILED, "worker-failed", "Failed", DMV_EXIT_FAILED)                                   \
    X(TOOL_FAILED, "tool-failed", "Failed", DMV_EXIT_FAILED)                                       \
    X(UNDONE, "undone", "Failed", DMV_EXIT_FAILED)                                                 \
    X(UNHEALTHY, "unhealthy", "Failed", DMV_EXIT_FAILED)                                           \
    X(PREDICTION_FAILED, "prediction-failed", "Failed", DMV_EXIT_VERIFICATION)                     \
    X(STATE_BROKEN, "state-broken", "Failed", DMV_EXIT_FAILED)                                     \
    X(OWNERS_UNKNOWN, "owners-unknown", "Failed", DMV_EXIT_FAILED)                                 \
    X(GUESTS_UNKNOWN, "guests-unknown", "Failed", DMV_EXIT_FAILED)                                 \
    X(XEND, "xend", "Failed", DMV_EXIT_FAILED)                                                     \
    X(FAILED, "failed", "Failed", DMV_EXIT_FAILED)

typedef enum DmvOutcome {
    DMV_OK = 0,
#define X(symbol, reason, error, status) DMV_##symbol,
    DMV_OUTCOMES(X)
#undef X
        DMV_OUTCOME_MAX,
} DmvOutcome;

/* What went wrong, for a person. All strings are owned and may be NULL; {0} is a valid empty error. */
typedef struct DmvError {
    int code;   /* a DmvOutcome, or a negative errno */
    char *what; /* what failed: "cannot install intel-ice/dell@1.15.5" */
    char *why;  /* why: "the signature of ice.ko is not one that this host trusts" */
    char *next; /* what to do: "dmvctl show intel-ice lists the approved releases" */
} DmvError;

/**
 * dmv_outcome_reason() - the stable reason code of a result
 * @code: a DmvOutcome, or a negative errno
 *
 * Return: a static string such as "below-threshold"; "ok" for 0, "failed" for a negative errno or an unknown
 * value.
 */
const char *dmv_outcome_reason(int code);

/**
 * dmv_outcome_from_reason() - the outcome with a reason code
 * @reason: a reason code, may be NULL
 *
 * Return: the outcome, DMV_OK for "ok", DMV_FAILED for what is not known.
 */
int dmv_outcome_from_reason(const char *reason);

/**
 * dmv_outcome_varlink_error() - the error of io.dmv.Manager that carries a result, without the interface's
 * name
 * @code: a DmvOutcome other than DMV_OK, or a negative errno
 *
 * Return: a static string; "NoSpace" for -ENOSPC and -EDQUOT, "Denied" for -EPERM and -EACCES, else "Failed"
 * for an errno.
 */
const char *dmv_outcome_varlink_error(int code);

/**
 * dmv_outcome_exit_status() - the exit status of a command line tool for a result
 * @code: a DmvOutcome, or a negative errno
 *
 * Return: one of enum DmvExit.
 */
int dmv_outcome_exit_status(int code);

/**
 * dmv_error_next() - what to do about an error
 * @e: the error
 *
 * Return: its own words, else those for a disk that is full or read-only, else NULL; static, or the error's.
 */
const char *dmv_error_next(const DmvError *e);

/**
 * dmv_error_words() - why something failed, in words
 * @e: the error, may be NULL or without words
 * @code: a DmvOutcome, or a negative errno
 *
 * Return: the reason of @e, borrowed; else what strerror(3) says of an errno; else the reason code.
 */
const char *dmv_error_words(const DmvError *e, int code);

/**
 * dmv_error_set() - fill an error
 * @e: where to; may be NULL, then only @code is returned. What it held before is freed.
 * @code: a DmvOutcome, or a negative errno
 * @next: what to do next, or NULL
 * @what: what failed, or NULL
 * @why_format: printf format of the reason, may be NULL
 *
 * Return: @code, so that callers can write `return dmv_error_set(...)`. Lack of memory drops the words, never
 * the code.
 */
int dmv_error_set(DmvError *e, int code, const char *what, const char *next, const char *why_format, ...)
    __attribute__((format(printf, 5, 6)));

/**
 * dmv_error_set_what() - replace what failed, keeping the reason
 * @e: the error, may be NULL
 * @what_format: printf format
 *
 * Return: the code of @e, or 0 if @e is NULL.
 */
int dmv_error_set_what(DmvError *e, const char *what_format, ...) __attribute__((format(printf, 2, 3)));

/**
 * dmv_error_set_next() - replace what to do next if nothing was said yet
 * @e: the error, may be NULL
 * @next_format: printf format
 */
void dmv_error_set_next(DmvError *e, const char *next_format, ...) __attribute__((format(printf, 2, 3)));

/* Moves @from into @to (freeing what @to held) and leaves @from empty. Both may be NULL. */
void dmv_error_move(DmvError *to, DmvError *from);

/* Frees the strings and makes @e empty again. NULL is fine. */
void dmv_error_clear(DmvError *e);

#define DMV_CLEANUP_ERROR __attribute__((cleanup(dmv_error_clear)))

#endif
