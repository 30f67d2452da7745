/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmv-publish note: the source of the note that tells a host which release is loaded.
 *
 * The kernel shows a note in /sys/module only if its section is of type SHT_NOTE and allocated, which a
 * section that was added to a finished module is not: so it is compiled in.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/publish/args.h"
#include "cli/publish/command.h"

#define VARIANT 1
#define VERSION 2

static void print_record(int type, const char *value)
{
    printf("\t.long 10, %zu, %d\n\t.asciz \"XenServer\"\n\t.balign 4\n\t.asciz \"%s\"\n\t.balign 4\n",
           strlen(value) + 1, type, value);
}

int dmv_command_note(int argc, char **argv, DmvError *reterr)
{
    const char *variant = NULL, *version = NULL;
    bool done = false;
    const DmvArg args[] = {
        {"variant", DMV_ARG_STRING, &variant, "NAME", "the variant (required)"},
        {"version", DMV_ARG_STRING, &version, "VERSION", "the version (required)"},
    };
    const DmvArgsSpec spec = {"note", "", 0, args, DMV_N_ELEMENTS(args)};
    int r = dmv_args_parse(&spec, argc, argv, NULL, &done, reterr);

    if (r != 0 || done)
        return r;
    if (!dmv_name_is_valid(variant) || !dmv_name_is_valid(version))
        return dmv_error_set(reterr, DMV_INVALID_NAME, "cannot write the note",
                             "names are 1 to 64 of A-Z a-z 0-9 _ . + ~ - and start with a letter or a digit",
                             "--variant and --version have to be names");
    printf("/* written by dmv-publish note: add its object to the objs list of the module */\n"
           "\t.section .note.XenServer, \"a\", %%note\n\t.balign 4\n");
    print_record(VARIANT, variant);
    print_record(VERSION, version);
    printf("\t.section .note.GNU-stack, \"\", %%progbits\n");
    return 0;
}
