/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a module file says of itself, by libelf.
 *
 * An uncompressed file is not read as a whole: libelf fetches the headers and the few small sections that
 * matter, so a store with hundreds of modules is observed in milliseconds. Nothing is mapped either: a file
 * that somebody truncates meanwhile gives an error and not a SIGBUS.
 */
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "host/claims.h"
#include "host/fs.h"
#include "host/module-file.h"
#include "host/observe.h"
#include "model/note.h"

/* amdgpu, the richest in aliases and firmware, has 100 KiB. */
#define MODINFO_MAX ((size_t)4 * 1024 * 1024)
#define NOTE_MAX ((size_t)64 * 1024)

static inline void cleanup_elf(Elf **e)
{
    (void)elf_end(*e);
}

static int malformed(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_MALFORMED, "the module is malformed", NULL, "%s", why);
}

/* ---- .modinfo ---- */

static int set_clean(char **p, const char *value)
{
    char *clean = dmv_sanitize(value);

    if (!clean)
        return -ENOMEM;
    free(*p);
    *p = clean;
    return 0;
}

static int push_clean(char ***v, const char *value)
{
    DMV_CLEANUP_FREE char *clean = dmv_sanitize(value);

    return clean ? dmv_strv_push(v, clean) : -ENOMEM;
}

static int push_list(char ***v, const char *list)
{
    DMV_CLEANUP_FREE char *copy = strdup(list);
    char *rest = copy, *word;
    int r = copy ? 0 : -ENOMEM;

    while (r == 0 && (word = strsep(&rest, ",")))
        if (word[0])
            r = push_clean(v, word);
    return r;
}

/* One "key=value" of .modinfo. */
static int take_word(const char *word, DmvModuleInfo *i)
{
    const struct {
        const char *key;
        char **one;
        char ***many;
    } words[] = {
        {"name=", &i->name, NULL},         {"version=", &i->version, NULL},
        {"vermagic=", &i->vermagic, NULL}, {"srcversion=", &i->srcversion, NULL},
        {"alias=", NULL, &i->aliases},     {"firmware=", NULL, &i->firmware},
    };

    for (size_t k = 0; k < DMV_N_ELEMENTS(words); k++) {
        if (!dmv_starts_with(word, words[k].key))
            continue;
        word += strlen(words[k].key);
        return words[k].one ? set_clean(words[k].one, word) : push_clean(words[k].many, word);
    }
    return dmv_starts_with(word, "depends=") ? push_list(&i->depends, word + strlen("depends=")) : 0;
}

static int take_modinfo(const char *data, size_t size, DmvModuleInfo *i, DmvError *reterr)
{
    if (size == 0 || data[size - 1] != '\0')
        return malformed(reterr, ".modinfo does not end");
    for (const char *p = data; p < data + size; p += strlen(p) + 1) {
        int r = take_word(p, i);

        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- sections ---- */

static int take_build_id(const char *data, size_t size, DmvModuleInfo *i, DmvError *reterr)
{
    int r;

    if (i->build_id)
        return malformed(reterr, "there are two build-ids");
    r = dmv_build_id_parse(data, size, &i->build_id);
    return r == DMV_MALFORMED ? malformed(reterr, "the build-id is no ELF note") : r;
}

static int take_vendor_note(const char *data, size_t size, DmvModuleInfo *i, DmvError *reterr)
{
    DmvNote note = {0};
    int r = dmv_note_parse(data, size, &note);

    if (r != 0)
        return r == DMV_MALFORMED ? malformed(reterr, ".note.XenServer holds no ELF notes") : r;
    if (i->note_variant || i->note_version || i->note_release) {
        dmv_note_deinit(&note);
        return malformed(reterr, "there are two sections .note.XenServer");
    }
    i->note_variant = note.variant;
    i->note_version = note.version;
    i->note_release = note.release;
    return 0;
}

typedef int (*Taker)(const char *data, size_t size, DmvModuleInfo *i, DmvError *reterr);

static const struct {
    const char *name;
    size_t max;
    Taker take;
} sections[] = {
    {".modinfo", MODINFO_MAX, take_modinfo},
    {".note.gnu.build-id", NOTE_MAX, take_build_id},
    {".note.XenServer", NOTE_MAX, take_vendor_note},
};

static int take_section(Elf_Scn *scn, const GElf_Shdr *header, size_t kind, DmvModuleInfo *i,
                        DmvError *reterr)
{
    const Elf_Data *data;

    if (header->sh_type == SHT_NOBITS || header->sh_size > sections[kind].max)
        return malformed(reterr, "a section has an impossible size");
    data = elf_rawdata(scn, NULL);
    if (!data || (!data->d_buf && data->d_size > 0))
        return malformed(reterr, "a section lies outside the file");
    return sections[kind].take(data->d_buf, data->d_size, i, reterr);
}

static int take_sections(Elf *elf, DmvModuleInfo *i, DmvError *reterr)
{
    Elf_Scn *scn = NULL;
    size_t names;
    bool has_modinfo = false;

    if (elf_getshdrstrndx(elf, &names) != 0)
        return malformed(reterr, "the names of its sections are missing");
    while ((scn = elf_nextscn(elf, scn))) {
        GElf_Shdr header;
        const char *name;

        if (!gelf_getshdr(scn, &header))
            return malformed(reterr, "a section header is damaged");
        name = elf_strptr(elf, names, header.sh_name);
        for (size_t k = 0; name && k < DMV_N_ELEMENTS(sections); k++) {
            int r;

            if (strcmp(name, sections[k].name) != 0)
                continue;
            has_modinfo |= k == 0;
            r = take_section(scn, &header, k, i, reterr);
            if (r != 0)
                return r;
        }
    }
    return has_modinfo ? 0 : malformed(reterr, "it has no section .modinfo");
}

static int take_elf(Elf *elf, DmvModuleInfo *i, DmvError *reterr)
{
    GElf_Ehdr header;

    if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header) || header.e_type != ET_REL)
        return dmv_error_set(reterr, DMV_MODULE_NOT_ELF, "this is no kernel module", NULL,
                             "it is not a relocatable ELF file");
    i->elf_machine = header.e_machine;
    return take_sections(elf, i, reterr);
}

/* ---- the two ways in ---- */

static int finish(int r, DmvModuleInfo *i, DmvModuleInfo *ret)
{
    if (r != 0)
        return r;
    *ret = *i;
    *i = (DmvModuleInfo){0};
    return 0;
}

int dmv_module_parse(const void *data, size_t size, DmvModuleInfo *ret, DmvError *reterr)
{
    DMV_CLEANUP(dmv_module_info_deinit) DmvModuleInfo i = {.size = size};
    DMV_CLEANUP(cleanup_elf) Elf *elf = NULL;
    size_t tail = size < DMV_CLAIMS_TAIL ? size : DMV_CLAIMS_TAIL;
    int r;

    if (size > DMV_MODULE_MAX)
        return dmv_error_set(reterr, DMV_TOO_LARGE, "the module is too large", NULL, "more than %zu bytes",
                             DMV_MODULE_MAX);
    if (elf_version(EV_CURRENT) == EV_NONE)
        return -EOPNOTSUPP;
    elf = size > 0 ? elf_memory((char *)data, size) : NULL;
    r = take_elf(elf, &i, reterr);
    if (r == 0)
        r = dmv_claims_parse((const char *)data + size - tail, tail, &i);
    return finish(r, &i, ret);
}

static int read_tail(int fd, uint64_t size, DmvModuleInfo *i)
{
    size_t want = size < DMV_CLAIMS_TAIL ? (size_t)size : DMV_CLAIMS_TAIL, got = 0;
    DMV_CLEANUP_FREE char *tail = malloc(want ? want : 1);

    if (!tail)
        return -ENOMEM;
    while (got < want) {
        ssize_t n = pread(fd, tail + got, want - got, (off_t)(size - want + got));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        got += (size_t)n;
    }
    return dmv_claims_parse(tail, want, i);
}

/* libelf does not tell a file that is damaged from one that could not be read. */
static int judge_again(int fd, DmvModuleInfo *ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : dmv_fs_read_fd(fd, DMV_MODULE_MAX, &data, &size);

    return r < 0 ? r : dmv_module_parse(data, size, ret, reterr);
}

static int read_plain(int fd, uint64_t size, DmvModuleInfo *ret, DmvError *reterr)
{
    DMV_CLEANUP(dmv_module_info_deinit) DmvModuleInfo i = {.size = size};
    DMV_CLEANUP(cleanup_elf) Elf *elf = NULL;
    int r;

    if (elf_version(EV_CURRENT) == EV_NONE)
        return -EOPNOTSUPP;
    elf = elf_begin(fd, ELF_C_READ, NULL);
    r = take_elf(elf, &i, reterr);
    if (r > 0)
        return judge_again(fd, ret, reterr);
    if (r == 0)
        r = read_tail(fd, size, &i);
    return finish(r, &i, ret);
}

int dmv_module_read(int fd, DmvModuleInfo *ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE void *plain = NULL;
    uint64_t size = 0;
    int r = dmv_module_file_load(fd, &plain, &size, reterr);

    if (r != 0)
        return r;
    return plain ? dmv_module_parse(plain, (size_t)size, ret, reterr) : read_plain(fd, size, ret, reterr);
}
