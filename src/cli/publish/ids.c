/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the aliases of a module to what a catalog says of the hardware it drives.
 *
 * The vendor's tools keep only vendor:device aliases, and so lose what is matched by class (NVMe, AHCI). Here
 * those become "aliases" of the catalog.
 */
#include "cli/publish/ids.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define PATTERN_MAX 256 /* dmv-catalog(5) */

/* Reads @label and then "*" or @digits upper-case hex digits. Return: where the next field starts, or NULL.
 */
static const char *read_field(const char *p, const char *label, size_t digits, uint32_t *ret)
{
    static const char hex[] = "0123456789ABCDEF";

    if (!p || !dmv_starts_with(p, label))
        return NULL;
    p += strlen(label);
    if (*p == '*') {
        *ret = DMV_PCI_ANY;
        return p + 1;
    }
    *ret = 0;
    for (size_t i = 0; i < digits; i++, p++) {
        const char *digit = *p ? strchr(hex, *p) : NULL;

        if (!digit)
            return NULL;
        *ret = *ret << 4 | (uint32_t)(digit - hex);
    }
    return p;
}

static bool fits(uint32_t id)
{
    return id == DMV_PCI_ANY || id <= UINT16_MAX;
}

bool dmv_ids_from_alias(const char *alias, DmvPciId *ret)
{
    DmvPciId id;
    uint32_t base = 0, sub = 0, interface = 0;
    const char *p = read_field(alias, "pci:v", 8, &id.vendor);

    p = read_field(p, "d", 8, &id.device);
    p = read_field(p, "sv", 8, &id.subvendor);
    p = read_field(p, "sd", 8, &id.subdevice);
    p = read_field(p, "bc", 2, &base);
    p = read_field(p, "sc", 2, &sub);
    p = read_field(p, "i", 2, &interface);
    if (!p || *p || base != DMV_PCI_ANY || sub != DMV_PCI_ANY || interface != DMV_PCI_ANY)
        return false;
    /* an id that names neither vendor nor device is a pattern for everything: it stays visible as one */
    if (id.vendor == DMV_PCI_ANY && id.device == DMV_PCI_ANY)
        return false;
    if (!fits(id.vendor) || !fits(id.device) || !fits(id.subvendor) || !fits(id.subdevice))
        return false;
    *ret = id;
    return true;
}

bool dmv_ids_is_pattern(const char *alias)
{
    size_t n = 0;

    for (; alias[n]; n++)
        if (alias[n] <= ' ' || alias[n] >= 0x7f)
            return false;
    return n > 0 && n <= PATTERN_MAX;
}

static bool has_id(const DmvModuleIds *m, const DmvPciId *id)
{
    for (size_t i = 0; i < m->n_ids; i++)
        if (memcmp(&m->ids[i], id, sizeof(*id)) == 0)
            return true;
    return false;
}

int dmv_ids_from_aliases(const char *file, char *const *aliases, DmvModuleIds *ret)
{
    if (dmv_set_string(&ret->file, file) < 0)
        return -ENOMEM;
    for (size_t i = 0; aliases && aliases[i]; i++) {
        DmvPciId id, *slot;

        if (!dmv_ids_is_pattern(aliases[i]))
            continue;
        if (!dmv_ids_from_alias(aliases[i], &id)) {
            if (dmv_strv_push_unique(&ret->aliases, aliases[i]) < 0)
                return -ENOMEM;
            continue;
        }
        if (has_id(ret, &id))
            continue;
        slot = DMV_ARRAY_ADD(ret->ids, ret->n_ids);
        if (!slot)
            return -ENOMEM;
        *slot = id;
    }
    return 0;
}

static int add_hex(json_object *o, const char *key, uint32_t id)
{
    char text[9] = "*";

    if (id != DMV_PCI_ANY)
        (void)snprintf(text, sizeof(text), "%04x", id);
    return dmv_json_add_string(o, key, text);
}

static int make_id(const DmvPciId *id, json_object **ret)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();

    if (!o || add_hex(o, "vendor_id", id->vendor) < 0 || add_hex(o, "device_id", id->device) < 0 ||
        add_hex(o, "subvendor_id", id->subvendor) < 0 || add_hex(o, "subdevice_id", id->subdevice) < 0)
        return -ENOMEM;
    *ret = DMV_TAKE_PTR(o);
    return 0;
}

/* The array at release.MEMBER.FILE, made where it is missing. NULL for lack of memory. */
static json_object *get_array(json_object *release, const char *member, const char *file)
{
    json_object *map = NULL, *array = NULL;

    if (!json_object_object_get_ex(release, member, &map)) {
        map = json_object_new_object();
        if (dmv_json_add(release, member, map) < 0)
            return NULL;
    }
    if (!json_object_object_get_ex(map, file, &array)) {
        array = json_object_new_array();
        if (dmv_json_add(map, file, array) < 0)
            return NULL;
    }
    return array;
}

/* Appends @item (taken over) unless an equal one is there. */
static int add_unique(json_object *array, json_object *item)
{
    DMV_CLEANUP_JSON json_object *owned = item;

    if (!array || !owned)
        return -ENOMEM;
    for (size_t i = 0; i < json_object_array_length(array); i++)
        if (json_object_equal(json_object_array_get_idx(array, i), owned))
            return 0;
    return json_object_array_add(array, DMV_TAKE_PTR(owned)) < 0 ? -ENOMEM : 0;
}

int dmv_ids_add_to_release(json_object *release, const DmvModuleIds *ids)
{
    int r = 0;

    for (size_t i = 0; i < ids->n_ids && r == 0; i++) {
        json_object *item = NULL;

        r = make_id(&ids->ids[i], &item);
        if (r == 0)
            r = add_unique(get_array(release, "pci_ids", ids->file), item);
    }
    for (size_t i = 0; ids->aliases && ids->aliases[i] && r == 0; i++)
        r = add_unique(get_array(release, "aliases", ids->file), json_object_new_string(ids->aliases[i]));
    return r;
}
