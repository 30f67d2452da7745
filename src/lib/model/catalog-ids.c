/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hardware of a release: pci_ids and aliases, joined by module. See catalog.h.
 *
 * Ids are most of a catalog, so they are read without a table and their places are worded only for a refusal.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "model/catalog-read.h"

/* Position in the release, for words. */
typedef struct Place {
    const char *where, *member, *file;
    size_t index;
} Place;

static int refuse_at(DmvCatalogReader *c, const Place *p, const char *why)
{
    return dmv_error_set(c->reterr, DMV_MALFORMED, NULL, NULL, "%s.%s[\"%s\"][%zu] %s", p->where, p->member,
                         p->file, p->index, why);
}

static int out_of_memory(DmvCatalogReader *c)
{
    return dmv_error_set(c->reterr, -ENOMEM, NULL, NULL, "out of memory");
}

/* "*", or four lower-case hex digits. */
static bool parse_id(json_object *o, uint32_t *ret)
{
    const char *s = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";
    uint32_t v = 0;

    if (strcmp(s, "*") == 0) {
        *ret = DMV_PCI_ANY;
        return true;
    }
    if (!dmv_is_hex(s, 4))
        return false;
    for (; *s; s++)
        v = v << 4 | (uint32_t)(*s <= '9' ? *s - '0' : *s - 'a' + 10);
    *ret = v;
    return true;
}

static bool read_id_members(json_object *o, DmvPciId *ret)
{
    const struct {
        const char *name;
        uint32_t *to;
    } members[] = {
        {"vendor_id", &ret->vendor},
        {"device_id", &ret->device},
        {"subvendor_id", &ret->subvendor},
        {"subdevice_id", &ret->subdevice},
    };

    if (json_object_object_length(o) != (int)DMV_N_ELEMENTS(members))
        return false;
    for (size_t i = 0; i < DMV_N_ELEMENTS(members); i++) {
        json_object *v = NULL;

        if (!json_object_object_get_ex(o, members[i].name, &v) || !parse_id(v, members[i].to))
            return false;
    }
    return true;
}

static int read_pci_ids(DmvCatalogReader *c, json_object *array, Place *p, DmvModuleIds *ret)
{
    size_t n = json_object_array_length(array);

    ret->ids = dmv_arena_alloc(c->arena, n, sizeof(*ret->ids));
    if (!ret->ids)
        return out_of_memory(c);
    for (p->index = 0; p->index < n; p->index++) {
        json_object *o = json_object_array_get_idx(array, p->index);

        if (!json_object_is_type(o, json_type_object) || !read_id_members(o, &ret->ids[p->index]))
            return refuse_at(c, p, "is not four members of four lower-case hex digits or \"*\"");
    }
    ret->n_ids = n;
    return 0;
}

static bool is_pattern(const char *s)
{
    size_t n = 0;

    for (; s[n]; n++)
        if (s[n] <= ' ' || s[n] >= 0x7f)
            return false;
    return n > 0 && n <= DMV_CATALOG_PATTERN_MAX;
}

static int read_aliases(DmvCatalogReader *c, json_object *array, Place *p, DmvModuleIds *ret)
{
    size_t n = json_object_array_length(array);

    ret->aliases = dmv_arena_alloc(c->arena, n + 1, sizeof(*ret->aliases));
    if (!ret->aliases)
        return out_of_memory(c);
    for (p->index = 0; p->index < n; p->index++) {
        json_object *o = json_object_array_get_idx(array, p->index);
        int r;

        if (!json_object_is_type(o, json_type_string) || !is_pattern(json_object_get_string(o)))
            return refuse_at(c, p, "is not a pattern for modaliases");
        r = dmv_catalog_copy(c, json_object_get_string(o), &ret->aliases[p->index]);
        if (r != 0)
            return r;
    }
    return 0;
}

/* The entry of a module, made when it is asked for first. There is room: it was counted. */
static DmvModuleIds *entry_of(DmvCatalogReader *c, DmvRelease *r, const char *file)
{
    for (size_t i = 0; i < r->n_ids; i++)
        if (strcmp(r->ids[i].file, file) == 0)
            return &r->ids[i];
    r->ids[r->n_ids].file = dmv_arena_copy(c->arena, file, strlen(file));
    return r->ids[r->n_ids].file ? &r->ids[r->n_ids++] : NULL;
}

/* One of the two objects: module file to array. */
static int read_modules(DmvCatalogReader *c, json_object *o, Place *p, size_t *n_left, DmvRelease *ret)
{
    bool is_aliases = strcmp(p->member, "aliases") == 0;

    json_object_object_foreach (o, file, array) {
        DmvModuleIds *entry;
        char name[128];
        int r;

        p->file = file;
        p->index = 0;
        if (strchr(file, '/') || !dmv_ends_with(file, ".ko") ||
            !dmv_module_name_from_file(file, name, sizeof(name)))
            return refuse_at(c, p, "is not under the name of a module file");
        if (!json_object_is_type(array, json_type_array))
            return refuse_at(c, p, "is not in an array");
        if (json_object_array_length(array) > *n_left)
            return refuse_at(c, p, "begins more ids than a release may have");
        *n_left -= json_object_array_length(array);
        entry = entry_of(c, ret, file);
        if (!entry)
            return out_of_memory(c);
        r = is_aliases ? read_aliases(c, array, p, entry) : read_pci_ids(c, array, p, entry);
        if (r != 0)
            return r;
    }
    return 0;
}

int dmv_catalog_read_ids(DmvCatalogReader *c, json_object *pci_ids, json_object *aliases, const char *where,
                         DmvRelease *ret)
{
    size_t n = (size_t)json_object_object_length(pci_ids), n_left = DMV_CATALOG_IDS_MAX;
    Place p = {.where = where, .member = "pci_ids"};
    int r;

    if (aliases)
        n += (size_t)json_object_object_length(aliases);
    if (n > DMV_CATALOG_FILES_MAX)
        return dmv_catalog_refuse(c, where, "names ids for too many modules");
    ret->ids = dmv_arena_alloc(c->arena, n, sizeof(*ret->ids));
    if (!ret->ids)
        return out_of_memory(c);
    r = read_modules(c, pci_ids, &p, &n_left, ret);
    p.member = "aliases";
    return r == 0 && aliases ? read_modules(c, aliases, &p, &n_left, ret) : r;
}
