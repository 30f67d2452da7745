/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Impact: what a change of a driver would mean for guests. */
#include <string.h>

#include "daemon/guests.h"
#include "daemon/methods.h"
#include "dmv/interface.h"

/* What an object means: a driver, or something that no known driver has. */
typedef struct Subject {
    const char *name; /* borrowed; NULL: nobody asked for a certain one */
    char **slots, **modules;
} Subject;

static void subject_deinit(Subject *s)
{
    dmv_strv_free(s->slots);
    dmv_strv_free(s->modules);
}

static int take_driver(const DmvViewDriver *d, Subject *s)
{
    int r = dmv_strv_copy(d->slots, &s->slots);

    s->name = d->name;
    return r == 0 ? dmv_impact_driver_modules(d, &s->modules) : r;
}

/* A device whose driver no catalog has, a module of the kernel's, a bridge or a volume that guests stand on.
 * Return: 1 if it is one; 0; -ENOMEM. */
static int take_other(const DmvManager *m, const char *object, Subject *s)
{
    const DmvDevice *d = dmv_view_device(&m->view, object);
    const DmvLoaded *l = dmv_world_loaded(&m->world, object);
    const DmvFooting *f = d || l ? NULL : dmv_guests_footing(m, object);
    int r = 0;

    s->name = object;
    if (d)
        r = dmv_strv_push(&s->slots, d->slot);
    if (r == 0 && ((d && d->module) || l))
        r = dmv_strv_push(&s->modules, l ? l->name : d->module);
    if (r == 0 && f)
        r = dmv_strv_copy(f->slots, &s->slots);
    if (r == 0 && f)
        r = dmv_strv_copy(f->modules, &s->modules);
    return r < 0 ? r : d || l || f;
}

static int find_subject(const DmvManager *m, const char *object, Subject *s, DmvError *e)
{
    DmvViewDriver *d = NULL;
    int r, other;

    if (!object)
        return 0;
    r = dmv_view_find(&m->view, object, &d, e);
    if (r == 0)
        return take_driver(d, s);
    if (r != DMV_NO_SUCH_DRIVER && r != DMV_NO_SUCH_OBJECT)
        return r;
    other = take_other(m, object, s);
    if (other > 0)
        dmv_error_clear(e);
    return other < 0 ? other : other > 0 ? 0 : r;
}

static int on_impact(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP(subject_deinit) Subject s = {0};
    DMV_CLEANUP_IMPACT DmvImpact impact = {0};
    DmvJsonBuilder b = {0}, guests = {0};
    const char *object = NULL;
    const DmvJsonField fields[] = {{"driver", DMV_JSON_STRING, 0, &object}};
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    if (dmv_guests_wait(m, call, params, on_impact))
        return 0;
    r = find_subject(m, object, &s, &e);
    if (r == 0)
        r = dmv_guests_impact(
            m, &(DmvImpactSubject){.anything = !object, .slots = s.slots, .modules = s.modules}, &impact);
    if (r != 0)
        return dmv_method_fail(call, &e, r, "tell the impact of", object ? object : "a change");
    dmv_jb_object(&guests);
    dmv_render_impact(&guests, &impact);
    dmv_jb_object(&b);
    dmv_jb_string(&b, "driver", s.name);
    dmv_jb_strv(&b, "modules", s.modules);
    dmv_jb_value(&b, "guests", dmv_jb_end(&guests));
    dmv_guests_add_channels(m, &b);
    return dmv_reply(call, dmv_jb_end(&b));
}

int dmv_methods_bind_guests(DmvManager *m)
{
    return vl_server_bind(m->server, DMV_INTERFACE ".Impact", on_impact, 0, m);
}
