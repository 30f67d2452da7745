/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * May these bytes become a release?
 *
 * The catalog's hashes have been compared already. What is judged here is what a kernel would do with the
 * files and what a stolen catalog key alone must not decide: a module that our certificates do not vouch for,
 * one for another kernel or machine, one that claims hardware it does not drive.
 */
#include "daemon/apply/judge.h"

#include <elf.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/text.h"
#include "daemon/apply/failure.h"
#include "host/fs.h"
#include "host/observe.h"
#include "model/info.h"

#define INFO_FILE "info.json"
#define INFO_MAX ((size_t)1024 * 1024)

/* Room for "pci:v0000XXXXd0000XXXXsv0000XXXXsd0000XXXX". */
#define ID_TEXT_SIZE 64

/* Machines that module files can be for, as uname(2) calls them. */
static const struct {
    const char *name;
    uint16_t machine;
} machines[] = {
    {"x86_64", EM_X86_64}, {"aarch64", EM_AARCH64}, {"i386", EM_386},      {"i486", EM_386},
    {"i586", EM_386},      {"i686", EM_386},        {"armv7l", EM_ARM},    {"ppc64", EM_PPC64},
    {"ppc64le", EM_PPC64}, {"s390x", EM_S390},      {"riscv64", EM_RISCV},
};

/* Aliases of a module for PCI, cut before the class: info.json cannot say classes. */
typedef struct Covered {
    char **prefixes; /* sorted */
    size_t n;
} Covered;

static int deinit_covered(Covered *c)
{
    c->prefixes = dmv_strv_free(c->prefixes);
    return 0;
}

/* Puts the file's name in front of the reason. */
static int about(DmvError *to, const char *file, int code, DmvError *from)
{
    return dmv_error_set(to, code, NULL, from->next, "%s: %s", file, dmv_error_words(from, code));
}

static int check_signature(const DmvPublishRequest *q, const DmvPublishFile *f, const char *data, size_t size,
                           DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    bool required = q->require_signature || f->signer;
    int r;

    if (!required && (!q->certificates || dmv_certificates_count(q->certificates) == 0))
        return 0;
    if (!q->certificates)
        return dmv_error_set(reterr, DMV_MODULE_UNKNOWN_SIGNER, NULL,
                             "put the certificate of the signer in place",
                             "%s: no certificate is trusted to sign modules", f->path);
    r = dmv_modsig_verify(data, size, q->certificates, f->signer, NULL, &e);
    /* where a signature is not required, one of somebody else is as good as none; a bad one is still bad */
    if (r == 0 || (!required && (r == DMV_MODULE_UNSIGNED || r == DMV_MODULE_UNKNOWN_SIGNER)))
        return 0;
    return about(reterr, f->path, r, &e);
}

static int check_machine(const char *file, const DmvModuleInfo *m, DmvError *reterr)
{
    struct utsname u;

    if (uname(&u) < 0)
        return -errno;
    for (size_t i = 0; i < DMV_N_ELEMENTS(machines); i++)
        if (dmv_streq(machines[i].name, u.machine) && machines[i].machine == m->elf_machine)
            return 0;
    return dmv_error_set(reterr, DMV_MODULE_WRONG_MACHINE, NULL, NULL,
                         "%s: built for ELF machine %u, this host is %s", file, m->elf_machine, u.machine);
}

static int check_name(const char *file, const DmvModuleInfo *m, DmvError *reterr)
{
    char name[128];

    if (dmv_module_name_from_file(file, name, sizeof(name)) && m->name &&
        dmv_module_name_equal(name, m->name))
        return 0;
    return dmv_error_set(reterr, DMV_MODULE_WRONG_NAME, NULL, NULL, "%s: the module inside calls itself '%s'",
                         file, m->name ? m->name : "");
}

static int check_vermagic(const DmvPublishRequest *q, const char *file, const DmvModuleInfo *m,
                          DmvError *reterr)
{
    size_t n = strlen(q->kernel);

    if (m->vermagic && strncmp(m->vermagic, q->kernel, n) == 0 &&
        (m->vermagic[n] == ' ' || m->vermagic[n] == '\0'))
        return 0;
    return dmv_error_set(reterr, DMV_MODULE_WRONG_VERMAGIC, NULL, NULL,
                         "%s: built for '%s', not for kernel %s", file, m->vermagic ? m->vermagic : "",
                         q->kernel);
}

static int check_build_id(const DmvPublishFile *f, const DmvModuleInfo *m, DmvError *reterr)
{
    if (!f->build_id || dmv_streq(f->build_id, m->build_id))
        return 0;
    return dmv_error_set(reterr, DMV_MODULE_WRONG_BUILD_ID, NULL, NULL,
                         "%s: its build-id is %s, the catalog says %s", f->path,
                         m->build_id ? m->build_id : "missing", f->build_id);
}

/* ---- what info.json claims against what the module drives ---- */

static int collect_covered(const DmvModuleInfo *m, Covered *ret)
{
    for (char **alias = m->aliases; alias && *alias; alias++) {
        DMV_CLEANUP_FREE char *prefix = NULL;
        const char *class_part = strstr(*alias, "bc"); /* digits are upper case, so this is the class */

        if (!dmv_starts_with(*alias, "pci:"))
            continue;
        prefix = class_part ? strndup(*alias, (size_t)(class_part - *alias)) : strdup(*alias);
        if (!prefix || dmv_strv_push(&ret->prefixes, prefix) < 0)
            return -ENOMEM;
        ret->n++;
    }
    dmv_strv_sort(ret->prefixes);
    return 0;
}

/* "any" is written as the star itself, which only the pattern's own star matches. */
static void append_field(char *text, const char *key, uint32_t value)
{
    size_t n = strlen(text);

    if (value == DMV_PCI_ANY)
        (void)snprintf(text + n, ID_TEXT_SIZE - n, "%s*", key);
    else
        (void)snprintf(text + n, ID_TEXT_SIZE - n, "%s%08X", key, value);
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_covered(const Covered *c, const DmvPciId *id, char text[ID_TEXT_SIZE])
{
    const char *key = text;

    (void)snprintf(text, ID_TEXT_SIZE, "pci:");
    append_field(text, "v", id->vendor);
    append_field(text, "d", id->device);
    append_field(text, "sv", id->subvendor);
    append_field(text, "sd", id->subdevice);
    /* nearly always the very same text; with 65,536 ids that saves the square */
    if (c->n > 0 && bsearch(&key, c->prefixes, c->n, sizeof(*c->prefixes), compare_text))
        return true;
    for (size_t i = 0; i < c->n; i++)
        if (fnmatch(c->prefixes[i], text, 0) == 0)
            return true;
    return false;
}

static bool alias_is_covered(const DmvModuleInfo *m, const char *claimed)
{
    for (char **alias = m->aliases; alias && *alias; alias++)
        if (dmv_streq(*alias, claimed) || fnmatch(*alias, claimed, 0) == 0)
            return true;
    return false;
}

static int check_ids(const DmvModuleIds *ids, const DmvModuleInfo *m, const char *file, DmvError *reterr)
{
    __attribute__((cleanup(deinit_covered))) Covered covered = {0};
    char text[ID_TEXT_SIZE];
    int r = collect_covered(m, &covered);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ids->n_ids; i++)
        if (!is_covered(&covered, &ids->ids[i], text))
            return dmv_error_set(reterr, DMV_MODULE_WRONG_ALIASES, NULL, NULL,
                                 "%s: info.json claims %s, which the module does not drive", file, text);
    for (char **alias = ids->aliases; alias && *alias; alias++)
        if (!alias_is_covered(m, *alias))
            return dmv_error_set(reterr, DMV_MODULE_WRONG_ALIASES, NULL, NULL,
                                 "%s: info.json claims %s, which the module does not drive", file, *alias);
    return 0;
}

static int check_aliases(const DmvInstalled *info, const char *file, const DmvModuleInfo *m, DmvError *reterr)
{
    const char *slash = strrchr(file, '/');
    const char *name = slash ? slash + 1 : file;

    for (size_t i = 0; i < info->n_ids; i++)
        if (dmv_streq(info->ids[i].file, name)) {
            int r = check_ids(&info->ids[i], m, file, reterr);

            if (r != 0)
                return r;
        }
    return 0;
}

/* ---- the files ---- */

static int judge_module(int folder, const DmvPublishRequest *q, const DmvPublishFile *f,
                        const DmvInstalled *info, DmvError *reterr)
{
    DMV_CLEANUP(dmv_module_info_deinit) DmvModuleInfo m = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size;
    int r;

    if (!dmv_ends_with(f->path, ".ko"))
        return dmv_error_set(reterr, DMV_MODULE_NOT_ELF, NULL, NULL,
                             "%s: modules of a release are not compressed", f->path);
    r = dmv_fs_read_file(folder, f->path, DMV_JUDGE_MODULE_MAX, &data, &size);
    if (r == -EFBIG)
        return dmv_error_set(reterr, DMV_TOO_LARGE, NULL, NULL, "%s: a module has at most 128 MiB", f->path);
    if (r < 0)
        return dmv_failure(reterr, r, "read", f->path);
    r = check_signature(q, f, data, size, reterr);
    if (r != 0)
        return r;
    r = dmv_module_parse(data, size, &m, &e);
    if (r != 0)
        return about(reterr, f->path, r, &e);
    r = check_machine(f->path, &m, reterr);
    if (r == 0)
        r = check_name(f->path, &m, reterr);
    if (r == 0)
        r = check_vermagic(q, f->path, &m, reterr);
    if (r == 0)
        r = check_build_id(f, &m, reterr);
    return r != 0 ? r : check_aliases(info, f->path, &m, reterr);
}

static int judge_info(int folder, const DmvPublishRequest *q, DmvInstalled *ret, DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size;
    int r = dmv_fs_read_file(folder, INFO_FILE, INFO_MAX, &data, &size);

    if (r == -EFBIG)
        return dmv_error_set(reterr, DMV_TOO_LARGE, NULL, NULL, "%s: at most 1 MiB", INFO_FILE);
    if (r < 0)
        return dmv_failure(reterr, r, "read", INFO_FILE);
    r = dmv_info_parse(data, size, ret, &e);
    if (r != 0)
        return about(reterr, INFO_FILE, r, &e);
    if (!dmv_streq(ret->driver, q->driver) || !dmv_streq(ret->variant, q->variant) ||
        !dmv_streq(ret->version, q->version))
        return dmv_error_set(reterr, DMV_RELEASE_MISMATCH, NULL, NULL, "%s says %s/%s@%s", INFO_FILE,
                             ret->driver, ret->variant, ret->version);
    if (ret->kabi && !dmv_streq(ret->kabi, q->kernel))
        return dmv_error_set(reterr, DMV_RELEASE_MISMATCH, NULL, NULL, "%s says that it is for kernel %s",
                             INFO_FILE, ret->kabi);
    return 0;
}

int dmv_judge(int folder, const DmvPublishRequest *q, DmvError *reterr)
{
    DMV_CLEANUP(dmv_installed_deinit) DmvInstalled info = {0};
    bool has_info = false;
    char name[128];
    int r;

    for (size_t i = 0; i < q->n_files; i++)
        has_info = has_info || dmv_streq(q->files[i].path, INFO_FILE);
    if (!has_info) /* before anything is read: what is not in the catalog's list is not there */
        return dmv_error_set(reterr, DMV_RELEASE_MISMATCH, NULL, NULL, "it has no %s", INFO_FILE);
    r = judge_info(folder, q, &info, reterr);
    for (size_t i = 0; r == 0 && i < q->n_files; i++)
        if (dmv_module_name_from_file(q->files[i].path, name, sizeof(name)))
            r = judge_module(folder, q, &q->files[i], &info, reterr);
    return r;
}
