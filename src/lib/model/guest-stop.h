/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stopping guests before a reboot that takes over new drivers: which, in which order, how, and what is
 * remembered about those that were saved. No I/O, no clock.
 */
#ifndef DMV_MODEL_GUEST_STOP_H
#define DMV_MODEL_GUEST_STOP_H

#include "base/jsonbuild.h"
#include "model/guest.h"

/* Of the memory of saved guests; a guest takes some hundred bytes. */
#define DMV_GUEST_STOPS_MAX_BYTES ((size_t)4 * 1024 * 1024)

typedef enum DmvGuestFate {
    DMV_GUEST_RUNS,     /* nothing came of it yet, or it goes on running */
    DMV_GUEST_STOPPED,  /* shut down */
    DMV_GUEST_SAVING,   /* it is being saved, or it was when the power failed */
    DMV_GUEST_SAVED,    /* its memory is on the disk */
    DMV_GUEST_RESTORED, /* it runs again */
    DMV_GUEST_LOST,     /* it cannot be brought back, because nothing was saved or it is gone */
    DMV_GUEST_FATE_MAX,
    DMV_GUEST_FATE_INVALID = -1,
} DmvGuestFate;
/* "runs", "stopped", "saving", "saved", "restored", "lost"; NULL for anything else. */
const char *dmv_guest_fate_to_string(DmvGuestFate f);
DmvGuestFate dmv_guest_fate_from_string(const char *s);

typedef struct DmvGuestStop {
    char *name;
    char *uuid; /* or NULL */
    bool save;  /* its memory is kept; otherwise it is shut down */
    DmvGuestFate fate;
    char *why; /* why not more came of it, or NULL */
} DmvGuestStop;

typedef struct DmvGuestStops {
    DmvGuestStop *items; /* in the order in which they are stopped */
    size_t n;
} DmvGuestStops;
void dmv_guest_stops_deinit(DmvGuestStops *s);
#define DMV_CLEANUP_GUEST_STOPS DMV_CLEANUP(dmv_guest_stops_deinit)

/**
 * dmv_guest_stops_plan() - what is stopped, and how
 * @g: all guests
 * @save: keep their memory
 * @ret: must be empty before; free with dmv_guest_stops_deinit(), also on failure
 *
 * All that run: a reboot ends each of them. A guest goes before the one whose backends it uses (a driver
 * domain), and otherwise by its name. One that has a function of the host is shut down also with @save, since
 * Xen does not save what a real device has in it.
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_guest_stops_plan(const DmvGuests *g, bool save, DmvGuestStops *ret);

/**
 * dmv_guest_stops_keep() - what an earlier shutdown has left
 * @s: what is to be stopped now
 * @earlier: what is remembered; moved behind @s, but for guests that run now: they were brought back by
 * somebody
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_guest_stops_keep(DmvGuestStops *s, DmvGuestStops *earlier);

/* How a guest is called towards libvirt: its UUID, or else its name. */
const char *dmv_guest_stop_key(const DmvGuestStop *s);

/**
 * dmv_guest_stops_to_json() - those that were saved, or were being saved
 * @ret: owned by the caller; NULL if there are none: then there is nothing to remember
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_guest_stops_to_json(const DmvGuestStops *s, json_object **ret);

/**
 * dmv_guest_stops_parse() - read it again
 * @data, @size: the bytes
 * @ret: must be empty before; touched on success only
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; DMV_MALFORMED, DMV_TOO_LARGE, DMV_TOO_DEEP, DMV_EMPTY; -ENOMEM.
 */
int dmv_guest_stops_parse(const char *data, size_t size, DmvGuestStops *ret, DmvError *reterr);

/* Adds member "guests" of StopGuests() and RestoreGuests() in io.dmv.Manager to an object. */
void dmv_render_guest_stops(DmvJsonBuilder *b, const DmvGuestStops *s);

#endif
