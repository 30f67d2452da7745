/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The subcommands of dmv-publish: one file each, and the table that names them. */
#ifndef DMV_PUBLISH_COMMAND_H
#define DMV_PUBLISH_COMMAND_H

#include "cli/publish/publisher.h"

typedef struct DmvPublishCommand {
    const char *name;
    const char *summary;
    /* @argv[0] is the subcommand's name. Return: 0, a DmvOutcome with @reterr, or a negative errno. */
    int (*run)(int argc, char **argv, DmvError *reterr);
} DmvPublishCommand;

int dmv_command_init(int argc, char **argv, DmvError *reterr);
int dmv_command_root(int argc, char **argv, DmvError *reterr);
int dmv_command_release(int argc, char **argv, DmvError *reterr);
int dmv_command_note(int argc, char **argv, DmvError *reterr);
int dmv_command_recommend(int argc, char **argv, DmvError *reterr);
int dmv_command_revoke(int argc, char **argv, DmvError *reterr);
int dmv_command_catalog(int argc, char **argv, DmvError *reterr);
int dmv_command_sign(int argc, char **argv, DmvError *reterr);
int dmv_command_repo(int argc, char **argv, DmvError *reterr);
int dmv_command_publish(int argc, char **argv, DmvError *reterr);
int dmv_command_disk(int argc, char **argv, DmvError *reterr);
int dmv_command_show(int argc, char **argv, DmvError *reterr);

/* The steps of `publish`, which is all three in this order. */
int dmv_publish_catalog(const DmvPublisher *p, int64_t days, bool rehash, DmvError *reterr);
int dmv_publish_sign(const DmvPublisher *p, char *const *key_folders, DmvError *reterr);
int dmv_publish_repo(const DmvPublisher *p, DmvError *reterr);

/**
 * dmv_publish_main() - the whole program
 *
 * Return: exit status.
 */
int dmv_publish_main(int argc, char **argv);

#endif
