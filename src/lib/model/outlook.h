/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Outlook: the raw material of a forecast for one kernel, as the apply worker finds it and the daemon gets
 * it: what modprobe would do now and after the plan, and what the kernel's images hold.
 */
#ifndef DMV_MODEL_OUTLOOK_H
#define DMV_MODEL_OUTLOOK_H

#include <json-c/json.h>

#include "dmv/outcome.h"
#include "model/lookup.h"

/* A copy of a module in an image. */
typedef struct DmvCopy {
    char *module;   /* kernel's name */
    char *path;     /* in the image */
    char *build_id; /* NULL: it has none, or it could not be read */
} DmvCopy;

typedef struct DmvImageOutlook {
    char *path; /* of the image, relative to the root */
    DmvCopy *copies;
    size_t n_copies;
    char **blacklist; /* of the modprobe.d in it */
    char *builder;    /* the program with which an initrd step builds it again, or NULL: none does */
    char *problem;    /* why it could not be read, or NULL */
} DmvImageOutlook;

typedef struct DmvOutlook {
    char *kernel;           /* release */
    bool has_now, has_next; /* an index; without one nothing is loaded */
    DmvLookups now, next;
    DmvImageOutlook *images;
    size_t n_images;
    char **problems; /* what kept parts of it from being found */
} DmvOutlook;

void dmv_outlook_deinit(DmvOutlook *o);
#define DMV_CLEANUP_OUTLOOK DMV_CLEANUP(dmv_outlook_deinit)

/* As the reply of io.dmv.Apply.Forecast() for one kernel; NULL for lack of memory. */
json_object *dmv_outlook_render(const DmvOutlook *o);

/**
 * dmv_outlook_read() - what such a reply says
 * @reply: the parameters
 * @ret: must be empty before; free with dmv_outlook_deinit(), also on failure
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; DMV_MALFORMED; -ENOMEM.
 */
int dmv_outlook_read(json_object *reply, DmvOutlook *ret, DmvError *reterr);

#endif
