/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Boot and Health: what the units tell of a boot, and what they have to do. */
#include <errno.h>
#include <string.h>

#include "daemon/boot.h"
#include "daemon/job.h"
#include "daemon/methods.h"
#include "dmv/interface.h"

static json_object *after_boot(DmvManager *m, bool changed, char *const *kernels, void *userdata)
{
    DmvJsonBuilder b = {0};

    (void)userdata;
    dmv_jb_object(&b);
    dmv_jb_value(&b, "boot", dmv_boot_render(&m->boot));
    dmv_jb_bool(&b, "restored", changed);
    dmv_jb_strv(&b, "kernels", kernels);
    return dmv_jb_end(&b);
}

static int on_boot(VlCall *call, json_object *params, void *userdata)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvManager *m = userdata;
    char id[DMV_BOOT_ID_SIZE];
    DmvBootActions actions;
    DmvBootEvent event;
    int r = dmv_method_check_free(m, &e);

    (void)params;
    if (r == 0)
        r = dmv_boot_event(m, DMV_BOOT_ON_BOOT, id, &event, &e);
    if (r == 0)
        r = dmv_boot_tell(m, &event, &actions, &e);
    if (r == 0 && !actions.set)
        return dmv_reply(call, after_boot(m, false, NULL, NULL));
    if (r == 0)
        r = dmv_job_boot(m, call, &(DmvBootTask){.action = "boot", .actions = actions, .reply = after_boot},
                         &e);
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "take note of", "the boot");
}

/* @problems: a line each. */
static json_object *health_reply(DmvManager *m, const char *problems, int64_t wait)
{
    DmvJsonBuilder b = {0}, list = {0};

    dmv_jb_array(&list);
    for (const char *p = problems; *p; p += strcspn(p, "\n"), p += *p == '\n') {
        DMV_CLEANUP_FREE char *line = strndup(p, strcspn(p, "\n"));

        dmv_jb_add_string(&list, line ? line : "out of memory");
    }
    dmv_jb_object(&b);
    dmv_jb_bool(&b, "healthy", problems[0] == '\0');
    dmv_jb_value(&b, "problems", dmv_jb_end(&list));
    dmv_jb_value(&b, "boot", dmv_boot_render(&m->boot));
    dmv_jb_bool(&b, "reboot", dmv_boot_wants_reboot(m));
    if (wait > 0)
        dmv_jb_int(&b, "wait", wait);
    return dmv_jb_end(&b);
}

static json_object *after_health(DmvManager *m, bool changed, char *const *kernels, void *userdata)
{
    (void)changed;
    (void)kernels;
    return health_reply(m, userdata, 0);
}

/* What the host itself says, and what others found. */
static int collect_problems(DmvManager *m, char *const *told, char ***ret, bool *ret_lost)
{
    DMV_CLEANUP_STRV char **found = NULL;
    int r = dmv_manager_look(m);

    if (r == 0)
        r = dmv_health_look(m, &found, ret_lost);
    for (; r == 0 && told && *told; told++)
        r = dmv_strv_push_unique(&found, *told);
    if (r == 0)
        *ret = DMV_TAKE_PTR(found);
    return r;
}

static int join(char *const *words, const char *separator, char **ret)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    dmv_text_append(&t, "");
    for (char *const *w = words; w && *w; w++)
        dmv_text_appendf(&t, "%s%s", w == words ? "" : separator, *w);
    return dmv_text_take(&t, ret, NULL);
}

static int tell_health(DmvManager *m, char *const *problems, bool lost, DmvBootActions *ret, DmvError *e)
{
    DMV_CLEANUP_FREE char *reason = NULL;
    char id[DMV_BOOT_ID_SIZE];
    DmvBootEvent event;
    int r = join(problems, "; ", &reason);

    if (r == 0)
        r = dmv_boot_event(m, problems ? DMV_BOOT_ON_UNHEALTHY : DMV_BOOT_ON_HEALTHY, id, &event, e);
    if (r != 0)
        return r;
    event.reason = reason;
    event.lifeline_lost = lost;
    return dmv_boot_tell(m, &event, ret, e);
}

static int on_health(VlCall *call, json_object *params, void *userdata)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_STRV char **told = NULL, **problems = NULL;
    DMV_CLEANUP_FREE char *lines = NULL;
    DmvManager *m = userdata;
    DmvBootActions actions;
    bool lost = false;
    const DmvJsonField fields[] = {{"problems", DMV_JSON_STRV, 0, &told}};
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    r = dmv_method_check_free(m, &e);
    if (r == 0)
        r = collect_problems(m, told, &problems, &lost);
    if (r == 0)
        r = join(problems, "\n", &lines);
    if (r == 0)
        r = tell_health(m, problems, lost, &actions, &e);
    if (r == 0 && !actions.set)
        return dmv_reply(call, health_reply(m, lines, actions.wait));
    if (r == 0)
        r = dmv_job_boot(m, call,
                         &(DmvBootTask){.action = "health",
                                        .actions = actions,
                                        .reply = after_health,
                                        .userdata = DMV_TAKE_PTR(lines)},
                         &e);
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "take note of", "the host's health");
}

int dmv_methods_bind_boot(DmvManager *m)
{
    static const DmvMethod methods[] = {
        {DMV_INTERFACE ".Boot", on_boot},
        {DMV_INTERFACE ".Health", on_health},
    };

    return dmv_methods_bind(m, methods, DMV_N_ELEMENTS(methods));
}
