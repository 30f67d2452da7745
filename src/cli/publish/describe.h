/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a release says of itself in the catalog, and how a package becomes part of it.
 *
 * What the command line does not say is taken from the release as it was described before, then from the
 * driver's newest release, then from the defaults.
 */
#ifndef DMV_PUBLISH_DESCRIBE_H
#define DMV_PUBLISH_DESCRIBE_H

#include "cli/publish/sidecar.h"
#include "cli/publish/staging.h"

/* What the command line says; NULL, empty, false or DMV_UNSAID where it is silent. */
typedef struct DmvDescription {
    const char *type, *tier, *status, *description;
    char **dmi; /* "VENDOR:PRODUCT", patterns, either side may be empty */
    int64_t priority, sequence;
    int64_t trial_boots, trial_hours;
    bool recommended;
} DmvDescription;

#define DMV_UNSAID INT64_MIN
#define DMV_DESCRIPTION_NULL                                                                                 \
    {                                                                                                        \
        .priority = DMV_UNSAID, .sequence = DMV_UNSAID, .trial_boots = DMV_UNSAID, .trial_hours = DMV_UNSAID \
    }

/**
 * dmv_describe_release() - fill in the members of a release that are not about a package
 * @release: the release, empty if it is new
 * @n: its name
 * @all: all releases of the stream
 * @said: what the command line says
 * @reterr: filled on a refusal
 *
 * Return: 0; DMV_INVALID_REQUEST for an unknown tier, a type that is no name, a text with control characters,
 * or a trial that is too long; -ENOMEM.
 */
int dmv_describe_release(json_object *release, const DmvReleaseName *n, json_object *all,
                         const DmvDescription *said, DmvError *reterr);

/* One line of UTF-8 without control characters, as people's terminals want it? NULL is. */
bool dmv_describe_is_plain_text(const char *s);

/**
 * dmv_describe_replaced() - may a package for this kernel be added, and which one does it replace?
 * @rpm_release: of the new RPM; has to be higher than that of the one there is
 * @ret_href: the old RPM, owned by the caller; NULL: there is none
 *
 * Return: 0; DMV_INVALID_REQUEST; -ENOMEM.
 */
int dmv_describe_replaced(json_object *release, const char *kernel, int64_t rpm_release, char **ret_href,
                          DmvError *reterr);

/* Two releases must not share the Name of an RPM: "a-b" + "c" and "a" + "b-c" would. Return: 0;
 * DMV_INVALID_REQUEST. */
int dmv_describe_name_is_free(json_object *all, const DmvReleaseName *n, const char *rpm_name,
                              DmvError *reterr);

/* Puts the package for a kernel into the release, with the ids of its modules. @rpm is taken over. Return: 0,
 * -ENOMEM. */
int dmv_describe_package(json_object *release, const char *kernel, const DmvStaging *s, json_object *rpm);

#endif
