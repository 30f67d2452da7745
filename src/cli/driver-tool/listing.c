/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The listing of driver-tool.
 *
 * Its readers are strict: a member that is missing or of another type makes them drop everything. So every
 * member is made here from a value that has a default, and what dmv knows beyond them goes into members whose
 * names begin with "dmv:", which they ignore.
 *
 * "Selected" has two sources. Where dmv was asked for something, that counts. Where it never was, the links
 * that another tool made count: what the kernel would load next, if that is a variant.
 */
#include "listing.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/jsonbuild.h"
#include "base/text.h"
#include "cli/reply.h"
#include "request.h"

/* ---- releases ---- */

static bool is_verdict(json_object *release, const char *verdict)
{
    return dmv_streq(dmv_reply_string(release, "verdict"), verdict);
}

/* A revoked release is shown as long as the host depends on it, but nobody shall choose it. */
static bool is_usable(json_object *release)
{
    if (!dmv_reply_bool(release, "installed") || dmv_reply_count(release, "kernels") == 0 ||
        is_verdict(release, "broken") || is_verdict(release, "no_kernel"))
        return false;
    return !is_verdict(release, "revoked") || dmv_reply_bool(release, "selected") ||
           dmv_reply_bool(release, "active");
}

/* What the readers call present is what they may choose. */
static bool is_present(json_object *release)
{
    return is_verdict(release, "fits") ||
           (is_verdict(release, "revoked") && dmv_reply_count(release, "devices") > 0);
}

static bool is_installed_for(json_object *release, const char *kernel)
{
    for (size_t i = 0; i < dmv_reply_count(release, "installedFor"); i++)
        if (dmv_streq(dmv_reply_string_at(release, "installedFor", i), kernel))
            return true;
    return false;
}

static const char *kernel_in_question(json_object *host)
{
    for (size_t i = 0; i < dmv_reply_count(host, "kernels"); i++)
        if (dmv_reply_bool(dmv_reply_at(host, "kernels", i), "inQuestion"))
            return dmv_reply_string(dmv_reply_at(host, "kernels", i), "release");
    return NULL;
}

/* Of two versions of a variant: the selected one; one for the kernel in question; the newer one; the
 * recommended one; the one that the daemon names first. */
static bool is_better(json_object *a, json_object *b, const char *kernel)
{
    const int64_t rank[][2] = {
        {dmv_reply_bool(a, "selected"), dmv_reply_bool(b, "selected")},
        {is_installed_for(a, kernel), is_installed_for(b, kernel)},
        {dmv_reply_int(a, "sequence", -1), dmv_reply_int(b, "sequence", -1)},
        {dmv_reply_bool(a, "recommended"), dmv_reply_bool(b, "recommended")},
    };

    for (size_t i = 0; i < DMV_N_ELEMENTS(rank); i++)
        if (rank[i][0] != rank[i][1])
            return rank[i][0] > rank[i][1];
    return false;
}

/* The release that stands for each variant, by the variant's name. Owned, or NULL for lack of memory. */
static json_object *choose_releases(json_object *driver, const char *kernel)
{
    json_object *chosen = json_object_new_object();

    for (size_t i = 0; chosen && i < dmv_reply_count(driver, "releases"); i++) {
        json_object *r = dmv_reply_at(driver, "releases", i), *other = NULL;
        const char *variant = dmv_reply_string(r, "variant");

        if (!variant || !is_usable(r) ||
            (json_object_object_get_ex(chosen, variant, &other) && !is_better(r, other, kernel)))
            continue;
        if (json_object_object_add(chosen, variant, json_object_get(r)) != 0) {
            json_object_put(r);
            json_object_put(chosen);
            return NULL;
        }
    }
    return chosen;
}

int dmv_listing_release(json_object *drivers, json_object *host, const char *driver, const char *variant,
                        const char **ret, DmvError *reterr)
{
    for (size_t i = 0; i < dmv_reply_count(drivers, "drivers"); i++) {
        json_object *d = dmv_reply_at(drivers, "drivers", i), *r;
        DMV_CLEANUP_JSON json_object *chosen = NULL;

        if (!dmv_streq(dmv_reply_string(d, "name"), driver))
            continue;
        chosen = choose_releases(d, kernel_in_question(host));
        if (!chosen)
            return -ENOMEM;
        if (!json_object_object_get_ex(chosen, variant, &r))
            return dmv_error_set(reterr, DMV_NO_SUCH_RELEASE, NULL, "driver-tool -l lists the variants",
                                 "no variant \"%s\" of %s is installed that can be used", variant, driver);
        *ret = dmv_reply_string_or(r, "name", "");
        return 0;
    }
    return dmv_error_set(reterr, DMV_NO_SUCH_DRIVER, NULL, "driver-tool -l lists the drivers",
                         "no variant of a driver \"%s\" is installed", driver);
}

/* ---- problems ---- */

static void add_problem(DmvJsonBuilder *list, const char *object, const char *reason, const char *why)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "object", object);
    dmv_jb_string(&b, "reason", reason);
    dmv_jb_string(&b, "why", why);
    dmv_jb_add(list, dmv_jb_end(&b));
}

static void add_problems(DmvJsonBuilder *list, json_object *from)
{
    for (size_t i = 0; i < dmv_reply_count(from, "problems"); i++) {
        json_object *p = dmv_reply_at(from, "problems", i);

        add_problem(list, dmv_reply_string_or(p, "object", "host"),
                    dmv_reply_string_or(p, "reason", "failed"),
                    dmv_reply_string_or(p, "why", "it said nothing"));
    }
}

static const char *reason_of_verdict(json_object *release)
{
    if (is_verdict(release, "revoked"))
        return dmv_outcome_reason(DMV_REVOKED);
    return dmv_outcome_reason(is_verdict(release, "no_kernel") ? DMV_NO_KERNEL_RELEASE : DMV_BROKEN_RELEASE);
}

/* Installed releases that are no variant of the listing. */
static void add_unusable(DmvJsonBuilder *list, json_object *driver)
{
    for (size_t i = 0; i < dmv_reply_count(driver, "releases"); i++) {
        json_object *r = dmv_reply_at(driver, "releases", i);

        if (dmv_reply_bool(r, "installed") && !is_usable(r))
            add_problem(list, dmv_reply_string_or(r, "name", "release"), reason_of_verdict(r),
                        dmv_reply_string_or(r, "why", "it cannot be used"));
    }
}

/* ---- drivers ---- */

/* The variant in DRIVER/VARIANT@VERSION, if that is a release of this driver. Owned, or NULL. */
static char *variant_of(const char *release, const char *driver)
{
    size_t n = strlen(driver);

    if (!release || strncmp(release, driver, n) != 0 || release[n] != '/')
        return NULL;
    release += n + 1;
    return strndup(release, strcspn(release, "@"));
}

/* The variant that the links of the host choose. Modules of several: somebody stopped half way, and nothing
 * is selected. Owned, or NULL. */
static char *linked_variant(json_object *driver, const char *name, DmvJsonBuilder *problems)
{
    DMV_CLEANUP_FREE char *found = NULL;

    for (size_t i = 0; i < dmv_reply_count(driver, "modules"); i++) {
        DMV_CLEANUP_FREE char *next =
            variant_of(dmv_reply_string(dmv_reply_at(driver, "modules", i), "next"), name);

        if (!found)
            found = DMV_TAKE_PTR(next);
        else if (next && strcmp(next, found) != 0) {
            add_problem(problems, name, dmv_outcome_reason(DMV_CONFLICT),
                        "its modules would load from different variants");
            return NULL;
        }
    }
    return DMV_TAKE_PTR(found);
}

static char *selected_variant(json_object *driver, const char *name, DmvJsonBuilder *problems)
{
    const char *selection = dmv_reply_string_or(driver, "selection", "none");

    if (strcmp(selection, "none") == 0)
        return linked_variant(driver, name, problems);
    return variant_of(dmv_reply_string(driver, "selectedRelease"), name);
}

static void add_string_or_null(DmvJsonBuilder *b, const char *key, const char *s)
{
    if (s)
        dmv_jb_string(b, key, s);
    else if (b->value && json_object_object_add(b->value, key, NULL) != 0)
        b->error = -ENOMEM;
}

static json_object *make_variant(json_object *r)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "version", dmv_reply_string_or(r, "version", ""));
    dmv_jb_bool(&b, "hardware_present", is_present(r));
    dmv_jb_int(&b, "priority", dmv_reply_int(r, "priority", 0));
    dmv_jb_string(&b, "status", dmv_reply_string_or(r, "status", ""));
    dmv_jb_string(&b, "dmv:origin", dmv_reply_string_or(r, "origin", ""));
    dmv_jb_string(&b, "dmv:tier", dmv_reply_string_or(r, "tier", ""));
    dmv_jb_bool(&b, "dmv:recommended", dmv_reply_bool(r, "recommended"));
    return dmv_jb_end(&b);
}

static json_object *make_variants(json_object *driver, const char *kernel)
{
    DMV_CLEANUP_JSON json_object *chosen = choose_releases(driver, kernel);
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    if (!chosen)
        b.error = -ENOMEM;
    for (size_t i = 0; chosen && i < dmv_reply_count(driver, "releases"); i++) {
        json_object *r = dmv_reply_at(driver, "releases", i), *of_variant;
        const char *variant = dmv_reply_string_or(r, "variant", "");

        if (json_object_object_get_ex(chosen, variant, &of_variant) && of_variant == r)
            dmv_jb_value(&b, variant, make_variant(r));
    }
    return dmv_jb_end(&b);
}

static json_object *loaded_modules(json_object *driver)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < dmv_reply_count(driver, "modules"); i++) {
        json_object *m = dmv_reply_at(driver, "modules", i);
        DmvText t = {0};
        DMV_CLEANUP_FREE char *file = NULL;

        if (!dmv_reply_bool(m, "loaded"))
            continue;
        dmv_text_appendf(&t, "%s.ko", dmv_reply_string_or(m, "name", ""));
        if (dmv_text_take(&t, &file, NULL) < 0)
            list.error = -ENOMEM;
        else
            dmv_jb_add_string(&list, file);
    }
    return dmv_jb_end(&list);
}

static bool needs_reboot(json_object *driver)
{
    return dmv_reply_bool(driver, "rebootNeeded") || dmv_reply_bool(driver, "staged");
}

static void add_info(DmvJsonBuilder *b, json_object *driver)
{
    DmvText t = {0};
    DMV_CLEANUP_FREE char *text = NULL;

    dmv_text_append(&t, dmv_reply_count(driver, "modules") == 1 ? "module " : "modules ");
    for (size_t i = 0; i < dmv_reply_count(driver, "modules"); i++)
        dmv_text_appendf(&t, "%s%s", i > 0 ? ", " : "",
                         dmv_reply_string_or(dmv_reply_at(driver, "modules", i), "name", ""));
    if (dmv_text_take(&t, &text, NULL) < 0)
        b->error = -ENOMEM;
    else
        dmv_jb_string(b, "info", text);
}

/* @variants is taken over. */
static json_object *make_driver(json_object *driver, json_object *variants, DmvJsonBuilder *problems)
{
    const char *name = dmv_reply_string_or(driver, "name", "");
    DMV_CLEANUP_FREE char *selected = selected_variant(driver, name, problems);
    DMV_CLEANUP_FREE char *active = variant_of(dmv_reply_string(driver, "activeRelease"), name);
    bool known = selected && json_object_object_get_ex(variants, selected, NULL);
    DmvJsonBuilder b = {0};

    if (selected && !known)
        add_problem(problems, name, dmv_outcome_reason(DMV_BROKEN_RELEASE),
                    "the variant that is selected cannot be used");
    dmv_jb_object(&b);
    dmv_jb_string(&b, "type", dmv_reply_string_or(driver, "type", ""));
    dmv_jb_string(&b, "friendly_name", name);
    dmv_jb_string(&b, "description", dmv_reply_string_or(driver, "description", ""));
    add_info(&b, driver);
    add_string_or_null(&b, "selected", known ? selected : NULL);
    add_string_or_null(&b, "active", active);
    dmv_jb_value(&b, "loaded modules", loaded_modules(driver));
    dmv_jb_value(&b, "variants", variants);
    dmv_jb_bool(&b, "dmv:reboot_needed", needs_reboot(driver));
    dmv_jb_string(&b, "dmv:selection", dmv_reply_string_or(driver, "selection", "none"));
    add_string_or_null(&b, "dmv:active_release", dmv_reply_string(driver, "activeRelease"));
    add_string_or_null(&b, "dmv:recommended", dmv_reply_string(driver, "recommended"));
    return dmv_jb_end(&b);
}

json_object *dmv_listing_make(json_object *drivers, json_object *host)
{
    const char *kernel = kernel_in_question(host);
    DmvJsonBuilder top = {0}, protocol = {0}, operation = {0}, all = {0}, problems = {0};
    bool reboot = false;

    dmv_jb_array(&problems);
    add_problems(&problems, drivers);
    dmv_jb_object(&all);
    for (size_t i = 0; i < dmv_reply_count(drivers, "drivers"); i++) {
        json_object *d = dmv_reply_at(drivers, "drivers", i), *variants = make_variants(d, kernel);

        add_problems(&problems, d);
        add_unusable(&problems, d);
        if (!variants || json_object_object_length(variants) > 0) {
            dmv_jb_value(&all, dmv_reply_string_or(d, "name", ""),
                         variants ? make_driver(d, variants, &problems) : NULL);
            reboot = reboot || needs_reboot(d);
        } else {
            json_object_put(variants);
        }
    }
    dmv_jb_object(&protocol);
    dmv_jb_value(&protocol, "version", dmv_tool_version());
    dmv_jb_object(&operation);
    dmv_jb_bool(&operation, "reboot", reboot);
    dmv_jb_object(&top);
    dmv_jb_value(&top, "protocol", dmv_jb_end(&protocol));
    dmv_jb_value(&top, "operation", dmv_jb_end(&operation));
    dmv_jb_value(&top, "drivers", dmv_jb_end(&all));
    dmv_jb_value(&top, "dmv:problems", dmv_jb_end(&problems));
    return dmv_jb_end(&top);
}
