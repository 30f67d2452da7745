/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Forecast: which file each present device will be driven by at the next boot, now and after the plan, per
 * kernel and per image. Pure: judges what the apply worker has found (see outlook.h).
 */
#ifndef DMV_MODEL_FORECAST_H
#define DMV_MODEL_FORECAST_H

#include "model/outlook.h"
#include "model/plan.h"
#include "model/resolve.h"

/* A module that would bind to a device. */
typedef struct DmvBound {
    char *module;
    char *path;    /* below the kernel's folder; NULL: built in, or an install rule without a file */
    char *release; /* DRIVER/VARIANT@VERSION, "inbox", "foreign"; NULL without a path */
    char *install; /* the install rule that runs in its place, or NULL */
} DmvBound;

typedef struct DmvDeviceForecast {
    char *kernel;
    const DmvDevice *device;
    DmvBound *now, *next; /* in the order in which they would be loaded; no dependencies */
    size_t n_now, n_next;
    bool changed; /* the modules, their files, releases or dependencies differ */
    char **notes; /* blacklists, install rules, softdeps and dependencies that matter */
} DmvDeviceForecast;

/* A copy in an image of a module that a present device needs. */
typedef struct DmvCopyForecast {
    char *module;
    char **slots;       /* devices that need it, each once */
    char *build_id;     /* NULL: unknown */
    char *release;      /* what the copy is: DRIVER/VARIANT@VERSION, "inbox"; NULL: unknown */
    char *next_release; /* what the kernel's tree gives next, or NULL: nothing */
    bool stale;         /* the copy is not the file that the tree gives next */
} DmvCopyForecast;

typedef struct DmvImageForecast {
    char *kernel;
    char *path; /* relative to the root */
    DmvCopyForecast *copies;
    size_t n_copies;
    bool stale;
    char *problem; /* or NULL */
    char *next;    /* what to do about it, or NULL */
} DmvImageForecast;

typedef struct DmvForecast {
    DmvDeviceForecast *devices; /* by kernel, then slot; virtual functions left out */
    size_t n_devices;
    DmvImageForecast *images;
    size_t n_images;
    DmvProblems problems;
} DmvForecast;

/**
 * dmv_forecast_keys() - what the worker has to look up
 * @w: the World
 * @ret: modaliases of the present devices and of what sits right below them, sorted, each once; owned
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_forecast_keys(const DmvWorld *w, char ***ret);

/**
 * dmv_forecast() - judge the outlooks
 * @v: the View; must outlive @ret
 * @p: the plan that they were made for
 * @outlooks: one a kernel
 * @n: how many
 * @ret: must be empty before; free with dmv_forecast_deinit()
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_forecast(const DmvView *v, const DmvPlan *p, const DmvOutlook *outlooks, size_t n, DmvForecast *ret);
void dmv_forecast_deinit(DmvForecast *f);
#define DMV_CLEANUP_FORECAST DMV_CLEANUP(dmv_forecast_deinit)

#endif
