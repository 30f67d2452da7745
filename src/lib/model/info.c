/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * info.json, read and written.
 *
 * The file is the vendor's format with one member of ours, `dmv`, so that the tools of a XenServer host can
 * read what dmv installed, and dmv what their packages installed. What identifies the release has to be a
 * valid name, because it becomes part of paths and of commands.
 */
#include "info.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/json.h"

#define SPEC 1
#define ALIAS_MAX ((size_t)1024)

static const DmvJsonLimits limits = {
    .size = (size_t)1024 * 1024, .depth = 8, .nodes = 200000, .plain_integers = false};

static const char *const tiers[] = {"supported", "alternate", "additional"};
/* What the vendor's links in updates/ amount to. */
static const char default_tier[] = "supported";

static int malformed(DmvError *reterr, const char *where, const char *why)
{
    return dmv_error_set(reterr, DMV_MALFORMED, "info.json is malformed", NULL, "%s: %s", where, why);
}

/* ---- reading ---- */

/* Up to eight hex digits, or "*". */
static bool parse_id(const char *s, uint32_t *ret)
{
    size_t n = strlen(s);
    uint64_t v = 0;

    if (strcmp(s, "*") == 0) {
        *ret = DMV_PCI_ANY;
        return true;
    }
    if (n == 0 || n > 8 || strspn(s, "0123456789abcdefABCDEF") != n)
        return false;
    for (; *s; s++)
        v = v * 16 +
            (uint64_t)(isdigit((unsigned char)*s) ? *s - '0' : tolower((unsigned char)*s) - 'a' + 10);
    *ret = (uint32_t)v;
    return v < DMV_PCI_ANY;
}

static int read_pci_id(json_object *o, const char *file, DmvModuleIds *m, DmvError *reterr)
{
    const char *vendor = NULL, *device = NULL, *subvendor = "*", *subdevice = "*";
    const DmvJsonField fields[] = {
        {"vendor_id", DMV_JSON_STRING, DMV_JSON_REQUIRED, &vendor},
        {"device_id", DMV_JSON_STRING, DMV_JSON_REQUIRED, &device},
        {"subvendor_id", DMV_JSON_STRING, 0, &subvendor},
        {"subdevice_id", DMV_JSON_STRING, 0, &subdevice},
    };
    DmvPciId id, *slot;
    int r = dmv_json_read(o, "pci_ids", fields, DMV_N_ELEMENTS(fields), true, reterr);

    if (r != 0)
        return r;
    if (!parse_id(vendor, &id.vendor) || !parse_id(device, &id.device) ||
        !parse_id(subvendor, &id.subvendor) || !parse_id(subdevice, &id.subdevice))
        return malformed(reterr, file, "an id in pci_ids is neither hexadecimal nor \"*\"");
    slot = DMV_ARRAY_ADD(m->ids, m->n_ids);
    if (!slot)
        return -ENOMEM;
    *slot = id;
    return 0;
}

/* The entry for a module file, made if it is missing. */
static int find_ids(DmvInstalled *i, const char *file, DmvModuleIds **ret, DmvError *reterr)
{
    char name[128];
    DmvModuleIds *m;

    for (size_t k = 0; k < i->n_ids; k++) {
        if (strcmp(i->ids[k].file, file) == 0) {
            *ret = &i->ids[k];
            return 0;
        }
    }
    if (!dmv_relative_path_is_valid(file) || !dmv_module_name_from_file(file, name, sizeof(name)))
        return malformed(reterr, "pci_ids", "a key is not the name of a module file");
    m = DMV_ARRAY_ADD(i->ids, i->n_ids);
    if (!m)
        return -ENOMEM;
    *ret = m;
    return dmv_set_string(&m->file, file);
}

static int read_pci_ids(json_object *all, DmvInstalled *i, DmvError *reterr)
{
    struct json_object_iterator it = json_object_iter_begin(all), end = json_object_iter_end(all);

    for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
        const char *file = json_object_iter_peek_name(&it);
        json_object *list = json_object_iter_peek_value(&it);
        DmvModuleIds *m = NULL;
        int r;

        if (!json_object_is_type(list, json_type_array))
            return malformed(reterr, file, "its ids are not an array");
        r = find_ids(i, file, &m, reterr);
        for (size_t k = 0; r == 0 && k < json_object_array_length(list); k++)
            r = read_pci_id(json_object_array_get_idx(list, k), file, m, reterr);
        if (r != 0)
            return r;
    }
    return 0;
}

static bool is_pattern(const char *s)
{
    size_t n = strlen(s);

    if (n == 0 || n > ALIAS_MAX)
        return false;
    for (; *s; s++)
        if (*s <= ' ' || *s > '~')
            return false;
    return true;
}

static int read_aliases(json_object *all, DmvInstalled *i, DmvError *reterr)
{
    struct json_object_iterator it = json_object_iter_begin(all), end = json_object_iter_end(all);

    for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
        const char *file = json_object_iter_peek_name(&it);
        DMV_CLEANUP_STRV char **patterns = NULL;
        const DmvJsonField field = {file, DMV_JSON_STRV, DMV_JSON_REQUIRED, &patterns};
        DmvModuleIds *m = NULL;
        int r = dmv_json_read(all, "dmv.aliases", &field, 1, true, reterr);

        if (r == 0)
            r = find_ids(i, file, &m, reterr);
        for (char **p = patterns; r == 0 && p && *p; p++)
            r = is_pattern(*p) ? dmv_strv_push_unique(&m->aliases, *p)
                               : malformed(reterr, "dmv.aliases", "a pattern is not plain text");
        if (r != 0)
            return r;
    }
    return 0;
}

static bool is_tier(const char *s)
{
    for (size_t k = 0; k < DMV_N_ELEMENTS(tiers); k++)
        if (strcmp(tiers[k], s) == 0)
            return true;
    return false;
}

static int read_ours(json_object *ours, DmvInstalled *i, DmvError *reterr)
{
    json_object *aliases = NULL;
    int64_t spec = 0;
    const DmvJsonField fields[] = {
        {"spec", DMV_JSON_INT, DMV_JSON_REQUIRED, &spec},
        {"tier", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &i->tier},
        {"release_version", DMV_JSON_STRDUP, 0, &i->version},
        {"aliases", DMV_JSON_OBJECT, 0, &aliases},
    };
    int r = dmv_json_read(ours, "dmv", fields, DMV_N_ELEMENTS(fields), true, reterr);

    if (r != 0)
        return r;
    if (spec != SPEC)
        return malformed(reterr, "dmv.spec", "this version of the format is not known");
    if (!is_tier(i->tier))
        return malformed(reterr, "dmv.tier", "it is none of supported, alternate, additional");
    return aliases ? read_aliases(aliases, i, reterr) : 0;
}

/* An empty text says as much as a missing one. */
static void drop_empty(char **s)
{
    if (*s && !(*s)[0]) {
        free(*s);
        *s = NULL;
    }
}

static int check_identity(const DmvInstalled *i, DmvError *reterr)
{
    if (!dmv_name_is_valid(i->driver))
        return malformed(reterr, "name", "it is not a valid name");
    if (!dmv_name_is_valid(i->variant))
        return malformed(reterr, "variant", "it is not a valid name");
    if (!dmv_name_is_valid(i->version))
        return malformed(reterr, "version", "it is not a valid name");
    return 0;
}

static int read_info(json_object *o, DmvInstalled *i, DmvError *reterr)
{
    json_object *pci_ids = NULL, *ours = NULL;
    const DmvJsonField fields[] = {
        {"name", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &i->driver},
        {"variant", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &i->variant},
        {"version", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &i->version},
        {"category", DMV_JSON_STRDUP, 0, &i->type},
        {"description", DMV_JSON_STRDUP, 0, &i->description},
        {"status", DMV_JSON_STRDUP, 0, &i->status},
        {"kABI", DMV_JSON_STRDUP, 0, &i->kabi},
        {"priority", DMV_JSON_INT, 0, &i->priority},
        {"pci_ids", DMV_JSON_OBJECT, 0, &pci_ids},
        {"dmv", DMV_JSON_OBJECT, 0, &ours},
    };
    int r = dmv_json_read(o, "info.json", fields, DMV_N_ELEMENTS(fields), true, reterr);

    drop_empty(&i->type);
    drop_empty(&i->description);
    drop_empty(&i->status);
    drop_empty(&i->kabi);
    if (r == 0 && pci_ids)
        r = read_pci_ids(pci_ids, i, reterr);
    if (r == 0)
        r = ours ? read_ours(ours, i, reterr) : dmv_set_string(&i->tier, default_tier);
    return r == 0 ? check_identity(i, reterr) : r;
}

int dmv_info_parse(const char *data, size_t size, DmvInstalled *ret, DmvError *reterr)
{
    DMV_CLEANUP(dmv_installed_deinit) DmvInstalled i = {0};
    DMV_CLEANUP_JSON json_object *o = NULL;
    int r = dmv_json_parse(data, size, &limits, &o, reterr);

    if (r == 0)
        r = read_info(o, &i, reterr);
    if (r != 0)
        return r;
    ret->driver = DMV_TAKE_PTR(i.driver);
    ret->variant = DMV_TAKE_PTR(i.variant);
    ret->version = DMV_TAKE_PTR(i.version);
    ret->type = DMV_TAKE_PTR(i.type);
    ret->description = DMV_TAKE_PTR(i.description);
    ret->status = DMV_TAKE_PTR(i.status);
    ret->kabi = DMV_TAKE_PTR(i.kabi);
    ret->tier = DMV_TAKE_PTR(i.tier);
    ret->priority = i.priority;
    ret->ids = DMV_TAKE_PTR(i.ids);
    ret->n_ids = i.n_ids;
    i.n_ids = 0;
    return 0;
}

/* ---- writing ---- */

static int add_id(json_object *o, const char *key, uint32_t v)
{
    char text[16];

    if (v == DMV_PCI_ANY)
        return dmv_json_add_string(o, key, "*");
    (void)snprintf(text, sizeof(text), "%04x", v);
    return dmv_json_add_string(o, key, text);
}

static int add_pci_id(json_object *list, const DmvPciId *id)
{
    json_object *o = json_object_new_object();
    int r = o ? add_id(o, "vendor_id", id->vendor) : -ENOMEM;

    if (r == 0)
        r = add_id(o, "device_id", id->device);
    if (r == 0)
        r = add_id(o, "subvendor_id", id->subvendor);
    if (r == 0)
        r = add_id(o, "subdevice_id", id->subdevice);
    if (r == 0 && json_object_array_add(list, o) == 0)
        return 0;
    json_object_put(o);
    return -ENOMEM;
}

static int add_pci_ids(json_object *o, const DmvInstalled *i)
{
    json_object *all = json_object_new_object();
    int r = dmv_json_add(o, "pci_ids", all);

    for (size_t k = 0; r == 0 && k < i->n_ids; k++) {
        json_object *list = json_object_new_array();

        r = dmv_json_add(all, i->ids[k].file, list);
        for (size_t n = 0; r == 0 && n < i->ids[k].n_ids; n++)
            r = add_pci_id(list, &i->ids[k].ids[n]);
    }
    return r;
}

static int add_ours(json_object *o, const DmvInstalled *i)
{
    json_object *ours = json_object_new_object(), *aliases = json_object_new_object();
    int r = dmv_json_add(o, "dmv", ours);

    if (r < 0) {
        json_object_put(aliases);
        return r;
    }
    r = dmv_json_add(ours, "aliases", aliases);
    if (r == 0)
        r = dmv_json_add_int(ours, "spec", SPEC);
    if (r == 0)
        r = dmv_json_add_string(ours, "tier", i->tier ? i->tier : default_tier);
    if (r == 0)
        r = dmv_json_add_string(ours, "release_version", i->version);
    for (size_t k = 0; r == 0 && k < i->n_ids; k++)
        if (i->ids[k].aliases)
            r = dmv_json_add_strv(aliases, i->ids[k].file, i->ids[k].aliases);
    return r;
}

int dmv_info_format(const DmvInstalled *i, char **ret, size_t *ret_size)
{
    const struct {
        const char *key, *value;
    } strings[] = {
        {"category", i->type},   {"name", i->driver}, {"version", i->version},         {"minor_version", ""},
        {"variant", i->variant}, {"kABI", i->kabi},   {"description", i->description}, {"status", i->status},
    };
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    int r = o ? 0 : -ENOMEM;

    /* the vendor's readers expect every member */
    for (size_t k = 0; r == 0 && k < DMV_N_ELEMENTS(strings); k++)
        r = dmv_json_add_string(o, strings[k].key, strings[k].value ? strings[k].value : "");
    if (r == 0)
        r = dmv_json_add_int(o, "priority", i->priority);
    if (r == 0)
        r = add_pci_ids(o, i);
    if (r == 0)
        r = add_ours(o, i);
    return r < 0 ? r : dmv_json_format(o, ret, ret_size);
}
