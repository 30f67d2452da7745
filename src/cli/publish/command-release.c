/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmv-publish release: modules become a package, and a package becomes part of a release.
 *
 * A release is described once and has a package for each kernel. What the command line does not say is taken
 * from the release as it was described before, then from the driver's newest release, then from the defaults.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/publish/args.h"
#include "cli/publish/command.h"
#include "cli/publish/describe.h"
#include "cli/publish/gpg.h"
#include "cli/publish/rpmbuild.h"
#include "cli/publish/sidecar.h"
#include "cli/publish/staging.h"
#include "host/fs.h"
#include "host/observe.h"

#define RPM_MAX_SIZE (UINT64_C(4) << 30)

typedef struct Options {
    const char *driver, *variant, *version, *kernel;
    char **modules, **firmware;
    const char *licence;
    int64_t rpm_release;
    bool no_sign_module, no_sign_rpm;
    DmvDescription said;
} Options;

typedef struct Job {
    const DmvPublisher *p;
    const Options *o;
    DmvReleaseName name;
    char *kernel;
    json_object *release; /* the sidecar */
    char *replaced;       /* href of a package that this one replaces, or NULL */
} Job;

static void options_deinit(Options *o)
{
    dmv_strv_free(o->modules);
    dmv_strv_free(o->firmware);
    dmv_strv_free(o->said.dmi);
}

static void job_deinit(Job *j)
{
    dmv_release_name_deinit(&j->name);
    free(j->kernel);
    json_object_put(j->release);
    free(j->replaced);
}

static void cleanup_module_info(DmvModuleInfo *i)
{
    dmv_module_info_deinit(i);
}

/* ---- what is released ---- */

static int read_first_module(const Options *o, DmvModuleInfo *ret, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int fd = open(o->modules[0], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int r = fd < 0 ? -errno : dmv_module_read(fd, ret, reterr);

    if (r < 0)
        return dmv_error_set(reterr, r, "cannot read the module", NULL, "%s: %s", o->modules[0],
                             strerror(-r));
    if (r > 0)
        dmv_error_set_what(reterr, "cannot package %s", o->modules[0]);
    return r;
}

/* Version and kernel come from the first module where the command line is silent. */
static int fill_names(Job *j, DmvError *reterr)
{
    DMV_CLEANUP(cleanup_module_info) DmvModuleInfo info = {0};
    const Options *o = j->o;
    int r = read_first_module(o, &info, reterr);
    const char *version = o->version ? o->version : info.version;

    if (r != 0)
        return r;
    if (!version)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, "cannot release", "say --version",
                             "%s has no version", o->modules[0]);
    if (dmv_set_string(&j->name.driver, o->driver) < 0 || dmv_set_string(&j->name.variant, o->variant) < 0 ||
        dmv_set_string(&j->name.version, version) < 0)
        return -ENOMEM;
    j->kernel = o->kernel       ? strdup(o->kernel)
                : info.vermagic ? strndup(info.vermagic, strcspn(info.vermagic, " "))
                                : strdup("");
    return j->kernel ? 0 : -ENOMEM;
}

static int check_names(const Job *j, DmvError *reterr)
{
    const char *const names[] = {j->name.driver, j->name.variant, j->name.version};

    for (size_t i = 0; i < DMV_N_ELEMENTS(names); i++)
        if (!dmv_name_is_valid(names[i]))
            return dmv_error_set(
                reterr, DMV_INVALID_NAME, "cannot release",
                "names are 1 to 64 of A-Z a-z 0-9 _ . + ~ - and start with a letter or a digit",
                "\"%s\" is no name", names[i]);
    if (!dmv_kernel_name_is_valid(j->kernel))
        return dmv_error_set(reterr, DMV_INVALID_NAME, "cannot release", "say --kernel",
                             "\"%s\" is no release of a kernel", j->kernel);
    return 0;
}

/* ---- the package ---- */

static int fill_installed(const Job *j, DmvInstalled *i)
{
    if (dmv_set_string(&i->driver, j->name.driver) < 0 || dmv_set_string(&i->variant, j->name.variant) < 0 ||
        dmv_set_string(&i->version, j->name.version) < 0 || dmv_set_string(&i->kernel, j->kernel) < 0 ||
        dmv_set_string(&i->kabi, j->kernel) < 0 ||
        dmv_set_string(&i->type, dmv_sidecar_string(j->release, "type")) < 0 ||
        dmv_set_string(&i->tier, dmv_sidecar_string(j->release, "tier")) < 0 ||
        dmv_set_string(&i->status, dmv_sidecar_string(j->release, "status")) < 0 ||
        dmv_set_string(&i->description, dmv_sidecar_string(j->release, "description")) < 0)
        return -ENOMEM;
    i->priority = dmv_sidecar_int(j->release, "priority", 0);
    return 0;
}

static int add_firmware(DmvStaging *s, const char *argument, DmvError *reterr)
{
    const char *equals = strrchr(argument, '=');
    DMV_CLEANUP_FREE char *file = strndup(argument, equals ? (size_t)(equals - argument) : 0), *target = NULL;

    if (!file || asprintf(&target, "firmware/%s", equals ? equals + 1 : "") < 0)
        return -ENOMEM;
    return dmv_staging_add_file(s, file, target, reterr);
}

static int gather(const Job *j, DmvStaging *s, DmvError *reterr)
{
    int r = dmv_staging_init(s, reterr);

    if (r == 0)
        r = fill_installed(j, &s->installed);
    for (size_t i = 0; j->o->modules[i] && r == 0; i++)
        r = dmv_staging_add_module(s, j->o->no_sign_module ? NULL : j->p, j->o->modules[i], reterr);
    for (size_t i = 0; j->o->firmware && j->o->firmware[i] && r == 0; i++)
        r = add_firmware(s, j->o->firmware[i], reterr);
    return r != 0 ? r : dmv_staging_add_info(s, reterr);
}

static int build(const Job *j, const DmvStaging *s, const DmvRpm *rpm, char **ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *prefix = NULL;
    int r;

    if (asprintf(&prefix, "/lib/modules/%s/dmv/%s/%s", j->kernel, j->name.driver, j->name.variant) < 0)
        return -ENOMEM;
    const DmvRpmContent content = {
        .prefix = prefix,
        .folder = s->folder,
        .work = s->path,
        .summary = dmv_sidecar_string(j->release, "description"),
        .licence = j->o->licence,
        .time = getenv("SOURCE_DATE_EPOCH") ? dmv_publish_now() : s->newest,
    };

    r = dmv_rpm_build(rpm, &content, ret, reterr);
    if (r == 0 && !j->o->no_sign_rpm)
        r = dmv_gpg_sign_rpm(j->p, *ret, reterr);
    return r;
}

/* Copies the RPM into the repository and says how big it is and what its hash is. */
static int put_rpm(const Job *j, const char *from, const char *href, uint64_t *ret_size,
                   char ret_hex[DMV_SHA256_HEX], DmvError *reterr)
{
    DMV_CLEANUP_FREE char *to = NULL, *temporary = NULL;
    DMV_CLEANUP_CLOSE int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
    int r = in < 0 ? -errno : 0;

    if (asprintf(&to, DMV_PUBLISH_REPO "/%s", href) < 0 ||
        asprintf(&temporary, DMV_PUBLISH_REPO "/.new.rpm") < 0)
        return -ENOMEM;
    if (r == 0)
        r = dmv_fs_mkdirs(j->p->fd, DMV_PUBLISH_REPO "/" DMV_PUBLISH_PACKAGES, 0755);
    if (r == 0)
        r = out = dmv_fs_open(j->p->fd, temporary, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (r >= 0)
        r = dmv_fs_copy_hashed(in, out, RPM_MAX_SIZE, ret_hex, ret_size);
    if (r == 0 && fsync(out) < 0)
        r = -errno;
    if (r == 0)
        r = dmv_fs_rename(j->p->fd, temporary, to, false);
    if (r < 0)
        return dmv_error_set(reterr, r, "cannot put the package into the repository", NULL, "%s: %s", to,
                             strerror(-r));
    return 0;
}

static int describe_rpm(const Job *j, const DmvRpm *rpm, const char *file, json_object **ret,
                        DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    DMV_CLEANUP_FREE char *href = NULL;
    char hex[DMV_SHA256_HEX], signer[17];
    uint64_t size = 0;
    int r;

    if (!o || asprintf(&href, DMV_PUBLISH_PACKAGES "/%s.rpm", rpm->nevra) < 0)
        return -ENOMEM;
    r = put_rpm(j, file, href, &size, hex, reterr);
    if (r != 0)
        return r;
    dmv_gpg_key_id(j->p, signer);
    if (dmv_json_add_string(o, "name", rpm->name) < 0 || dmv_json_add_string(o, "nevra", rpm->nevra) < 0 ||
        dmv_json_add_string(o, "href", href) < 0 || dmv_json_add_int(o, "size", (int64_t)size) < 0 ||
        dmv_json_add_string(o, "sha256", hex) < 0 ||
        dmv_json_add_string(o, "signer", j->o->no_sign_rpm ? NULL : signer) < 0)
        return -ENOMEM;
    *ret = DMV_TAKE_PTR(o);
    return 0;
}

/* ---- all of it ---- */

static int remove_replaced(const Job *j, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *path = NULL;
    int r;

    if (!j->replaced)
        return 0;
    if (asprintf(&path, DMV_PUBLISH_REPO "/%s", j->replaced) < 0)
        return -ENOMEM;
    r = dmv_fs_remove(j->p->fd, path);
    return r < 0 ? dmv_error_set(reterr, r, "cannot remove the package that was replaced", NULL, "%s: %s",
                                 path, strerror(-r))
                 : 0;
}

static int make_package(Job *j, json_object *all, DmvError *reterr)
{
    DMV_CLEANUP_STAGING DmvStaging s = DMV_STAGING_NULL;
    DMV_CLEANUP_RPM DmvRpm rpm = {0};
    DMV_CLEANUP_FREE char *file = NULL;
    json_object *described = NULL;
    int r = gather(j, &s, reterr);

    if (r == 0)
        r = dmv_rpm_init(&j->name, j->kernel, j->o->rpm_release, s.machine, &rpm, reterr);
    if (r == 0)
        r = dmv_describe_replaced(j->release, j->kernel, rpm.release, &j->replaced, reterr);
    if (r == 0)
        r = dmv_describe_name_is_free(all, &j->name, rpm.name, reterr);
    if (r == 0)
        r = build(j, &s, &rpm, &file, reterr);
    if (r == 0)
        r = describe_rpm(j, &rpm, file, &described, reterr);
    if (r == 0)
        r = dmv_describe_package(j->release, j->kernel, &s, described);
    if (r == 0)
        r = dmv_sidecar_write(j->p, &j->name, j->release, reterr);
    if (r == 0)
        r = remove_replaced(j, reterr);
    if (r == 0)
        printf("released %s/%s@%s for %s as " DMV_PUBLISH_REPO "/" DMV_PUBLISH_PACKAGES "/%s.rpm\n",
               j->name.driver, j->name.variant, j->name.version, j->kernel, rpm.nevra);
    return r;
}

static int run(Job *j, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *all = NULL;
    DMV_CLEANUP_ERROR DmvError missing = {0};
    int r = fill_names(j, reterr);

    if (r == 0)
        r = check_names(j, reterr);
    if (r == 0)
        r = dmv_sidecar_read_all(j->p, &all, reterr);
    if (r != 0)
        return r;
    r = dmv_sidecar_read(j->p, &j->name, &j->release, &missing);
    if (r == DMV_NO_SUCH_RELEASE) {
        j->release = json_object_new_object();
        r = j->release ? 0 : -ENOMEM;
    } else if (r != 0) {
        dmv_error_move(reterr, &missing);
    }
    if (r == 0)
        r = dmv_describe_release(j->release, &j->name, all, &j->o->said, reterr);
    return r != 0 ? r : make_package(j, all, reterr);
}

int dmv_command_release(int argc, char **argv, DmvError *reterr)
{
    DMV_CLEANUP(options_deinit)
    Options o = {.said = DMV_DESCRIPTION_NULL, .rpm_release = 1, .licence = "GPL-2.0-only"};
    const DmvArg args[] = {
        {"driver", DMV_ARG_STRING, &o.driver, "NAME", "the driver, such as intel-ice (required)"},
        {"variant", DMV_ARG_STRING, &o.variant, "NAME", "the variant, such as generic (required)"},
        {"version", DMV_ARG_STRING, &o.version, "VERSION", "default: the first module's"},
        {"module", DMV_ARG_LIST, &o.modules, "FILE.ko", "a module; may repeat (required)"},
        {"firmware", DMV_ARG_LIST, &o.firmware, "FILE=PATH", "firmware, PATH as the kernel asks for it"},
        {"kernel", DMV_ARG_STRING, &o.kernel, "RELEASE", "default: the first module's"},
        {"type", DMV_ARG_STRING, &o.said.type, "TYPE", "network, storage, ... (the driver's, or other)"},
        {"tier", DMV_ARG_STRING, &o.said.tier, "TIER", "supported, alternate or additional"},
        {"status", DMV_ARG_STRING, &o.said.status, "TEXT", "for people (production)"},
        {"priority", DMV_ARG_INT, &o.said.priority, "N", "higher is offered first (50)"},
        {"sequence", DMV_ARG_INT, &o.said.sequence, "N", "orders a driver's releases (the next)"},
        {"description", DMV_ARG_STRING, &o.said.description, "TEXT", "one line for people"},
        {"recommended", DMV_ARG_FLAG, &o.said.recommended, NULL, "recommend this release"},
        {"dmi", DMV_ARG_LIST, &o.said.dmi, "VENDOR:PRODUCT", "machines it is for; patterns; may repeat"},
        {"trial-boots", DMV_ARG_INT, &o.said.trial_boots, "N", "good boots that a trial needs (the host's)"},
        {"trial-hours", DMV_ARG_INT, &o.said.trial_hours, "N", "hours in good health, besides (the host's)"},
        {"license", DMV_ARG_STRING, &o.licence, "TEXT", "of the modules (GPL-2.0-only)"},
        {"release", DMV_ARG_INT, &o.rpm_release, "N", "of the RPM; replaces a lower one (1)"},
        {"no-sign-module", DMV_ARG_FLAG, &o.no_sign_module, NULL, "leave the modules as they are"},
        {"no-sign-rpm", DMV_ARG_FLAG, &o.no_sign_rpm, NULL, "leave the package unsigned"},
    };
    const DmvArgsSpec spec = {"release", "DIR", 1, args, DMV_N_ELEMENTS(args)};
    DMV_CLEANUP_PUBLISHER DmvPublisher p = DMV_PUBLISHER_NULL;
    DMV_CLEANUP(job_deinit) Job j = {.p = &p, .o = &o};
    const char *dir = NULL;
    bool done = false;
    int r = dmv_args_parse(&spec, argc, argv, &dir, &done, reterr);

    if (r != 0 || done)
        return r;
    if (!o.driver || !o.variant || dmv_strv_length(o.modules) == 0 || o.rpm_release < 1)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, "cannot release", "see dmv-publish release --help",
                             "--driver, --variant and --module are needed");
    r = dmv_publisher_open(dir, &p, reterr);
    return r != 0 ? r : run(&j, reterr);
}
