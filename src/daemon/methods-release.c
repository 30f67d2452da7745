/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* refresh, install, import, remove: what is available and what is installed. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/job.h"
#include "daemon/log.h"
#include "daemon/methods.h"
#include "dmv/interface.h"
#include "model/render.h"

static int on_refresh(VlCall *call, json_object *params, void *userdata)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    const char *stream = NULL;
    bool allow_stale = false;
    const DmvJsonField fields[] = {{"stream", DMV_JSON_STRING, 0, &stream},
                                   {"allowStale", DMV_JSON_BOOL, 0, &allow_stale}};
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    r = dmv_method_check_free(userdata, &e);
    if (r == 0)
        r = dmv_job_refresh(userdata, call, stream, allow_stale, &e);
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "refresh", stream ? stream : "the catalogs");
}

static int refuse_stale(const DmvCatalog *c, DmvError *e)
{
    char since[21];

    dmv_format_time(c->expires, since);
    return dmv_error_set(e, DMV_STALE, NULL,
                         "dmvctl refresh; if it stays, the publisher has to sign a new one",
                         "the catalog of stream %s has expired at %s", c->stream, since);
}

int dmv_method_check_install(const DmvViewRelease *r, bool any_hardware, DmvError *e)
{
    if (!r->catalog)
        return dmv_error_set(e, DMV_NO_SUCH_RELEASE, NULL, "dmvctl list --all shows what there is",
                             "no catalog lists %s", r->name);
    if (r->source->stale)
        return refuse_stale(r->source->catalog, e);
    /* an installed copy that is broken is what installing mends */
    return r->verdict == DMV_VERDICT_BROKEN ? 0 : dmv_method_check_release(r, any_hardware, e);
}

static int on_install(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    const char *spec = NULL;
    bool any_hardware = false, dry = false;
    DmvViewRelease *release = NULL;
    const DmvJsonField fields[] = {
        {"release", DMV_JSON_STRING, DMV_JSON_REQUIRED, &spec},
        {"anyHardware", DMV_JSON_BOOL, 0, &any_hardware},
        {"dryRun", DMV_JSON_BOOL, 0, &dry},
    };
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    r = dry ? 0 : dmv_method_check_free(m, &e);
    if (r == 0)
        r = dmv_view_find_release(&m->view, spec, NULL, &release, &e);
    if (r == 0)
        r = dmv_method_check_install(release, any_hardware, &e);
    if (r == 0 && dry) {
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "release", release->name);
        dmv_jb_strv(&b, "kernels", release->kernels);
        return dmv_reply(call, dmv_jb_end(&b));
    }
    if (r == 0)
        r = dmv_job_install(m, call, release, &e);
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "install", spec);
}

/* The descriptor is all that is looked at here; the bytes are for the fetch worker. */
static int check_disk(int fd, DmvError *e)
{
    static const char next[] = "give the path of a driver disk, a tar or an ISO image";
    int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
    struct stat st;

    if (flags < 0)
        return dmv_error_set(e, DMV_INVALID_REQUEST, NULL, next, "there is no descriptor with the call");
    if (flags & O_PATH || (flags & O_ACCMODE) == O_WRONLY)
        return dmv_error_set(e, DMV_INVALID_REQUEST, NULL, next, "the descriptor is not open for reading");
    if (fstat(fd, &st) < 0)
        return -errno;
    return S_ISREG(st.st_mode) ? 0
                               : dmv_error_set(e, DMV_INVALID_REQUEST, NULL, next, "it is no regular file");
}

static int on_import(VlCall *call, json_object *params, void *userdata)
{
    DMV_CLEANUP_CLOSE int fd = vl_call_take_fd(call, 0);
    DMV_CLEANUP_ERROR DmvError e = {0};
    bool any_hardware = false, dry = false;
    const DmvJsonField fields[] = {
        {"anyHardware", DMV_JSON_BOOL, 0, &any_hardware},
        {"dryRun", DMV_JSON_BOOL, 0, &dry},
    };
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    r = check_disk(fd, &e);
    if (r == 0 && !dry)
        r = dmv_method_check_free(userdata, &e);
    if (r == 0)
        r = dmv_job_import(userdata, call, DMV_TAKE_FD(fd), any_hardware, dry, &e);
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "import", "the driver disk");
}

/* A link of any kernel that leads into the release: that kernel's index names it, or the next one will. */
static int check_links(DmvManager *m, const DmvViewRelease *r, DmvError *e)
{
    for (size_t k = 0; k < m->world.n_kernels; k++)
        for (size_t i = 0; i < m->world.kernels[k].n_files; i++) {
            const DmvModuleFile *f = &m->world.kernels[k].files[i];
            DMV_CLEANUP_FREE char *name = NULL;

            if (!f->ours || f->dangling)
                continue;
            if (dmv_release_of_path(&m->world, &m->world.kernels[k], f->path, &name) < 0)
                return -ENOMEM;
            if (dmv_streq(name, r->name))
                return dmv_error_set(e, DMV_IN_USE, NULL, "dmvctl activate, then remove it",
                                     "%s of kernel %s leads to %s", f->path, m->world.kernels[k].release,
                                     r->name);
        }
    return 0;
}

/* Does the intent, or a link in a tree, need this release? */
static int check_unused(DmvManager *m, const DmvViewDriver *d, const DmvViewRelease *r, DmvError *e)
{
    if (r->n_installed == 0)
        return dmv_error_set(e, DMV_NOT_INSTALLED, NULL, "dmvctl list --installed", "%s is not installed",
                             r->name);
    if (r->installed[0]->origin != DMV_ORIGIN_STORE)
        return dmv_error_set(e, DMV_ADOPTED, NULL, "remove its package with the package manager",
                             "%s belongs to the host's package manager (%s)", r->name,
                             r->installed[0]->folder);
    if (r->selected) {
        (void)dmv_error_set(e, DMV_IN_USE, NULL, NULL, "%s is selected", r->name);
        dmv_error_set_next(e, "dmvctl deselect %s", d->name);
        return DMV_IN_USE;
    }
    return check_links(m, r, e);
}

static int on_remove(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    const char *spec = NULL;
    bool dry = false;
    DmvViewDriver *d = NULL;
    DmvViewRelease *release = NULL;
    const DmvJsonField fields[] = {{"release", DMV_JSON_STRING, DMV_JSON_REQUIRED, &spec},
                                   {"dryRun", DMV_JSON_BOOL, 0, &dry}};
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    r = dry ? 0 : dmv_method_check_free(m, &e);
    if (r == 0)
        r = dmv_view_find_release(&m->view, spec, &d, &release, &e);
    if (r == 0)
        r = check_unused(m, d, release, &e);
    if (r == 0 && dry) {
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "release", release->name);
        dmv_jb_strv(&b, "kernels", release->kernels);
        return dmv_reply(call, dmv_jb_end(&b));
    }
    if (r == 0)
        r = dmv_job_remove(m, call, release, &e);
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "remove", spec);
}

int dmv_methods_bind_release(DmvManager *m)
{
    static const DmvMethod methods[] = {
        {DMV_INTERFACE ".Refresh", on_refresh},
        {DMV_INTERFACE ".Install", on_install},
        {DMV_INTERFACE ".Import", on_import},
        {DMV_INTERFACE ".Remove", on_remove},
    };

    return dmv_methods_bind(m, methods, DMV_N_ELEMENTS(methods));
}
