/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One release for one kernel as an RPM. See rpmbuild.h.
 *
 * The package has no scriptlets and asks for nothing: hosts never run what a driver package brings. gzip,
 * because every librpm in use can read it.
 */
#include "cli/publish/rpmbuild.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "host/fs.h"

static const struct {
    uint16_t machine;
    const char *arch;
} arches[] = {{EM_X86_64, "x86_64"}, {EM_AARCH64, "aarch64"}};

void dmv_rpm_deinit(DmvRpm *r)
{
    free(r->name);
    free(r->version);
    free(r->nevra);
    *r = (DmvRpm){0};
}

/* A Name may hold neither '~' nor '^'; a Version no '-', which ends it. */
static void replace(char *s, char bad)
{
    for (; *s; s++)
        if (*s == bad)
            *s = '_';
}

int dmv_rpm_init(const DmvReleaseName *n, const char *kernel, int64_t release, uint16_t machine, DmvRpm *ret,
                 DmvError *reterr)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(arches); i++)
        if (arches[i].machine == machine)
            ret->arch = arches[i].arch;
    if (!ret->arch)
        return dmv_error_set(reterr, DMV_MODULE_WRONG_MACHINE, "cannot make a package", NULL,
                             "modules for ELF machine %u are not known here", machine);
    ret->release = release;
    if (asprintf(&ret->name, "dmv-%s-%s-%s-k%s", n->driver, n->variant, n->version, kernel) < 0 ||
        dmv_set_string(&ret->version, n->version) < 0)
        return -ENOMEM;
    replace(ret->name, '~');
    replace(ret->version, '-');
    if (asprintf(&ret->nevra, "%s-%s-%lld.%s", ret->name, ret->version, (long long)release, ret->arch) < 0)
        return -ENOMEM;
    if (strlen(ret->nevra) + strlen(".rpm") > NAME_MAX)
        return dmv_error_set(reterr, DMV_INVALID_NAME, "cannot make a package", "choose shorter names",
                             "no filesystem takes a name as long as %s.rpm", ret->nevra);
    return 0;
}

/* One line that rpm takes literally. */
static void append_literal(DmvText *t, const char *s)
{
    for (; *s; s++) {
        if (*s == '%')
            dmv_text_append(t, "%%");
        else
            dmv_text_append_bytes(t, (unsigned char)*s < ' ' ? " " : s, 1);
    }
}

static void append_summary(DmvText *t, const DmvRpm *r, const DmvRpmContent *c)
{
    if (c->summary && *c->summary)
        append_literal(t, c->summary);
    else
        dmv_text_appendf(t, "Kernel driver for dmv: %s", r->name);
    dmv_text_append(t, "\n");
}

static void append_date(DmvText *t, int64_t when)
{
    time_t clock = (time_t)when;
    struct tm tm;
    char text[32] = "Thu Jan 01 1970";

    if (gmtime_r(&clock, &tm))
        (void)strftime(text, sizeof(text), "%a %b %d %Y", &tm);
    dmv_text_append(t, text);
}

int dmv_rpm_format_spec(const DmvRpm *r, const DmvRpmContent *c, char **ret)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    dmv_text_append(&t, "%global debug_package %{nil}\n"
                        "%global __os_install_post %{nil}\n"
                        "%global _build_id_links none\n"
                        "%global _binary_payload w9.gzdio\n"
                        "%global _binary_filedigest_algorithm 8\n"
                        "%global _buildhost dmv-publish\n"
                        "%global source_date_epoch_from_changelog 1\n"
                        "%global use_source_date_epoch_as_buildtime 1\n"
                        "%global clamp_mtime_to_source_date_epoch 1\n");
    dmv_text_appendf(&t, "Name: %s\nVersion: %s\nRelease: %lld\nLicense: ", r->name, r->version,
                     (long long)r->release);
    append_literal(&t, c->licence);
    dmv_text_append(&t, "\nAutoReqProv: no\nSummary: ");
    append_summary(&t, r, c);
    dmv_text_append(&t, "\n%description\n.\n\n%install\n");
    dmv_text_appendf(&t, "mkdir -p \"%%{buildroot}%s\"\ncp -rp \"%s/.\" \"%%{buildroot}%s/\"\n", c->prefix,
                     c->folder, c->prefix);
    dmv_text_appendf(&t, "\n%%files\n%%defattr(0644,root,root,0755)\n%s\n\n%%changelog\n* ", c->prefix);
    append_date(&t, c->time);
    dmv_text_appendf(&t, " dmv-publish <dmv-publish> - %s-%lld\n- released\n", r->version,
                     (long long)r->release);
    return dmv_text_take(&t, ret, NULL);
}

static int write_spec(const DmvRpm *r, const DmvRpmContent *c, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *text = NULL;
    DMV_CLEANUP_CLOSE int fd = open(c->work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 ? -errno : dmv_rpm_format_spec(r, c, &text);

    if (error == 0)
        error = dmv_fs_replace_file(fd, "dmv.spec", text, strlen(text), 0644);
    if (error < 0)
        dmv_error_set(reterr, error, "cannot write the spec file", NULL, "%s: %s", c->work, strerror(-error));
    return error;
}

int dmv_rpm_build(const DmvRpm *r, const DmvRpmContent *c, char **ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *top = NULL, *db = NULL, *out = NULL, *rpm = NULL, *spec = NULL;
    int error = write_spec(r, c, reterr);

    if (error < 0)
        return error;
    if (asprintf(&top, "_topdir %s/top", c->work) < 0 || asprintf(&db, "_dbpath %s/db", c->work) < 0 ||
        asprintf(&out, "_rpmdir %s", c->work) < 0 || asprintf(&spec, "%s/dmv.spec", c->work) < 0 ||
        asprintf(&rpm, "%s/dmv.rpm", c->work) < 0)
        return -ENOMEM;
    const char *const argv[] = {"rpmbuild",
                                "-bb",
                                "--quiet",
                                "--target",
                                r->arch,
                                "--define",
                                top,
                                "--define",
                                db,
                                "--define",
                                out,
                                "--define",
                                "_rpmfilename dmv.rpm",
                                spec,
                                NULL};

    error = dmv_publish_run("cannot build the package", argv, reterr);
    if (error == 0)
        *ret = DMV_TAKE_PTR(rpm);
    return error;
}
