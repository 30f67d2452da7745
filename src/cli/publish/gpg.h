/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The OpenPGP key that signs packages: made by gpg in a home of its own, used by rpmsign. */
#ifndef DMV_PUBLISH_GPG_H
#define DMV_PUBLISH_GPG_H

#include "cli/publish/publisher.h"

/* Makes the key (RSA-3072, signs only, never expires because librpm would not notice) and sets @p->gpg_key.
 * The folder for it must be there. Return: 0; DMV_TOOL_FAILED, DMV_FAILED with @reterr; a negative errno. */
int dmv_gpg_generate(DmvPublisher *p, DmvError *reterr);
/* Writes the armoured certificate into trust/rpm/. Return: 0; DMV_TOOL_FAILED; a negative errno. */
int dmv_gpg_export(const DmvPublisher *p, DmvError *reterr);
/* Signs an RPM in place. @rpm is an absolute path. Return: 0; DMV_TOOL_FAILED; a negative errno. */
int dmv_gpg_sign_rpm(const DmvPublisher *p, const char *rpm, DmvError *reterr);
/* Key id, 16 lower-case hex digits. */
void dmv_gpg_key_id(const DmvPublisher *p, char ret[17]);

#endif
