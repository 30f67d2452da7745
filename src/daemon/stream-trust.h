/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a host trusts of a stream, on the disk: the root and the floor that were installed, and what was
 * learned from catalogs since then, which is kept twice.
 */
#ifndef DMV_DAEMON_STREAM_TRUST_H
#define DMV_DAEMON_STREAM_TRUST_H

#include "daemon/manager.h"

#define DMV_TRUST_STATE_DIR DMV_STATE_DIR "/trust"
#define DMV_CATALOGS_DIR DMV_STATE_DIR "/catalogs"
#define DMV_CATALOG_FILE_MAX (64u << 20)

/* FOLDER/STREAM SUFFIX, owned; NULL for lack of memory. */
char *dmv_stream_file(const char *folder, const char *stream, const char *suffix);

/**
 * dmv_stream_load_trust() - what is trusted of a stream
 * @s: trust and has_trust are filled; damage and set_aside say what was wrong with what was stored
 *
 * A state that is damaged, or gone although a catalog was accepted once, is told in @s->damage, and what else
 * there is takes its place: its copy; or the installed root, its floor, and the version of the kept catalog.
 *
 * Return: 0; an outcome for an anchor that is missing or cannot be used, where nothing else is trusted;
 * -ENOMEM.
 */
int dmv_stream_load_trust(DmvManager *m, DmvStream *s, DmvError *reterr);

/* Stores @state as what is trusted of @s, and its copy. A damaged one is set aside first, not written over.
 * Return: 0 or a negative errno. */
int dmv_stream_store_trust(DmvManager *m, DmvStream *s, const DmvTrustState *state);

#endif
