/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the running kernel asks of a module before it loads it: signature enforcement, lockdown, and the keys
 * in its keyrings. No I/O.
 *
 * The rules are those of the kernel's module_sig_check() (kernel/module/signing.c) and
 * verify_pkcs7_signature() (certs/system_keyring.c).
 */
#ifndef DMV_MODEL_MODULE_POLICY_H
#define DMV_MODEL_MODULE_POLICY_H

#include "base/jsonbuild.h"
#include "model/inspection.h"

/* The keyrings of the kernel that matter for modules. */
typedef enum DmvKeyring {
    DMV_KEYRING_UNKNOWN, /* a key of the kernel's, and which ring holds it could not be found out */
    DMV_KEYRING_BUILTIN,
    DMV_KEYRING_SECONDARY,
    DMV_KEYRING_MACHINE,
    DMV_KEYRING_PLATFORM, /* of the firmware: only some distributions' kernels take its keys for modules */
    DMV_KEYRING_BLACKLIST,
    DMV_KEYRING_MAX,
    DMV_KEYRING_INVALID = -1,
} DmvKeyring;
/* As the kernel calls it: ".builtin_trusted_keys", ...; "" for DMV_KEYRING_UNKNOWN. */
const char *dmv_keyring_to_string(DmvKeyring k);

/* An entry of /proc/keys: a keyring of these, or a certificate. */
typedef struct DmvKernelKey {
    uint32_t serial;
    bool is_ring;
    DmvKeyring ring; /* of a keyring: which; of a certificate: the one that holds it */
    char *subject;   /* of a certificate: "O: CN" as the kernel writes it */
    char *id;        /* and its subject key id in lower-case hex, or its serial number if it has none */
} DmvKernelKey;

typedef struct DmvKernelKeys {
    DmvKernelKey *items; /* in the order of the file */
    size_t n;
    bool rings_known; /* who is in which ring was read */
} DmvKernelKeys;

void dmv_kernel_keys_deinit(DmvKernelKeys *k);

/**
 * dmv_kernel_keys_parse() - the text of /proc/keys
 * @ret: must be empty before; every certificate is in DMV_KEYRING_UNKNOWN
 *
 * What is no key of the kernel's (uid 0, of type asymmetric) and no keyring of the list above is passed over,
 * and so is a line that is none.
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_kernel_keys_parse(const char *text, size_t size, DmvKernelKeys *ret);

typedef enum DmvLockdown {
    DMV_LOCKDOWN_UNKNOWN, /* no such file: a kernel without it, or it could not be read */
    DMV_LOCKDOWN_NONE,
    DMV_LOCKDOWN_INTEGRITY,
    DMV_LOCKDOWN_CONFIDENTIALITY,
    DMV_LOCKDOWN_MAX,
    DMV_LOCKDOWN_INVALID = -1,
} DmvLockdown;
/* The state in the text of /sys/kernel/security/lockdown: "none [integrity] confidentiality". */
DmvLockdown dmv_lockdown_parse(const char *text);
/* "none", ...; NULL for DMV_LOCKDOWN_UNKNOWN. */
const char *dmv_lockdown_to_string(DmvLockdown l);

typedef struct DmvModulePolicy {
    bool known;       /* there is a running kernel that was asked */
    bool checks;      /* it looks at signatures at all (CONFIG_MODULE_SIG) */
    bool sig_enforce; /* module.sig_enforce */
    DmvLockdown lockdown;
    DmvKernelKeys keys;
} DmvModulePolicy;
void dmv_module_policy_deinit(DmvModulePolicy *p);
#define DMV_CLEANUP_MODULE_POLICY DMV_CLEANUP(dmv_module_policy_deinit)

/* Does it refuse every module that is not signed by a key that it trusts? */
bool dmv_module_policy_enforces(const DmvModulePolicy *p);

typedef enum DmvKernelWord {
    DMV_KERNEL_LOADS,
    DMV_KERNEL_TAINTS, /* it loads it, and is marked by that */
    DMV_KERNEL_REFUSES,
    DMV_KERNEL_CANNOT_TELL,
    DMV_KERNEL_MAX,
    DMV_KERNEL_INVALID = -1,
} DmvKernelWord;
/* "loads", "taints", "refuses", "unknown". */
const char *dmv_kernel_word_to_string(DmvKernelWord w);

/**
 * dmv_module_policy_judge() - would the running kernel load a module with this signature?
 * @ret_why: static words, for a person
 *
 * A signature that names its signer by issuer and serial number, by a certificate that we do not have, can
 * only be compared by name. Bytes are only known to be intact where one of our certificates vouches for them.
 */
DmvKernelWord dmv_module_policy_judge(const DmvModulePolicy *p, const DmvSignature *s, const char **ret_why);

/* As a ModulePolicy of io.dmv.Manager; NULL for lack of memory. */
json_object *dmv_module_policy_render(const DmvModulePolicy *p);

#endif
