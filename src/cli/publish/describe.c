/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a release says of itself in the catalog. See describe.h. */
#include "cli/publish/describe.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/publish/ids.h"
#include "model/catalog.h"

#define WHAT "cannot release"

/* The driver's release with the highest sequence, borrowed, or NULL. */
static json_object *newest_release(json_object *all, const char *driver)
{
    json_object *newest = NULL;

    for (size_t i = 0; i < json_object_array_length(all); i++) {
        json_object *release = json_object_array_get_idx(all, i);

        if (dmv_streq(dmv_sidecar_string(release, "driver"), driver) &&
            (!newest || dmv_sidecar_int(release, "sequence", 0) > dmv_sidecar_int(newest, "sequence", 0)))
            newest = release;
    }
    return newest;
}

static int set_text(json_object *release, const char *key, const char *said, json_object *before,
                    const char *otherwise)
{
    const char *inherited = before ? dmv_sidecar_string(before, key) : NULL;

    if (!said && dmv_sidecar_string(release, key))
        return 0;
    return dmv_json_add_string(release, key, said ? said : inherited ? inherited : otherwise);
}

static int set_number(json_object *release, const char *key, int64_t said, int64_t otherwise)
{
    json_object *is = NULL;

    if (said == DMV_UNSAID && json_object_object_get_ex(release, key, &is))
        return 0;
    return dmv_json_add_int(release, key, said == DMV_UNSAID ? otherwise : said);
}

static int set_dmi(json_object *release, char *const *patterns)
{
    DMV_CLEANUP_JSON json_object *array = json_object_new_array();

    if (dmv_strv_length(patterns) == 0)
        return 0;
    for (size_t i = 0; array && patterns[i]; i++) {
        DMV_CLEANUP_JSON json_object *o = json_object_new_object();
        size_t n = strcspn(patterns[i], ":");
        DMV_CLEANUP_FREE char *vendor = strndup(patterns[i], n);
        const char *product = patterns[i][n] ? patterns[i] + n + 1 : "";

        if (!o || !vendor || (*vendor && dmv_json_add_string(o, "vendor", vendor) < 0) ||
            (*product && dmv_json_add_string(o, "product", product) < 0) ||
            json_object_array_add(array, json_object_get(o)) < 0)
            return -ENOMEM;
    }
    return dmv_json_add(release, "dmi", DMV_TAKE_PTR(array));
}

/* What is said of one of the two leaves the other one as it is. */
static int set_trial(json_object *release, const DmvDescription *said)
{
    json_object *trial = NULL;

    if (said->trial_boots == DMV_UNSAID && said->trial_hours == DMV_UNSAID)
        return 0;
    if (!json_object_object_get_ex(release, "trial", &trial) ||
        !json_object_is_type(trial, json_type_object)) {
        trial = json_object_new_object();
        if (dmv_json_add(release, "trial", trial) < 0)
            return -ENOMEM;
    }
    if ((said->trial_boots != DMV_UNSAID && dmv_json_add_int(trial, "boots", said->trial_boots) < 0) ||
        (said->trial_hours != DMV_UNSAID && dmv_json_add_int(trial, "hours", said->trial_hours) < 0))
        return -ENOMEM;
    return 0;
}

static int set_members(json_object *r, const DmvReleaseName *n, json_object *all, const DmvDescription *said)
{
    json_object *before = newest_release(all, n->driver);

    if (dmv_json_add_string(r, "driver", n->driver) < 0 ||
        dmv_json_add_string(r, "variant", n->variant) < 0 ||
        dmv_json_add_string(r, "version", n->version) < 0 ||
        set_number(r, "sequence", said->sequence, dmv_sidecar_int(before, "sequence", 0) + 1) < 0 ||
        set_text(r, "type", said->type, before, "other") < 0 ||
        set_text(r, "tier", said->tier, NULL, "supported") < 0 ||
        set_text(r, "status", said->status, NULL, "production") < 0 ||
        set_number(r, "priority", said->priority, 50) < 0 ||
        set_text(r, "description", said->description, before, NULL) < 0 || set_trial(r, said) < 0 ||
        (said->recommended && dmv_json_add_bool(r, "recommended", true) < 0))
        return -ENOMEM;
    return set_dmi(r, said->dmi);
}

bool dmv_describe_is_plain_text(const char *s)
{
    DMV_CLEANUP_JSON json_object *o = s ? json_object_new_string(s) : NULL;
    DMV_CLEANUP_FREE char *text = NULL;

    for (const char *c = s; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return !s || dmv_json_format(o, &text, NULL) == 0;
}

static int check_trial(const DmvDescription *said, DmvError *reterr)
{
    if (said->trial_boots != DMV_UNSAID &&
        (said->trial_boots < 1 || said->trial_boots > DMV_CATALOG_TRIAL_BOOTS_MAX))
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, WHAT, "use 1 to 100",
                             "%lld is no number of boots of a trial", (long long)said->trial_boots);
    if (said->trial_hours != DMV_UNSAID &&
        (said->trial_hours < 0 || said->trial_hours > DMV_CATALOG_TRIAL_HOURS_MAX))
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, WHAT, "use 0 to 2160, which is 90 days",
                             "%lld is no number of hours of a trial", (long long)said->trial_hours);
    return 0;
}

static int check_members(json_object *r, DmvError *reterr)
{
    static const char *const texts[] = {"status", "description"};
    const char *tier = dmv_sidecar_string(r, "tier"), *type = dmv_sidecar_string(r, "type");

    if (!dmv_streq(tier, "supported") && !dmv_streq(tier, "alternate") && !dmv_streq(tier, "additional"))
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, WHAT, "use supported, alternate or additional",
                             "\"%s\" is no tier", tier);
    if (!dmv_name_is_valid(type))
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, WHAT, "use one word, such as network or storage",
                             "\"%s\" is no type", type);
    for (size_t i = 0; i < DMV_N_ELEMENTS(texts); i++)
        if (!dmv_describe_is_plain_text(dmv_sidecar_string(r, texts[i])))
            return dmv_error_set(reterr, DMV_INVALID_REQUEST, WHAT, "use one line of UTF-8",
                                 "the %s is no plain text", texts[i]);
    return 0;
}

int dmv_describe_release(json_object *release, const DmvReleaseName *n, json_object *all,
                         const DmvDescription *said, DmvError *reterr)
{
    int r = check_trial(said, reterr);

    if (r == 0)
        r = set_members(release, n, all, said);
    return r != 0 ? r : check_members(release, reterr);
}

/* The RPM release in "NAME-VERSION-RELEASE.ARCH"; 0 if there is none. */
static int release_of_nevra(const char *nevra, int64_t *ret)
{
    const char *dash = nevra ? strrchr(nevra, '-') : NULL;
    DMV_CLEANUP_FREE char *digits = dash ? strndup(dash + 1, strcspn(dash + 1, ".")) : NULL;
    uint64_t n = 0;

    if (dash && !digits)
        return -ENOMEM;
    if (digits)
        (void)dmv_parse_u64(digits, INT32_MAX, &n);
    *ret = (int64_t)n;
    return 0;
}

int dmv_describe_replaced(json_object *release, const char *kernel, int64_t rpm_release, char **ret_href,
                          DmvError *reterr)
{
    json_object *package = dmv_sidecar_package(release, kernel, NULL), *old = NULL;
    int64_t is = 0;

    *ret_href = NULL;
    if (!package || !json_object_object_get_ex(package, "rpm", &old) || !dmv_sidecar_string(old, "href"))
        return 0;
    if (release_of_nevra(dmv_sidecar_string(old, "nevra"), &is) < 0)
        return -ENOMEM;
    if (rpm_release <= is)
        return dmv_error_set(
            reterr, DMV_INVALID_REQUEST, WHAT,
            "published bytes never change under one name: say --release with a higher number",
            "%s is there already", dmv_sidecar_string(old, "nevra"));
    return dmv_set_string(ret_href, dmv_sidecar_string(old, "href"));
}

static bool is_named(json_object *release, const DmvReleaseName *n)
{
    return dmv_streq(dmv_sidecar_string(release, "driver"), n->driver) &&
           dmv_streq(dmv_sidecar_string(release, "variant"), n->variant) &&
           dmv_streq(dmv_sidecar_string(release, "version"), n->version);
}

static bool has_rpm(json_object *release, const char *rpm_name)
{
    json_object *packages = NULL, *rpm = NULL;

    (void)json_object_object_get_ex(release, "packages", &packages);
    for (size_t i = 0; packages && i < json_object_array_length(packages); i++)
        if (json_object_object_get_ex(json_object_array_get_idx(packages, i), "rpm", &rpm) &&
            dmv_streq(dmv_sidecar_string(rpm, "name"), rpm_name))
            return true;
    return false;
}

int dmv_describe_name_is_free(json_object *all, const DmvReleaseName *n, const char *rpm_name,
                              DmvError *reterr)
{
    for (size_t i = 0; i < json_object_array_length(all); i++) {
        json_object *release = json_object_array_get_idx(all, i);

        if (!is_named(release, n) && has_rpm(release, rpm_name))
            return dmv_error_set(reterr, DMV_INVALID_REQUEST, WHAT, "choose another name for the variant",
                                 "the package would have the same Name as that of %s/%s@%s",
                                 dmv_sidecar_string(release, "driver"),
                                 dmv_sidecar_string(release, "variant"),
                                 dmv_sidecar_string(release, "version"));
    }
    return 0;
}

/* ids of a package that is replaced go with it, unless another kernel's package may need them */
static int join_ids(json_object *release, const DmvStaging *s, size_t n_other_packages)
{
    int r = 0;

    if (n_other_packages == 0) {
        /* pci_ids has to be there, also for a module that has none */
        json_object_object_del(release, "aliases");
        r = dmv_json_add(release, "pci_ids", json_object_new_object());
    }
    for (size_t i = 0; i < s->installed.n_ids && r == 0; i++)
        r = dmv_ids_add_to_release(release, &s->installed.ids[i]);
    return r;
}

int dmv_describe_package(json_object *release, const char *kernel, const DmvStaging *s, json_object *rpm)
{
    DMV_CLEANUP_JSON json_object *package = json_object_new_object(), *owned_rpm = rpm;
    json_object *packages = NULL;
    size_t index = 0;

    if (!json_object_object_get_ex(release, "packages", &packages)) {
        packages = json_object_new_array();
        if (dmv_json_add(release, "packages", packages) < 0)
            return -ENOMEM;
    }
    if (dmv_sidecar_package(release, kernel, &index))
        (void)json_object_array_del_idx(packages, index, 1);
    if (!package || join_ids(release, s, json_object_array_length(packages)) < 0 ||
        dmv_json_add_string(package, "kernel", kernel) < 0 ||
        dmv_json_add(package, "rpm", DMV_TAKE_PTR(owned_rpm)) < 0 ||
        dmv_json_add_int(package, "unpacked", (int64_t)s->unpacked) < 0 ||
        dmv_json_add(package, "files", json_object_get(s->files)) < 0)
        return -ENOMEM;
    return json_object_array_add(packages, DMV_TAKE_PTR(package)) < 0 ? -ENOMEM : 0;
}
