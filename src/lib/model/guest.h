/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests: the domains of a Xen host as plain data, what each of them stands on, and where each fact came
 * from.
 *
 * The edges in src/lib/guest and src/lib/host fill it. Every channel gives a list of its own; one that is
 * missing, hangs or talks nonsense is a channel with a reason, and the others still count.
 */
#ifndef DMV_MODEL_GUEST_H
#define DMV_MODEL_GUEST_H

#include "model/world.h"

/* Of one channel; what is beyond is a problem. Xen itself has 32,752 domains, and no host runs a tenth of
 * them. */
#define DMV_GUESTS_MAX 4096
/* Of one guest. */
#define DMV_GUEST_DEVICES_MAX 256

/* ---- channels ---- */

/* Ways to learn of guests, as the documentation of libvirt's Xen driver lists them. */
typedef enum DmvChannelKind {
    DMV_CHANNEL_LIBVIRT,    /* xen:///system, by libvirt's client library */
    DMV_CHANNEL_XENSTORE,   /* running domains and the backends of their devices */
    DMV_CHANNEL_HYPERVISOR, /* version and capabilities */
    DMV_CHANNEL_CONFIG,     /* files in /etc/xen, xl and xm syntax */
    DMV_CHANNEL_XEND,       /* the old daemon: its socket and its HTTP port */
    DMV_CHANNEL_MAX,
    DMV_CHANNEL_INVALID = -1,
} DmvChannelKind;
/* "libvirt", "xenstore", "hypervisor", "config", "xend"; NULL for anything else. */
const char *dmv_channel_kind_to_string(DmvChannelKind k);
DmvChannelKind dmv_channel_kind_from_string(const char *s);

typedef enum DmvChannelState {
    DMV_CHANNEL_ABSENT, /* this host does not have it, or nobody asked it */
    DMV_CHANNEL_OK,
    DMV_CHANNEL_FAILED,   /* it is there and gave nothing that can be used; @why says what happened */
    DMV_CHANNEL_OBSOLETE, /* it is there and not used any more */
    DMV_CHANNEL_UNSAFE,   /* it is there, and anybody can reach it */
    DMV_CHANNEL_STATE_MAX,
    DMV_CHANNEL_STATE_INVALID = -1,
} DmvChannelState;
/* "ok", "absent", "failed", "obsolete", "unsafe"; NULL for anything else. */
const char *dmv_channel_state_to_string(DmvChannelState s);
DmvChannelState dmv_channel_state_from_string(const char *s);

typedef struct DmvChannel {
    DmvChannelKind kind;
    DmvChannelState state;
    char *gave; /* in words, what it gave: "4.17.5, xen-3.0-x86_64 hvm-3.0-x86_32"; may be NULL */
    char *why;  /* why it gave nothing, or what is wrong with it; may be NULL */
} DmvChannel;

/* ---- guests ---- */

typedef enum DmvGuestState {
    DMV_GUEST_RUNNING, /* paused and blocked ones, too: a domain is there */
    DMV_GUEST_DEFINED, /* not running */
    DMV_GUEST_STATE_MAX,
    DMV_GUEST_STATE_INVALID = -1,
} DmvGuestState;
/* "running", "defined"; NULL for anything else. */
const char *dmv_guest_state_to_string(DmvGuestState s);
DmvGuestState dmv_guest_state_from_string(const char *s);

/* How a guest's device is backed in the control domain. */
typedef enum DmvBackingKind {
    DMV_BACKING_INTERFACE, /* a bridge or another network interface, by its name */
    DMV_BACKING_BLOCK,     /* a block device, by its node: "/dev/vg/guest" */
    DMV_BACKING_FILE,      /* a file, by its absolute path */
    DMV_BACKING_PCI,       /* a PCI function that was given to the guest, by its slot */
    DMV_BACKING_OTHER,     /* a network that nobody could resolve, a network disk, another domain's backend */
    DMV_BACKING_MAX,
    DMV_BACKING_INVALID = -1,
} DmvBackingKind;
/* "interface", "block", "file", "pci", "other"; NULL for anything else. */
const char *dmv_backing_kind_to_string(DmvBackingKind k);
DmvBackingKind dmv_backing_kind_from_string(const char *s);

/**
 * dmv_backing_is_valid() - may a backing of this kind be called so?
 *
 * An interface has a name that the kernel takes, a block device and a file an absolute path without "..", a
 * PCI function a slot. What is other than these may be called anything. So what is looked up by it, in sysfs
 * or among mounts, is never elsewhere.
 */
bool dmv_backing_is_valid(DmvBackingKind kind, const char *what);

/* A device of a guest. */
typedef struct DmvGuestDevice {
    DmvBackingKind kind;
    char *what;   /* "xenbr0", "/dev/vg/guest", "/var/lib/xen/images/a.img", "0000:03:00.0" */
    char *target; /* what the guest calls it ("xvda"), or a MAC address; may be NULL */
} DmvGuestDevice;

typedef struct DmvGuest {
    char *name; /* printable UTF-8; "domain 7" where it has none */
    char *uuid; /* lower case with dashes, or NULL */
    int64_t id; /* of the running domain, -1: it does not run */
    DmvGuestState state;
    char *type; /* "pv", "hvm", "pvh", or NULL */
    char *boot; /* in words: "bootloader /usr/bin/pygrub", "kernel /boot/vmlinuz", "firmware"; may be NULL */
    DmvGuestDevice *devices;
    size_t n_devices;
    unsigned channels; /* 1u << DmvChannelKind of each that told of it */
} DmvGuest;
void dmv_guest_deinit(DmvGuest *g);
#define DMV_CLEANUP_GUEST DMV_CLEANUP(dmv_guest_deinit)

/* Bytes of a UUID as DmvGuest has it, with the NUL. */
#define DMV_UUID_SIZE 37

/**
 * dmv_uuid_normalize() - a UUID in the form that all channels are compared in
 * @s: 32 hexadecimal digits of either case; dashes between them count for nothing; may be NULL
 * @ret: in lower case, with dashes
 *
 * Return: true; false if it is no UUID, or the one that is all zeros, which stands for none.
 */
bool dmv_uuid_normalize(const char *s, char ret[DMV_UUID_SIZE]);

/**
 * dmv_guest_add_device() - one more device, unless the guest has it already
 * @g: the guest
 * @kind: how it is backed; one that may not be called so (dmv_backing_is_valid()) counts as other
 * @what: by what, made printable; must not be NULL
 * @target: what the guest calls it, or a MAC address, made printable; may be NULL
 *
 * Return: 0; DMV_TOO_LARGE above DMV_GUEST_DEVICES_MAX; -ENOMEM.
 */
int dmv_guest_add_device(DmvGuest *g, DmvBackingKind kind, const char *what, const char *target);

typedef struct DmvGuests {
    DmvChannel channels[DMV_CHANNEL_MAX]; /* by kind */
    DmvGuest *items;                      /* sorted by name, then UUID; without the control domain */
    size_t n;
    DmvProblems problems;
} DmvGuests;
void dmv_guests_deinit(DmvGuests *g);
#define DMV_CLEANUP_GUESTS DMV_CLEANUP(dmv_guests_deinit)

/**
 * dmv_guests_merge() - takes over what one channel told
 * @g: all guests so far
 * @from: of one channel; empty afterwards
 *
 * Guests are the same if their UUIDs are, or, where one has none, their names. Of one that several channels
 * tell of, it runs if one of them says so; a device counts once; what one does not know the others say. Where
 * they contradict each other the first of them by DmvChannelKind is right, in whatever order they come.
 *
 * Return: 0, or -ENOMEM (@g is good, and may have a part of it).
 */
int dmv_guests_merge(DmvGuests *g, DmvGuests *from);

/* What became of a channel that gave nothing; @why may be NULL. Return: 0, or -ENOMEM: it has the state, and
 * no reason. */
int dmv_guests_set_channel(DmvGuests *g, DmvChannelKind kind, DmvChannelState state, const char *why);

/* Is anything known of who runs? XenStore has all of them, libvirt those that were started by it. If not,
 * that there is no guest which runs means nothing. */
bool dmv_guests_know_running(const DmvGuests *g);

/* Adds what the channels could not tell, one problem a channel, and then what each of them could not read. */
void dmv_guests_collect_problems(const DmvGuests *g, DmvProblems *to);

/* The one with that name or UUID, or NULL. */
const DmvGuest *dmv_guests_find(const DmvGuests *g, const char *name);

/* ---- what they stand on ---- */

/* What lies under a backing, as a descent through sysfs finds it; see DmvLifeline. */
typedef struct DmvFooting {
    DmvBackingKind kind;
    char *what;     /* as DmvGuestDevice.what */
    char *chain;    /* in words: "xenbr0 on eth0 on 0000:03:00.0" */
    char **slots;   /* sorted; NULL: none, or not known */
    char **modules; /* sorted */
    char *unknown;  /* where the descent did not go on, and why; or NULL */
} DmvFooting;
void dmv_footing_deinit(DmvFooting *f);

typedef struct DmvFootings {
    DmvFooting *items; /* sorted by kind, then what */
    size_t n;
} DmvFootings;
void dmv_footings_deinit(DmvFootings *f);
#define DMV_CLEANUP_FOOTINGS DMV_CLEANUP(dmv_footings_deinit)

/* The footing of a guest's device, or NULL. */
const DmvFooting *dmv_footings_find(const DmvFootings *f, const DmvGuestDevice *d);

#endif
