/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A release: its name, its rank, and the machines it is for. See catalog.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "model/catalog-read.h"

int dmv_catalog_refuse(DmvCatalogReader *c, const char *where, const char *why)
{
    return dmv_error_set(c->reterr, DMV_MALFORMED, NULL, NULL, "%s %s", where, why);
}

int dmv_catalog_copy(DmvCatalogReader *c, const char *s, char **ret)
{
    if (!s)
        return 0;
    *ret = dmv_arena_copy(c->arena, s, strlen(s));
    return *ret ? 0 : dmv_error_set(c->reterr, -ENOMEM, NULL, NULL, "out of memory");
}

static bool is_tier(const char *s)
{
    return strcmp(s, "supported") == 0 || strcmp(s, "alternate") == 0 || strcmp(s, "additional") == 0;
}

static int read_dmi_match(DmvCatalogReader *c, json_object *o, const char *where, DmvDmiMatch *ret)
{
    const char *vendor = NULL, *product = NULL;
    const DmvJsonField fields[] = {
        {"vendor", DMV_JSON_STRING, DMV_JSON_NON_EMPTY, &vendor},
        {"product", DMV_JSON_STRING, DMV_JSON_NON_EMPTY, &product},
    };
    int r = dmv_json_read(o, where, fields, DMV_N_ELEMENTS(fields), false, c->reterr);

    if (r != 0)
        return r;
    if (!vendor && !product)
        return dmv_catalog_refuse(c, where, "names neither a vendor nor a product");
    if ((vendor && strlen(vendor) > DMV_CATALOG_PATTERN_MAX) ||
        (product && strlen(product) > DMV_CATALOG_PATTERN_MAX))
        return dmv_catalog_refuse(c, where, "has a pattern that is too long");
    r = dmv_catalog_copy(c, vendor, &ret->vendor);
    return r == 0 ? dmv_catalog_copy(c, product, &ret->product) : r;
}

static int read_dmi(DmvCatalogReader *c, json_object *array, const char *where, DmvRelease *ret)
{
    size_t n = array ? json_object_array_length(array) : 0;

    if (n == 0)
        return 0;
    ret->dmi = dmv_arena_alloc(c->arena, n, sizeof(*ret->dmi));
    if (!ret->dmi)
        return dmv_error_set(c->reterr, -ENOMEM, NULL, NULL, "out of memory");
    for (; ret->n_dmi < n; ret->n_dmi++) {
        char place[128];
        int r;

        (void)snprintf(place, sizeof(place), "%s.dmi[%zu]", where, ret->n_dmi);
        r = read_dmi_match(c, json_object_array_get_idx(array, ret->n_dmi), place, &ret->dmi[ret->n_dmi]);
        if (r != 0)
            return r;
    }
    return 0;
}

static int read_trial(DmvCatalogReader *c, json_object *o, const char *where, DmvRelease *ret)
{
    int64_t boots = -1, hours = -1;
    const DmvJsonField fields[] = {
        {"boots", DMV_JSON_INT, 0, &boots},
        {"hours", DMV_JSON_INT, 0, &hours},
    };
    char place[128];
    int r;

    if (!o)
        return 0;
    (void)snprintf(place, sizeof(place), "%s.trial", where);
    r = dmv_json_read(o, place, fields, DMV_N_ELEMENTS(fields), true, c->reterr);
    if (r != 0)
        return r;
    if (boots < 0 && hours < 0)
        return dmv_catalog_refuse(c, place, "asks for neither boots nor hours");
    if (boots == 0 || boots > DMV_CATALOG_TRIAL_BOOTS_MAX)
        return dmv_catalog_refuse(c, place, "has \"boots\" that are not 1 to 100");
    if (hours > DMV_CATALOG_TRIAL_HOURS_MAX)
        return dmv_catalog_refuse(c, place, "has \"hours\" that are not 0 to 2160");
    ret->trial_boots = boots > 0 ? boots : 0;
    ret->trial_hours = hours > 0 ? hours : 0;
    return 0;
}

static int compare_packages(const void *a, const void *b)
{
    return strcmp(((const DmvPackage *)a)->kernel, ((const DmvPackage *)b)->kernel);
}

static int read_packages(DmvCatalogReader *c, json_object *array, const char *where, DmvRelease *ret)
{
    size_t n = json_object_array_length(array);

    if (n > DMV_CATALOG_PACKAGES_MAX)
        return dmv_catalog_refuse(c, where, "has too many packages");
    ret->packages = dmv_arena_alloc(c->arena, n, sizeof(*ret->packages));
    if (!ret->packages)
        return dmv_error_set(c->reterr, -ENOMEM, NULL, NULL, "out of memory");
    for (; ret->n_packages < n; ret->n_packages++) {
        char place[128];
        int r;

        (void)snprintf(place, sizeof(place), "%s.packages[%zu]", where, ret->n_packages);
        r = dmv_catalog_read_package(c, json_object_array_get_idx(array, ret->n_packages), place,
                                     &ret->packages[ret->n_packages]);
        if (r != 0)
            return r;
    }
    qsort(ret->packages, n, sizeof(*ret->packages), compare_packages);
    for (size_t i = 1; i < n; i++)
        if (compare_packages(&ret->packages[i - 1], &ret->packages[i]) == 0)
            return dmv_catalog_refuse(c, where, "has two packages for one kernel");
    return 0;
}

/* The strings of a release, borrowed from the tree. */
typedef struct Texts {
    const char *driver, *variant, *version, *type, *tier, *status, *description, *revoked;
} Texts;

/* Words for a person end up on terminals. */
static bool is_plain_text(const char *s)
{
    for (; s && *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            return false;
    return true;
}

static int check_texts(DmvCatalogReader *c, const Texts *t, const char *where)
{
    if (!dmv_name_is_valid(t->driver))
        return dmv_catalog_refuse(c, where, "has a \"driver\" that is not a name");
    if (!dmv_name_is_valid(t->variant))
        return dmv_catalog_refuse(c, where, "has a \"variant\" that is not a name");
    if (!dmv_name_is_valid(t->version))
        return dmv_catalog_refuse(c, where, "has a \"version\" that is not one");
    if (!dmv_name_is_valid(t->type))
        return dmv_catalog_refuse(c, where, "has a \"type\" that is not a name");
    if (!is_tier(t->tier))
        return dmv_catalog_refuse(c, where, "has a \"tier\" that is not supported, alternate or additional");
    if (!is_plain_text(t->status) || !is_plain_text(t->description) || !is_plain_text(t->revoked))
        return dmv_catalog_refuse(c, where, "has control characters in a text");
    return 0;
}

static int copy_texts(DmvCatalogReader *c, const Texts *t, DmvRelease *ret)
{
    const struct {
        const char *from;
        char **to;
    } copies[] = {
        {t->driver, &ret->driver},   {t->variant, &ret->variant},
        {t->version, &ret->version}, {t->type, &ret->type},
        {t->tier, &ret->tier},       {t->status, &ret->status},
        {t->revoked, &ret->revoked}, {t->description, &ret->description},
    };

    for (size_t i = 0; i < DMV_N_ELEMENTS(copies); i++) {
        int r = dmv_catalog_copy(c, copies[i].from, copies[i].to);

        if (r != 0)
            return r;
    }
    return 0;
}

int dmv_catalog_read_release(DmvCatalogReader *c, json_object *o, const char *where, DmvRelease *ret)
{
    json_object *dmi = NULL, *trial = NULL, *pci_ids = NULL, *aliases = NULL, *packages = NULL;
    Texts t = {0};
    const DmvJsonField fields[] = {
        {"driver", DMV_JSON_STRING, DMV_JSON_REQUIRED, &t.driver},
        {"variant", DMV_JSON_STRING, DMV_JSON_REQUIRED, &t.variant},
        {"version", DMV_JSON_STRING, DMV_JSON_REQUIRED, &t.version},
        {"sequence", DMV_JSON_INT, DMV_JSON_REQUIRED, &ret->sequence},
        {"type", DMV_JSON_STRING, DMV_JSON_REQUIRED, &t.type},
        {"tier", DMV_JSON_STRING, DMV_JSON_REQUIRED, &t.tier},
        {"status", DMV_JSON_STRING, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &t.status},
        {"priority", DMV_JSON_INT, DMV_JSON_REQUIRED, &ret->priority},
        {"recommended", DMV_JSON_BOOL, 0, &ret->recommended},
        {"description", DMV_JSON_STRING, 0, &t.description},
        {"revoked", DMV_JSON_STRING, DMV_JSON_NON_EMPTY, &t.revoked},
        {"dmi", DMV_JSON_ARRAY, 0, &dmi},
        {"trial", DMV_JSON_OBJECT, 0, &trial},
        {"pci_ids", DMV_JSON_OBJECT, DMV_JSON_REQUIRED, &pci_ids},
        {"aliases", DMV_JSON_OBJECT, 0, &aliases},
        {"packages", DMV_JSON_ARRAY, DMV_JSON_REQUIRED, &packages},
    };
    int r = dmv_json_read(o, where, fields, DMV_N_ELEMENTS(fields), true, c->reterr);

    if (r == 0)
        r = check_texts(c, &t, where);
    if (r == 0)
        r = copy_texts(c, &t, ret);
    if (r == 0)
        r = read_dmi(c, dmi, where, ret);
    if (r == 0)
        r = read_trial(c, trial, where, ret);
    if (r == 0)
        r = dmv_catalog_read_ids(c, pci_ids, aliases, where, ret);
    if (r == 0)
        r = read_packages(c, packages, where, ret);
    return r;
}
