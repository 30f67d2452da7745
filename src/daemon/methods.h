/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the methods that change something share. */
#ifndef DMV_DAEMON_METHODS_H
#define DMV_DAEMON_METHODS_H

#include "daemon/manager.h"

/* Who asked; -1: unknown. */
int64_t dmv_method_uid(VlCall *call);
/* Answers with the error @code, whose words are in @e; says "cannot VERB OBJECT" unless @e says what. Return:
 * as the answer. */
int dmv_method_fail(VlCall *call, DmvError *e, int code, const char *verb, const char *object);
/* May something be changed now? Changes that no job makes still wait for the job that runs. Return: 0,
 * DMV_STATE_BROKEN, DMV_BUSY. */
int dmv_method_check_free(DmvManager *m, DmvError *e);
/* Return: 0, or DMV_PINNED with the pin in words. */
int dmv_method_check_pin(const DmvViewDriver *d, DmvError *e);
/* May this release be chosen? @any_hardware: also one that no device here needs. Return: 0, or the outcome of
 * its verdict. */
int dmv_method_check_release(const DmvViewRelease *r, bool any_hardware, DmvError *e);
/* May this release be installed from its catalog? Return: as above; DMV_NO_SUCH_RELEASE, DMV_STALE. */
int dmv_method_check_install(const DmvViewRelease *r, bool any_hardware, DmvError *e);

/* Would the running kernel load it? One that certainly would not is no choice: the host would be left without
 * the driver. Return: 0, or DMV_MODULE_KERNEL_REFUSES. */
int dmv_method_check_kernel(const DmvViewRelease *r, DmvError *e);
/* Return: 0, or DMV_NOT_INSTALLED. */
int dmv_method_check_installed(const DmvViewRelease *r, DmvError *e);

/* Do guests have to be asked for first, to refuse something or to be in the answer? Only what takes effect at
 * once has no plan in its answer. */
bool dmv_method_concerns_guests(const DmvManager *m, const DmvConsent *consent, bool dry_run);

/**
 * dmv_method_try() - answer with what would come of an intent, without storing anything
 * @intent: borrowed; nobody else looks at it meanwhile
 * @render: the answer, asked for while the plan is that of @intent
 *
 * Return: 0 when it has answered; as dmv_manager_ask_intent().
 */
int dmv_method_try(DmvManager *m, VlCall *call, const DmvIntent *intent, const DmvConsent *consent,
                   json_object *(*render)(DmvManager *m, const void *userdata), const void *userdata,
                   DmvError *e);

/* The lifelines that the plan touches, for an answer. A new value, or NULL for lack of memory. */
json_object *dmv_method_lifelines(const DmvManager *m);

/* The intent of generation @number with the pins of @today, which hold whatever it said of pins then. @ret:
 * empty. Return: 0, DMV_NO_SUCH_GENERATION, -ENOMEM. */
int dmv_method_earlier_intent(const DmvManager *m, int64_t number, const DmvIntent *today, DmvIntent *ret,
                              DmvError *e);

int dmv_methods_bind_selection(DmvManager *m);
int dmv_methods_bind_undo(DmvManager *m);
int dmv_methods_bind_release(DmvManager *m);
int dmv_methods_bind_generation(DmvManager *m);
int dmv_methods_bind_guests(DmvManager *m);
/* methods-guest-stop.c */
int dmv_methods_bind_guest_stop(DmvManager *m);

/* Binds a table of methods that need privileges. */
typedef struct DmvMethod {
    const char *name;
    VlHandler handler;
} DmvMethod;
int dmv_methods_bind(DmvManager *m, const DmvMethod *methods, size_t n);

#endif
