/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a module file says of symbol versions, by libelf.
 *
 * As in elf.c an uncompressed file is not read as a whole: a kernel's tree has thousands of modules and some
 * hundred megabytes, of which the sections that count are a tenth. The symbol table, the largest of them, is
 * only read where something is exported.
 */
#include "symbols.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>

#include "base/text.h"
#include "host/module-file.h"

/* amdgpu, the largest, needs 1,300 symbols: 83 kB of __versions. */
#define VERSIONS_MAX ((size_t)8 * 1024 * 1024)
#define MODINFO_MAX ((size_t)4 * 1024 * 1024)
/* amdgpu has 1 MB without debugging data. */
#define SYMTAB_MAX ((size_t)64 * 1024 * 1024)
#define CRCS_MAX ((size_t)4 * 1024 * 1024)

/* struct modversion_info of the kernel: an unsigned long and a name, 64 bytes together. */
#define VERSION_SIZE ((size_t)64)

/* The sections that count; NULL where a module has none. */
typedef struct Sections {
    Elf *elf;
    Elf_Scn *versions, *ext_crcs, *ext_names, *modinfo, *symtab;
    bool exports; /* there is a section __kcrctab* */
    bool is_64, is_big;
} Sections;

static inline void cleanup_elf(Elf **e)
{
    (void)elf_end(*e);
}

static int malformed(DmvError *reterr, const char *why)
{
    return dmv_error_set(reterr, DMV_MALFORMED, "the module is malformed", NULL, "%s", why);
}

static uint64_t read_number(const unsigned char *p, size_t size, bool is_big)
{
    uint64_t v = 0;

    for (size_t i = 0; i < size; i++)
        v = v << 8 | p[is_big ? i : size - 1 - i];
    return v;
}

/* ---- sections ---- */

static int find_sections(Sections *s, DmvError *reterr)
{
    Elf_Scn *scn = NULL;
    size_t names;

    if (elf_getshdrstrndx(s->elf, &names) != 0)
        return malformed(reterr, "the names of its sections are missing");
    while ((scn = elf_nextscn(s->elf, scn))) {
        const struct {
            const char *name;
            Elf_Scn **slot;
        } wanted[] = {
            {"__versions", &s->versions},
            {"__version_ext_crcs", &s->ext_crcs},
            {"__version_ext_names", &s->ext_names},
            {".modinfo", &s->modinfo},
            {".symtab", &s->symtab},
        };
        GElf_Shdr header;
        const char *name;

        if (!gelf_getshdr(scn, &header))
            return malformed(reterr, "a section header is damaged");
        name = elf_strptr(s->elf, names, header.sh_name);
        s->exports |= dmv_starts_with(name ? name : "", "__kcrctab");
        for (size_t i = 0; name && i < DMV_N_ELEMENTS(wanted); i++) {
            if (strcmp(name, wanted[i].name) != 0)
                continue;
            if (*wanted[i].slot)
                return malformed(reterr, "a section is there twice");
            *wanted[i].slot = scn;
        }
    }
    return 0;
}

/* The bytes of a section as they lie in the file. */
static int section_bytes(Elf_Scn *scn, size_t max, const unsigned char **ret, size_t *ret_size,
                         DmvError *reterr)
{
    const Elf_Data *data;
    GElf_Shdr header;

    if (!gelf_getshdr(scn, &header) || header.sh_type == SHT_NOBITS || header.sh_size > max)
        return malformed(reterr, "a section has an impossible size");
    data = elf_rawdata(scn, NULL);
    if (!data || (!data->d_buf && data->d_size > 0))
        return malformed(reterr, "a section lies outside the file");
    *ret = data->d_buf;
    *ret_size = data->d_size;
    return 0;
}

/* ---- what is needed ---- */

static int put_symbol(DmvModuleSymbols *m, DmvSymbol *slot, const char *name, size_t size, uint64_t crc,
                      DmvError *reterr)
{
    if (crc > UINT32_MAX || !dmv_kabi_symbol_is_valid(name, size))
        return malformed(reterr, "a symbol's name or version is impossible");
    slot->name = dmv_arena_copy(m->arena, name, size);
    slot->crc = (uint32_t)crc;
    return slot->name ? 0 : -ENOMEM;
}

static int take_versions(const Sections *s, DmvModuleSymbols *m, DmvError *reterr)
{
    size_t size = 0, crc_size = s->is_64 ? 8 : 4, name_size = VERSION_SIZE - crc_size;
    const unsigned char *data = NULL;
    int r = section_bytes(s->versions, VERSIONS_MAX, &data, &size, reterr);

    if (r == 0 && size % VERSION_SIZE != 0)
        r = malformed(reterr, "its list of symbol versions ends in the middle of one");
    if (r != 0)
        return r;
    m->versioned = true;
    m->needs = dmv_arena_alloc(m->arena, size / VERSION_SIZE, sizeof(*m->needs));
    if (!m->needs)
        return -ENOMEM;
    for (; r == 0 && size > 0; data += VERSION_SIZE, size -= VERSION_SIZE) {
        const char *name = (const char *)data + crc_size;
        size_t n = strnlen(name, name_size);

        if (n == name_size)
            return malformed(reterr, "the name of a needed symbol does not end");
        r = put_symbol(m, &m->needs[m->n_needs++], name, n, read_number(data, crc_size, s->is_big), reterr);
    }
    return r;
}

/* Two sections side by side: one with the CRCs, one with the names, each with its NUL. */
static int take_extended(const Sections *s, DmvModuleSymbols *m, DmvError *reterr)
{
    const unsigned char *crcs = NULL, *text = NULL;
    size_t crcs_size = 0, size = 0;
    int r = section_bytes(s->ext_crcs, VERSIONS_MAX, &crcs, &crcs_size, reterr);

    if (r == 0)
        r = section_bytes(s->ext_names, VERSIONS_MAX, &text, &size, reterr);
    if (r == 0 && crcs_size % 4 != 0)
        r = malformed(reterr, "its list of symbol versions ends in the middle of one");
    if (r != 0)
        return r;
    m->versioned = true;
    m->needs = dmv_arena_alloc(m->arena, crcs_size / 4, sizeof(*m->needs));
    if (!m->needs)
        return -ENOMEM;
    for (; r == 0 && crcs_size > 0; crcs += 4, crcs_size -= 4) {
        size_t n = size > 0 ? strnlen((const char *)text, size) : 0;

        if (n == size)
            return malformed(reterr, "its list of needed symbols is shorter than that of their versions");
        r = put_symbol(m, &m->needs[m->n_needs++], (const char *)text, n, read_number(crcs, 4, s->is_big),
                       reterr);
        text += n + 1;
        size -= n + 1;
    }
    return r;
}

static int take_needs(const Sections *s, DmvModuleSymbols *m, DmvError *reterr)
{
    if (s->ext_crcs && s->ext_names)
        return take_extended(s, m, reterr);
    if (s->ext_crcs || s->ext_names)
        return malformed(reterr, "of the two sections with symbol versions one is missing");
    return s->versions ? take_versions(s, m, reterr) : 0;
}

/* ---- what is exported ---- */

/* Where the CRC of a symbol is: its value, or the place in a section that it points at. */
static int read_crc(const Sections *s, const GElf_Sym *symbol, uint64_t *ret, DmvError *reterr)
{
    const unsigned char *data = NULL;
    size_t size = 0;
    Elf_Scn *scn;
    int r;

    if (symbol->st_shndx == SHN_ABS) {
        *ret = symbol->st_value;
        return 0;
    }
    scn = symbol->st_shndx < SHN_LORESERVE ? elf_getscn(s->elf, symbol->st_shndx) : NULL;
    if (!scn)
        return malformed(reterr, "the version of an exported symbol is in no section");
    r = section_bytes(scn, CRCS_MAX, &data, &size, reterr);
    if (r != 0)
        return r;
    if (size < 4 || symbol->st_value > size - 4)
        return malformed(reterr, "the version of an exported symbol lies outside its section");
    *ret = read_number(data + symbol->st_value, 4, s->is_big);
    return 0;
}

static int take_symbol(const Sections *s, const GElf_Sym *symbol, size_t strings, DmvModuleSymbols *m,
                       DmvError *reterr)
{
    static const char prefix[] = "__crc_";
    const char *name = elf_strptr(s->elf, strings, symbol->st_name);
    uint64_t crc = 0;
    DmvSymbol *slot;
    int r;

    if (!name)
        return malformed(reterr, "the name of a symbol lies outside the file");
    /* undefined: exported without a version */
    if (symbol->st_shndx == SHN_UNDEF || strncmp(name, prefix, sizeof(prefix) - 1) != 0)
        return 0;
    r = read_crc(s, symbol, &crc, reterr);
    if (r != 0)
        return r;
    name += sizeof(prefix) - 1;
    slot = &m->exports[m->n_exports];
    r = put_symbol(m, slot, name, strlen(name), crc, reterr);
    m->n_exports += r == 0;
    return r;
}

/* Room for the exports: the kernel's own modules export a few dozen symbols of some thousand. */
static int count_exports(const Sections *s, const Elf_Data *data, size_t n, size_t strings, size_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < n; i++) {
        GElf_Sym symbol;
        const char *name;

        if (!gelf_getsym((Elf_Data *)data, (int)i, &symbol))
            return DMV_MALFORMED;
        name = elf_strptr(s->elf, strings, symbol.st_name);
        *ret += name && strncmp(name, "__crc_", 6) == 0;
    }
    return 0;
}

static int take_exports(const Sections *s, DmvModuleSymbols *m, DmvError *reterr)
{
    GElf_Shdr header;
    Elf_Data *data;
    size_t n, room = 0;
    int r = 0;

    if (!s->exports || !s->symtab)
        return 0;
    if (!gelf_getshdr(s->symtab, &header) || header.sh_type != SHT_SYMTAB || header.sh_size > SYMTAB_MAX ||
        header.sh_entsize != gelf_fsize(s->elf, ELF_T_SYM, 1, EV_CURRENT))
        return malformed(reterr, "its symbol table is damaged");
    data = elf_getdata(s->symtab, NULL);
    if (!data)
        return malformed(reterr, "its symbol table lies outside the file");
    n = data->d_buf ? (size_t)(header.sh_size / header.sh_entsize) : 0;
    if (count_exports(s, data, n, header.sh_link, &room) != 0)
        return malformed(reterr, "its symbol table is shorter than it says");
    m->exports = dmv_arena_alloc(m->arena, room, sizeof(*m->exports));
    if (!m->exports)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < n; i++) {
        GElf_Sym symbol;

        r = gelf_getsym(data, (int)i, &symbol)
                ? take_symbol(s, &symbol, header.sh_link, m, reterr)
                : malformed(reterr, "its symbol table is shorter than it says");
    }
    return r;
}

/* ---- vermagic ---- */

/* The kernel, too, takes the first. */
static int take_vermagic(const Sections *s, DmvModuleSymbols *m, DmvError *reterr)
{
    static const char key[] = "vermagic=";
    const unsigned char *data = NULL;
    size_t size = 0;
    int r = s->modinfo ? section_bytes(s->modinfo, MODINFO_MAX, &data, &size, reterr)
                       : malformed(reterr, "it has no section .modinfo");

    if (r != 0)
        return r;
    if (size == 0 || data[size - 1] != '\0')
        return malformed(reterr, ".modinfo does not end");
    for (const char *p = (const char *)data, *end = p + size; p < end; p += strlen(p) + 1) {
        if (!dmv_starts_with(p, key))
            continue;
        p += sizeof(key) - 1;
        m->vermagic = dmv_arena_copy(m->arena, p, strlen(p));
        return m->vermagic ? 0 : -ENOMEM;
    }
    return 0;
}

/* ---- the two ways in ---- */

static int take_all(Elf *elf, DmvModuleSymbols *ret, DmvError *reterr)
{
    DMV_CLEANUP(dmv_module_symbols_deinit) DmvModuleSymbols m = {0};
    Sections s = {.elf = elf};
    GElf_Ehdr header;
    int r;

    if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header) || header.e_type != ET_REL)
        return dmv_error_set(reterr, DMV_MODULE_NOT_ELF, "this is no kernel module", NULL,
                             "it is not a relocatable ELF file");
    s.is_64 = header.e_ident[EI_CLASS] == ELFCLASS64;
    s.is_big = header.e_ident[EI_DATA] == ELFDATA2MSB;
    r = dmv_arena_new(&m.arena);
    if (r == 0)
        r = find_sections(&s, reterr);
    if (r == 0)
        r = take_vermagic(&s, &m, reterr);
    if (r == 0)
        r = take_needs(&s, &m, reterr);
    if (r == 0)
        r = take_exports(&s, &m, reterr);
    if (r != 0)
        return r;
    *ret = m;
    m = (DmvModuleSymbols){0};
    return 0;
}

int dmv_symbols_parse(const void *data, size_t size, DmvModuleSymbols *ret, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_elf) Elf *elf = NULL;

    if (size > DMV_MODULE_MAX)
        return dmv_error_set(reterr, DMV_TOO_LARGE, "the module is too large", NULL, "more than %zu bytes",
                             DMV_MODULE_MAX);
    if (elf_version(EV_CURRENT) == EV_NONE)
        return -EOPNOTSUPP;
    elf = size > 0 ? elf_memory((char *)data, size) : NULL;
    return take_all(elf, ret, reterr);
}

int dmv_symbols_read(int fd, DmvModuleSymbols *ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE void *plain = NULL;
    DMV_CLEANUP(cleanup_elf) Elf *elf = NULL;
    uint64_t size = 0;
    int r = dmv_module_file_load(fd, &plain, &size, reterr);

    if (r != 0)
        return r;
    if (plain)
        return dmv_symbols_parse(plain, (size_t)size, ret, reterr);
    if (elf_version(EV_CURRENT) == EV_NONE)
        return -EOPNOTSUPP;
    elf = elf_begin(fd, ELF_C_READ, NULL);
    return take_all(elf, ret, reterr);
}
