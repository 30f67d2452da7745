/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmvctl verify: is the host what it was made to be?
 */
#include <stdio.h>
#include <string.h>

#include "cli/reply.h"
#include "render.h"
#include "verb.h"

/* "modules  4019 the kernel's own, 3 verified" */
static int render_counts(const DmvScreen *s, json_object *reply)
{
    static const struct {
        const char *standing, *words;
    } table[] = {
        {"inbox", "the kernel's own"}, {"verified", "verified"}, {"adopted", "adopted"},
        {"unsigned", "unsigned"},      {"foreign", "foreign"},   {"altered", "altered"},
        {"revoked", "revoked"},        {"unknown", "unknown"},
    };
    DMV_CLEANUP_TEXT DmvText t = {0};

    for (size_t w = 0; w < DMV_N_ELEMENTS(table); w++)
        for (size_t i = 0; i < dmv_reply_count(reply, "modules"); i++) {
            json_object *m = dmv_reply_at(reply, "modules", i);

            if (strcmp(dmv_reply_string_or(m, "standing", ""), table[w].standing) == 0)
                dmv_text_appendf(&t, "%s%lld %s", t.size > 0 ? ", " : "",
                                 (long long)dmv_reply_int(m, "count", 0), table[w].words);
        }
    if (t.error == 0 && t.size > 0)
        (void)fprintf(s->out, "modules  %s\n", t.data);
    return t.error;
}

static void render_policy(const DmvScreen *s, json_object *reply)
{
    json_object *p = dmv_reply_object(reply, "kernelPolicy");
    const char *lockdown = p ? dmv_reply_string(p, "lockdown") : NULL;

    if (!p)
        return;
    (void)fprintf(s->out, "kernel   %s",
                  !dmv_reply_bool(p, "checks")    ? "does not look at signatures"
                  : dmv_reply_bool(p, "enforces") ? "loads only what is signed by a key that it trusts"
                                                  : "looks at signatures, and does not insist on them");
    if (lockdown)
        (void)fprintf(s->out, "; lockdown: %s", lockdown);
    if (dmv_reply_bool(p, "keyringsKnown"))
        (void)fprintf(s->out, "; %lld keys trusted, %lld in the blacklist",
                      (long long)dmv_reply_int(p, "keys", 0), (long long)dmv_reply_int(p, "blacklisted", 0));
    (void)fputc('\n', s->out);
}

static int render(const DmvScreen *s, const DmvArguments *a, json_object *reply)
{
    int r = render_counts(s, reply);

    (void)a;
    if (r < 0)
        return r;
    render_policy(s, reply);
    dmv_render_findings(s, reply, "the disk, the indexes and the kernel are as planned");
    return 0;
}

static int status(const DmvArguments *a, json_object *reply)
{
    (void)a;
    return dmv_render_findings_status(reply);
}

const DmvVerb dmv_verb_verify = {
    .name = "verify",
    .synopsis = "",
    .summary = "compare disk, indexes and kernel with what was planned",
    .help = "Compares what is on the disk, in the indexes and in the kernel with what was\n"
            "planned, and looks at every module that a tree, an index or an initrd image can\n"
            "give, and at every one that is loaded: by hash, by signature, and by what the\n"
            "kernel would say. The exit status is 10 if there are findings. Changes nothing.\n",
    .method = "Verify",
    .flags = DMV_VERB_JOB,
    .render = render,
    .status = status,
};
