/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl on another host: the same words, quoted for the shell at the other end. ssh knows about keys, jump
 * hosts and prompts; nothing of that is repeated here.
 */
#include "remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "verb.h"

/* Characters that no shell treats specially, anywhere in a word. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,-="

static int push_quoted(char ***argv, const char *word)
{
    DMV_CLEANUP_FREE char *quoted = NULL;
    DmvText t = {0};
    int r;

    if (*word && word[strspn(word, PLAIN)] == '\0')
        return dmv_strv_push(argv, word);
    dmv_text_append(&t, "'");
    for (const char *p = word; *p; p++)
        dmv_text_append_bytes(&t, *p == '\'' ? "'\\''" : p, *p == '\'' ? 4 : 1);
    dmv_text_append(&t, "'");
    r = dmv_text_take(&t, &quoted, NULL);
    return r < 0 ? r : dmv_strv_push(argv, quoted);
}

static int push_all(char ***argv, char *const *words)
{
    int r = 0;

    for (; r == 0 && words && *words; words++)
        r = push_quoted(argv, *words);
    return r;
}

int dmv_remote_argv(const DmvArguments *a, bool terminal, char ***ret)
{
    const char *const head[] = {"ssh", terminal ? "-t" : "-T", "--", a->host, "dmvctl", a->verb->name};
    DMV_CLEANUP_STRV char **argv = NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < DMV_N_ELEMENTS(head); i++)
        r = dmv_strv_push(&argv, head[i]);
    if (r == 0)
        r = push_all(&argv, a->forwarded);
    if (r == 0 && getenv("NO_COLOR") && a->color == DMV_COLOR_AUTO)
        r = dmv_strv_push(&argv, "--color=never");
    if (r == 0)
        r = dmv_strv_push(&argv, "--");
    if (r == 0)
        r = push_all(&argv, a->objects);
    if (r == 0)
        *ret = DMV_TAKE_PTR(argv);
    return r;
}

int dmv_remote_run(const DmvArguments *a, bool terminal, DmvError *reterr)
{
    DMV_CLEANUP_STRV char **argv = NULL;
    int r = dmv_remote_argv(a, terminal, &argv);

    if (r < 0)
        return r;
    (void)execvp(argv[0], argv);
    r = errno;
    dmv_error_set(reterr, DMV_UNREACHABLE, NULL, "install an ssh client", "%s", strerror(r));
    dmv_error_set_what(reterr, "cannot start ssh for %s", a->host);
    return DMV_UNREACHABLE;
}
