/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inspection: what the bytes of modules are, as the apply worker finds it and the daemon gets it. Facts only;
 * what follows from them is decided by standing.h.
 */
#ifndef DMV_MODEL_INSPECTION_H
#define DMV_MODEL_INSPECTION_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "dmv/outcome.h"

/* The signature at the end of a module. */
typedef struct DmvSignature {
    int code;     /* 0: one of our certificates made it; else what dmv_modsig_verify() says */
    char *signer; /* subject key id of that certificate in lower-case hex; NULL unless @code is 0 */
    /* what it claims, which proves nothing: common name of the issuer, and serial number or subject key id */
    char *name, *key;
} DmvSignature;

/* One module, uncompressed: a file, or a copy in an image. */
typedef struct DmvInspected {
    char *path;     /* relative to the root; of a copy: relative to the kernel's folder in the image */
    char *sha256;   /* NULL: it could not be read */
    char *build_id; /* NULL: it has none */
    DmvSignature signature; /* of a file only */
    char *problem;          /* why it could not be read, or NULL */
} DmvInspected;

/* An initrd image of a kernel. */
typedef struct DmvInspectedImage {
    char *path; /* relative to the root */
    char *kernel;
    DmvInspected *copies;
    size_t n_copies;
    char *problem; /* why it could not be read, or NULL */
} DmvInspectedImage;

/* One reply of the worker. */
typedef struct DmvInspection {
    DmvInspected *files;
    size_t n_files;
    DmvInspectedImage *images;
    size_t n_images;
} DmvInspection;

void dmv_inspected_deinit(DmvInspected *x);
void dmv_inspection_deinit(DmvInspection *i);
#define DMV_CLEANUP_INSPECTION DMV_CLEANUP(dmv_inspection_deinit)

/* Moves what @from holds behind what @to holds. Return: 0, or -ENOMEM: then some of it was moved. */
int dmv_inspection_append(DmvInspection *to, DmvInspection *from);

/* As a reply of io.dmv.Apply.Inspect(); NULL for lack of memory. */
json_object *dmv_inspection_render(const DmvInspection *i);

/**
 * dmv_inspection_read() - what such a reply says
 * @reply: the parameters
 * @ret: must be empty before; free with dmv_inspection_deinit(), also on failure
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; DMV_MALFORMED; -ENOMEM.
 */
int dmv_inspection_read(json_object *reply, DmvInspection *ret, DmvError *reterr);

#endif
