/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names that the daemon, its workers and the command line tools share. */
#ifndef DMV_INTERFACE_H
#define DMV_INTERFACE_H

#define DMV_PRODUCT "dmv"
#define DMV_INTERFACE "io.dmv.Manager"
#define DMV_FETCH_INTERFACE "io.dmv.Fetch"
#define DMV_APPLY_INTERFACE "io.dmv.Apply"
#define DMV_GUEST_INTERFACE "io.dmv.Guest"
/* Relative to the root. */
#define DMV_SOCKET "run/dmv/" DMV_INTERFACE

/* The interface texts, embedded at build time. */
extern const char dmv_interface_manager[];
extern const char dmv_interface_fetch[];
extern const char dmv_interface_apply[];
extern const char dmv_interface_guest[];

#endif
