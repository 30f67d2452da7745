/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods that only read: renderings of what the manager knows. None of them looks at the whole host anew, so
 * that they answer at once, also while a job runs; Plan, and Why for a device, wait for the forecast of the
 * plan the first time, and Verify has every module read.
 */
#include <errno.h>
#include <string.h>

#include "config.h"
#include "daemon/boot.h"
#include "daemon/forecast.h"
#include "daemon/guests.h"
#include "daemon/inspector.h"
#include "daemon/job.h"
#include "daemon/methods.h"
#include "daemon/owners.h"
#include "daemon/vouchers.h"
#include "dmv/interface.h"
#include "model/lifeline.h"
#include "model/render-forecast.h"
#include "model/render.h"

int dmv_reply(VlCall *call, json_object *reply)
{
    return reply ? vl_call_reply(call, reply) : -ENOMEM;
}

int dmv_reply_error(VlCall *call, DmvError *e)
{
    DMV_CLEANUP_FREE char *id = NULL;
    DmvJsonBuilder b = {0};
    json_object *params;

    dmv_jb_object(&b);
    dmv_jb_string(&b, "reason", dmv_outcome_reason(e->code));
    dmv_jb_string(&b, "what", e->what);
    dmv_jb_string(&b, "why", e->why ? e->why : e->code < 0 ? strerror(-e->code) : NULL);
    dmv_jb_string(&b, "next", dmv_error_next(e));
    params = dmv_jb_end(&b);
    if (!params || asprintf(&id, DMV_INTERFACE ".%s", dmv_outcome_varlink_error(e->code)) < 0) {
        id = NULL;
        if (params)
            json_object_put(params);
        return -ENOMEM;
    }
    return vl_call_error(call, id, params);
}

/* Links among the modules that lead nowhere, or to a file of somebody else. */
static void add_links(const DmvManager *m, DmvProblems *all)
{
    for (size_t k = 0; k < m->world.n_kernels; k++)
        for (size_t i = 0; i < m->world.kernels[k].n_files; i++) {
            const DmvModuleFile *f = &m->world.kernels[k].files[i];
            bool foreign =
                f->target && !f->ours && (f->tree == DMV_TREE_UPDATES || f->tree == DMV_TREE_OVERRIDE);
            DMV_CLEANUP_FREE char *object = NULL;

            if (!f->dangling && !foreign)
                continue;
            object = dmv_roots_kernel_path(&m->roots, m->world.kernels[k].release, f->path);
            if (f->dangling)
                (void)dmv_problem_add(all, object, DMV_BROKEN_RELEASE, "this link leads nowhere: %s",
                                      f->target ? f->target : "it cannot be read");
            else
                (void)dmv_problem_add(all, object, DMV_ADOPTED, "this link leads to no release: %s",
                                      f->target);
        }
}

/* Everything there is to complain about. @streams: also what is wrong with them; Status says it in its own
 * place. */
static json_object *all_problems(const DmvManager *m, bool streams)
{
    DmvProblems all = {0};
    json_object *ret;

    for (size_t i = 0; i < m->world.problems.n; i++)
        (void)dmv_problem_add(&all, m->world.problems.items[i].object, m->world.problems.items[i].code, "%s",
                              m->world.problems.items[i].why);
    add_links(m, &all);
    dmv_owners_problem(m, &all);
    for (size_t i = 0; i < m->config_problems.n; i++)
        (void)dmv_problem_add(&all, m->config_problems.items[i].object, m->config_problems.items[i].code,
                              "%s", m->config_problems.items[i].why);
    for (size_t i = 0; streams && i < m->n_streams; i++)
        if (m->streams[i].problem)
            (void)dmv_problem_add(&all, m->streams[i].conf.name, m->streams[i].problem_code, "%s",
                                  m->streams[i].problem);
    for (size_t i = 0; i < m->n_streams; i++)
        if (m->streams[i].damage)
            (void)dmv_problem_add(&all, m->streams[i].conf.name, DMV_STATE_BROKEN, "%s",
                                  m->streams[i].damage);
    if (m->state_problem)
        (void)dmv_problem_add(&all, DMV_STATE_DIR, DMV_STATE_BROKEN, "%s", m->state_problem);
    if (m->plan_error.code != 0)
        (void)dmv_problem_add(&all, "plan", m->plan_error.code, "%s",
                              m->plan_error.why ? m->plan_error.why : "");
    ret = dmv_render_problems(&all);
    dmv_problems_deinit(&all);
    return ret;
}

static int on_describe(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DmvJsonBuilder b = {0};
    bool channels = true;
    const DmvJsonField fields[] = {{"channels", DMV_JSON_BOOL, 0, &channels}};

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    if (channels && dmv_guests_wait(m, call, params, on_describe))
        return 0;
    dmv_jb_object(&b);
    dmv_jb_string(&b, "product", DMV_PRODUCT);
    dmv_jb_string(&b, "version", DMV_VERSION);
    dmv_jb_string(&b, "root", m->roots.root[0] ? m->roots.root : "/");
    dmv_jb_string(&b, "sysfs", m->roots.sysfs);
    dmv_jb_string(&b, "machine", m->world.machine);
    dmv_jb_string(&b, "dmiVendor", m->world.dmi_vendor);
    dmv_jb_string(&b, "dmiProduct", m->world.dmi_product);
    dmv_jb_value(&b, "kernels", dmv_render_kernels(&m->world));
    dmv_jb_value(&b, "streams", dmv_streams_render(m));
    dmv_jb_bool(&b, "depmodExcludes", m->world.depmod_excludes);
    if (channels)
        dmv_guests_add_channels(m, &b);
    return dmv_reply(call, dmv_jb_end(&b));
}

static int on_list_devices(VlCall *call, json_object *params, void *userdata)
{
    DMV_CLEANUP_ERROR DmvError error = {0};
    DmvManager *m = userdata;
    DmvJsonBuilder b = {0};
    bool all = false;
    const DmvJsonField fields[] = {{"all", DMV_JSON_BOOL, 0, &all}};

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    error.code = dmv_observe_pci_names(&m->roots, &m->world);
    if (error.code < 0)
        return dmv_reply_error(call, &error);
    dmv_jb_object(&b);
    dmv_jb_value(&b, "devices", dmv_render_devices(&m->view, all));
    dmv_jb_value(&b, "problems", all_problems(m, true));
    return dmv_reply(call, dmv_jb_end(&b));
}

static int on_list_drivers(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DmvJsonBuilder b = {0};
    bool all = false, installed = false, owners = true;
    const DmvJsonField fields[] = {{"all", DMV_JSON_BOOL, 0, &all},
                                   {"installed", DMV_JSON_BOOL, 0, &installed},
                                   {"owners", DMV_JSON_BOOL, 0, &owners}};
    DmvFilter filter;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    if (owners && dmv_owners_wait(m, call, params, on_list_drivers))
        return 0;
    filter = installed ? DMV_FILTER_INSTALLED : all ? DMV_FILTER_ALL : DMV_FILTER_FITTING;
    dmv_jb_object(&b);
    dmv_jb_value(&b, "drivers", dmv_render_drivers(&m->view, &m->plan, filter));
    dmv_render_other_adopted(&b, &m->view, filter);
    dmv_jb_value(&b, "problems", all_problems(m, true));
    return dmv_reply(call, dmv_jb_end(&b));
}

static const char *object_of(json_object *params)
{
    const char *object = "";
    const DmvJsonField fields[] = {{"object", DMV_JSON_STRING, DMV_JSON_REQUIRED, &object}};

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    return object;
}

static int on_show(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError error = {0};
    DmvJsonBuilder b = {0};
    const char *object = object_of(params);
    DmvViewDriver *d = NULL;
    int r;

    if (dmv_owners_wait(m, call, params, on_show))
        return 0;
    r = dmv_view_find(&m->view, object, &d, &error);
    if (r != 0) {
        error.code = r;
        (void)dmv_error_set_what(&error, "cannot show %s", object);
        return dmv_reply_error(call, &error);
    }
    dmv_jb_object(&b);
    dmv_jb_value(&b, "driver", dmv_render_driver(d, &m->plan, DMV_FILTER_ALL));
    return dmv_reply(call, dmv_jb_end(&b));
}

static int answer_why(DmvManager *m, VlCall *call, const DmvForecast *f, const char *problem,
                      const char *object)
{
    DMV_CLEANUP_ERROR DmvError error = {0};
    json_object *reply = NULL;
    int r = dmv_observe_pci_names(&m->roots, &m->world);

    (void)problem; /* the rest is true without a forecast */
    if (r == 0)
        reply = dmv_why_render(m, object, f, &error, &r);
    if (r == 0)
        return dmv_reply(call, reply);
    error.code = r;
    (void)dmv_error_set_what(&error, "cannot explain %s", object);
    return dmv_reply_error(call, &error);
}

static int on_why(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    const char *object = object_of(params);

    if (dmv_owners_wait(m, call, params, on_why))
        return 0;
    if (m->plan_error.code == 0 && dmv_why_is_device(m, object))
        return dmv_forecast_ask(m, call, answer_why, object);
    return answer_why(m, call, NULL, NULL, object);
}

static int on_status(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DmvJsonBuilder b = {0};
    const DmvGeneration *current = dmv_generations_find(&m->generations, m->generations.current);
    const DmvGeneration *staged = dmv_generations_staged(&m->generations);
    const DmvGeneration *left = dmv_generations_left(&m->generations);

    if (dmv_owners_wait(m, call, params, on_status) || dmv_guests_wait(m, call, params, on_status))
        return 0;
    dmv_jb_object(&b);
    dmv_jb_string(&b, "runningKernel", m->world.running_kernel);
    if (current)
        dmv_jb_value(&b, "generation", dmv_render_generation(&m->generations, current));
    if (staged)
        dmv_jb_value(&b, "staged", dmv_render_generation(&m->generations, staged));
    if (m->has_boot)
        dmv_jb_value(&b, "boot", dmv_boot_render(&m->boot));
    if (left)
        dmv_jb_value(&b, "left", dmv_render_generation(&m->generations, left));
    dmv_jb_bool(&b, "rebootNeeded", m->view.reboot_needed);
    dmv_jb_value(&b, "drivers", dmv_render_drivers(&m->view, &m->plan, DMV_FILTER_FITTING));
    dmv_render_other_adopted(&b, &m->view, DMV_FILTER_FITTING);
    dmv_jb_value(&b, "streams", dmv_streams_render(m));
    if (m->job)
        dmv_jb_value(&b, "job", dmv_job_render(m->job));
    dmv_jb_value(&b, "lifelines", dmv_render_lifelines(&m->world));
    dmv_guests_add_plan(m, &b);
    dmv_jb_value(&b, "problems", all_problems(m, false));
    return dmv_reply(call, dmv_jb_end(&b));
}

static json_object *plan_problems(const DmvManager *m, const DmvForecast *f, const char *problem)
{
    const DmvProblems *lists[] = {&m->plan.problems, f ? &f->problems : NULL};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvProblems all = {0};
    json_object *ret;

    if (dmv_vouchers_enforce(m, &e) != 0)
        (void)dmv_problem_add(&all, "enforce", DMV_UNVERIFIED, "this plan will be refused: %s",
                              e.why ? e.why : "the modules cannot be looked at");
    for (size_t l = 0; l < DMV_N_ELEMENTS(lists); l++)
        for (size_t i = 0; lists[l] && i < lists[l]->n; i++)
            (void)dmv_problem_add(&all, lists[l]->items[i].object, lists[l]->items[i].code, "%s",
                                  lists[l]->items[i].why);
    if (problem)
        (void)dmv_problem_add(&all, "forecast", DMV_WORKER_FAILED, "devices and images are left out: %s",
                              problem);
    ret = dmv_render_problems(&all);
    dmv_problems_deinit(&all);
    return ret;
}

static int answer_plan(DmvManager *m, VlCall *call, const DmvForecast *f, const char *problem,
                       const char *object)
{
    DmvJsonBuilder b = {0};
    const DmvGeneration *staged = dmv_generations_staged(&m->generations);
    int r = dmv_observe_pci_names(&m->roots, &m->world);

    (void)object;
    if (r < 0)
        return r;
    dmv_jb_object(&b);
    dmv_jb_bool(&b, "changed", !dmv_plan_is_empty(&m->plan));
    dmv_jb_int(&b, "generation", staged ? staged->number : m->generations.current);
    dmv_jb_value(&b, "steps", dmv_render_steps(&m->plan));
    dmv_jb_value(&b, "predictions", dmv_render_predictions(&m->plan));
    dmv_jb_exact(&b, "depmodConf", m->plan.conf ? m->plan.conf : "");
    dmv_jb_value(&b, "problems", plan_problems(m, f, problem));
    dmv_jb_value(&b, "lifelines", dmv_method_lifelines(m));
    dmv_guests_add_plan(m, &b);
    if (f) {
        dmv_jb_value(&b, "devices", dmv_render_device_forecasts(f));
        dmv_jb_value(&b, "initrds", dmv_render_image_forecasts(f));
    }
    return dmv_reply(call, dmv_jb_end(&b));
}

static int on_plan(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;

    if (dmv_guests_wait(m, call, params, on_plan))
        return 0;
    if (m->plan_error.code != 0) {
        DmvError copy = {0};

        (void)dmv_error_set(&copy, m->plan_error.code, "there is no plan", m->plan_error.next, "%s",
                            m->plan_error.why ? m->plan_error.why : "");
        (void)dmv_reply_error(call, &copy);
        dmv_error_clear(&copy);
        return 0;
    }
    return dmv_forecast_ask(m, call, answer_plan, NULL);
}

static int on_list_generations(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DmvJsonBuilder b = {0}, list = {0};

    (void)params;
    dmv_jb_array(&list);
    for (size_t i = m->generations.n; i > 0; i--)
        dmv_jb_add(&list, dmv_render_generation(&m->generations, &m->generations.items[i - 1]));
    dmv_jb_object(&b);
    dmv_jb_value(&b, "generations", dmv_jb_end(&list));
    return dmv_reply(call, dmv_jb_end(&b));
}

/* Does an entry concern a driver: is its object the driver or a release of it? */
static bool entry_is_about(const DmvHistoryEntry *e, const char *driver)
{
    size_t n = strlen(driver);

    return e->object && strncmp(e->object, driver, n) == 0 && (e->object[n] == '\0' || e->object[n] == '/');
}

static int on_history(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DmvJsonBuilder b = {0}, list = {0};
    DmvProblems problems = {0};
    const char *driver = NULL;
    int64_t limit = 50;
    bool all = false;
    const DmvJsonField fields[] = {{"driver", DMV_JSON_STRING, 0, &driver},
                                   {"limit", DMV_JSON_INT, 0, &limit},
                                   {"all", DMV_JSON_BOOL, 0, &all}};

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    if (limit < 0 || limit > 1000)
        return vl_call_error_invalid(call, "limit");
    if (all)
        limit = INT64_MAX;
    dmv_jb_array(&list);
    for (size_t i = m->history.n; i > 0 && limit > 0; i--) {
        if (driver && !entry_is_about(&m->history.items[i - 1], driver))
            continue;
        dmv_jb_add(&list, dmv_render_history_entry(&m->history.items[i - 1]));
        limit--;
    }
    for (size_t i = 0; i < m->history.n_breaks; i++)
        (void)dmv_problem_add(&problems, dmv_record_path(m->history.breaks[i].part), DMV_STATE_BROKEN, "%s",
                              m->history.breaks[i].why);
    dmv_jb_object(&b);
    dmv_jb_value(&b, "entries", dmv_jb_end(&list));
    dmv_jb_value(&b, "problems", dmv_render_problems(&problems));
    dmv_problems_deinit(&problems);
    return dmv_reply(call, dmv_jb_end(&b));
}

static int reply_findings(VlCall *call, json_object *findings, bool clean)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_bool(&b, "clean", clean);
    dmv_jb_value(&b, "findings", findings);
    return dmv_reply(call, dmv_jb_end(&b));
}

static int answer_verify(DmvManager *m, VlCall *call, const DmvInspection *i, const char *problem)
{
    return dmv_reply(call, dmv_audit_verify(m, i, problem));
}

static int on_verify(VlCall *call, json_object *params, void *userdata)
{
    if (dmv_owners_wait(userdata, call, params, on_verify))
        return 0;
    return dmv_inspection_ask(userdata, call, answer_verify);
}

static int on_doctor(VlCall *call, json_object *params, void *userdata)
{
    bool clean = false;
    json_object *findings;

    if (dmv_owners_wait(userdata, call, params, on_doctor) ||
        dmv_guests_wait(userdata, call, params, on_doctor))
        return 0;
    findings = dmv_audit_doctor(userdata, &clean);
    return reply_findings(call, findings, clean);
}

static int on_check_kernel(VlCall *call, json_object *params, void *userdata)
{
    const char *kernel = "";
    const DmvJsonField fields[] = {{"kernel", DMV_JSON_STRING, DMV_JSON_REQUIRED, &kernel}};
    DmvJsonBuilder b = {0};
    json_object *findings;
    bool clean = false;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    if (!dmv_kernel_name_is_valid(kernel))
        return vl_call_error_invalid(call, "kernel");
    findings = dmv_audit_kernel(userdata, kernel, &clean);
    dmv_jb_object(&b);
    dmv_jb_string(&b, "kernel", kernel);
    dmv_jb_bool(&b, "clean", clean);
    dmv_jb_value(&b, "findings", findings);
    return dmv_reply(call, dmv_jb_end(&b));
}

static int on_why_not(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError error = {0};
    const char *release = "";
    const DmvJsonField fields[] = {{"release", DMV_JSON_STRING, DMV_JSON_REQUIRED, &release}};
    json_object *reply;
    int r = 0;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    reply = dmv_why_not_render(m, release, &error, &r);
    if (r == 0)
        return dmv_reply(call, reply);
    error.code = r;
    (void)dmv_error_set_what(&error, "cannot explain %s", release);
    return dmv_reply_error(call, &error);
}

static int on_monitor(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DmvJsonBuilder b = {0};
    json_object *ready;

    (void)params;
    dmv_jb_object(&b);
    dmv_jb_string(&b, "type", "ready");
    dmv_jb_time(&b, "time", dmv_manager_now());
    ready = dmv_jb_end(&b);
    return ready ? vl_monitor_subscribe(m->monitor, call, ready) : -ENOMEM;
}

int dmv_methods_bind_read(DmvManager *m)
{
    static const struct {
        const char *name;
        VlHandler handler;
    } methods[] = {
        {DMV_INTERFACE ".Describe", on_describe},
        {DMV_INTERFACE ".ListDevices", on_list_devices},
        {DMV_INTERFACE ".ListDrivers", on_list_drivers},
        {DMV_INTERFACE ".Show", on_show},
        {DMV_INTERFACE ".Why", on_why},
        {DMV_INTERFACE ".Status", on_status},
        {DMV_INTERFACE ".Plan", on_plan},
        {DMV_INTERFACE ".ListGenerations", on_list_generations},
        {DMV_INTERFACE ".History", on_history},
        {DMV_INTERFACE ".Verify", on_verify},
        {DMV_INTERFACE ".Doctor", on_doctor},
        {DMV_INTERFACE ".CheckKernel", on_check_kernel},
        {DMV_INTERFACE ".WhyNot", on_why_not},
        {DMV_INTERFACE ".Monitor", on_monitor},
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < DMV_N_ELEMENTS(methods); i++)
        r = vl_server_bind(m->server, methods[i].name, methods[i].handler, 0, m);
    return r == 0 ? dmv_methods_bind_guests(m) : r;
}
