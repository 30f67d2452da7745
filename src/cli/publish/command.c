/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dmv-publish: the table of subcommands, and how a refusal is shown. */
#include "cli/publish/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"

static const DmvPublishCommand commands[] = {
    {"init", "make a stream: keys, certificates, the first root", dmv_command_init},
    {"note", "print the .S file with the note that a module has to carry", dmv_command_note},
    {"release", "sign modules and package them as a release for one kernel", dmv_command_release},
    {"recommend", "recommend a release of a driver", dmv_command_recommend},
    {"revoke", "withdraw a release, or take that back", dmv_command_revoke},
    {"catalog", "write the catalog of all releases", dmv_command_catalog},
    {"sign", "sign the catalog and make the bundle", dmv_command_sign},
    {"repo", "bring the repository up to date", dmv_command_repo},
    {"publish", "catalog, sign and repo in one", dmv_command_publish},
    {"disk", "put the repository into one file, for hosts without a network", dmv_command_disk},
    {"root", "rotate keys: the next root", dmv_command_root},
    {"show", "show keys and releases", dmv_command_show},
};

static void print_help(void)
{
    printf("Usage: dmv-publish COMMAND DIR [OPTION...]\n\n"
           "Runs a stream of driver releases in the folder DIR.\n\n");
    for (size_t i = 0; i < DMV_N_ELEMENTS(commands); i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    printf("\ndmv-publish COMMAND --help shows the options of one. See dmv-publish(1).\n");
}

static int report(const DmvError *e, int code)
{
    fprintf(stderr, "dmv-publish: %s", e->what ? e->what : "failed");
    if (e->why && *e->why)
        fprintf(stderr, ": %s", e->why);
    else if (code < 0)
        fprintf(stderr, ": %s", strerror(-code));
    fprintf(stderr, " [%s]\n", dmv_outcome_reason(code));
    if (e->next && *e->next)
        fprintf(stderr, "dmv-publish: %s\n", e->next);
    return dmv_outcome_exit_status(code);
}

int dmv_publish_main(int argc, char **argv)
{
    DMV_CLEANUP_ERROR DmvError error = {0};
    const char *name = argc > 1 ? argv[1] : NULL;
    int r;

    dmv_crypto_init();
    if (!name) {
        dmv_error_set(&error, DMV_INVALID_REQUEST, "nothing to do", "see dmv-publish --help",
                      "no command was given");
        return report(&error, DMV_INVALID_REQUEST);
    }
    if (dmv_streq(name, "--help") || dmv_streq(name, "-h") || dmv_streq(name, "help")) {
        print_help();
        return DMV_EXIT_OK;
    }
    for (size_t i = 0; i < DMV_N_ELEMENTS(commands); i++) {
        if (!dmv_streq(commands[i].name, name))
            continue;
        r = commands[i].run(argc - 1, argv + 1, &error);
        return r == 0 ? DMV_EXIT_OK : report(&error, r);
    }
    dmv_error_set(&error, DMV_INVALID_REQUEST, "nothing to do", "see dmv-publish --help",
                  "there is no command \"%s\"", name);
    return report(&error, DMV_INVALID_REQUEST);
}
