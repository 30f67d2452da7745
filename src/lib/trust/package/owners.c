/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Owners of files by librpm.
 *
 * librpm is not asked whether two paths are the same file: it would look at the disk of whoever asks, and the
 * root is another one. The lookup by path only proposes packages; what counts is that a package's own list
 * holds the path, literally, with or without usr/ before it.
 *
 * librpm does not fail when it cannot read: it logs and finds nothing. So whatever it says during a lookup
 * makes the answer incomplete.
 */
#include "owners.h"

#include <errno.h>
#include <fcntl.h>
#include <rpm/header.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmkeyring.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmmacro.h>
#include <rpm/rpmts.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "rpm-log.h"

/* Seconds for all lookups. */
#define LOOKUPS_MAX 8

typedef struct Lookup {
    rpmts ts;
    char *const *paths;
    time_t end; /* CLOCK_MONOTONIC */
    DmvOwners *owners;
} Lookup;

static void lookup_deinit(Lookup *l)
{
    l->ts = rpmtsFree(l->ts);
}

void dmv_owners_deinit(DmvOwners *o)
{
    for (size_t i = 0; i < o->n_packages; i++) {
        free(o->packages[i].name);
        free(o->packages[i].nevra);
    }
    free(o->packages);
    free(o->pairs);
    free(o->problem);
    *o = (DmvOwners){0};
}

/* The two macros that opening a database needs; without rpm's configuration nobody else has set them. */
static int point_librpm(const char *folder, const char *backend)
{
    DMV_CLEANUP_FREE char *path = NULL, *kind = NULL;

    if (strpbrk(folder, "%{}() \t\n"))
        return -EINVAL;
    if (asprintf(&path, "_dbpath %s", folder) < 0)
        return path = NULL, -ENOMEM;
    if (asprintf(&kind, "_db_backend %s", backend) < 0)
        return kind = NULL, -ENOMEM;
    return rpmDefineMacro(NULL, path, RMIL_CMDLINE) != 0 || rpmDefineMacro(NULL, kind, RMIL_CMDLINE) != 0
               ? -EINVAL
               : 0;
}

/* Digests of records are checked, signatures are not: whose keys count for a package that is installed
 * already is not ours to say. */
static int open_database(Lookup *l, const char *folder, const char *backend, DmvError *reterr)
{
    DMV_CLEANUP_TEXT DmvText log = {0};
    rpmKeyring none = rpmKeyringNew();
    int r = point_librpm(folder, backend);

    if (r == 0) {
        l->ts = rpmtsCreate();
        (void)rpmtsSetKeyring(l->ts, none);
        (void)rpmtsSetVSFlags(l->ts, RPMVSF_MASK_NOSIGNATURES);
        dmv_rpm_log_begin(&log);
        r = rpmtsOpenDB(l->ts, O_RDONLY);
        dmv_rpm_log_end();
        /* for a kind that it does not know librpm warns, and opens a database without anything in it */
        if (r != 0 || log.size > 0) {
            DMV_CLEANUP_FREE char *said = dmv_rpm_log_line(&log, "it cannot be opened");

            r = dmv_error_set(reterr, DMV_OWNERS_UNKNOWN, NULL, NULL, "librpm says of a database of %s: %s",
                              backend, said ? said : "");
        }
    }
    (void)rpmKeyringFree(none);
    return r;
}

/* Owners of one file are sorted by their names, whatever order the database has. */
static int add_pair(DmvOwners *o, size_t path, size_t package)
{
    DmvOwnership *p;
    size_t at;

    for (size_t i = o->n_pairs; i > 0 && o->pairs[i - 1].path == path; i--)
        if (o->pairs[i - 1].package == package)
            return 0;
    p = DMV_ARRAY_ADD(o->pairs, o->n_pairs);
    if (!p)
        return -ENOMEM;
    for (at = o->n_pairs - 1;
         at > 0 && o->pairs[at - 1].path == path &&
         strcmp(o->packages[o->pairs[at - 1].package].nevra, o->packages[package].nevra) > 0;
         at--)
        o->pairs[at] = o->pairs[at - 1];
    o->pairs[at] = (DmvOwnership){path, package};
    return 0;
}

/* Return: 1 and the package's index; 0 if it is left out: it has no name, or there are too many. */
static int add_package(DmvOwners *o, Header h, size_t *ret)
{
    DMV_CLEANUP_FREE char *nevra = headerGetAsString(h, RPMTAG_NEVRA);
    DMV_CLEANUP_FREE char *safe = nevra ? dmv_sanitize(nevra) : NULL;
    const char *name = headerGetString(h, RPMTAG_NAME);
    DmvOwnerPackage *p;

    if (!nevra || !name)
        return 0;
    if (!safe)
        return -ENOMEM;
    for (*ret = 0; *ret < o->n_packages; (*ret)++)
        if (strcmp(o->packages[*ret].nevra, safe) == 0)
            return 1;
    if (o->n_packages == DMV_OWNERS_PACKAGES_MAX)
        return 0;
    p = DMV_ARRAY_ADD(o->packages, o->n_packages);
    if (!p)
        return -ENOMEM;
    p->nevra = DMV_TAKE_PTR(safe);
    p->name = dmv_sanitize(name);
    p->verified = headerIsEntry(h, RPMTAG_SHA256HEADER) || headerIsEntry(h, RPMTAG_SHA1HEADER);
    return p->name ? 1 : -ENOMEM;
}

/* The same file, as packages from before and after the merge of /usr write it. */
static int forms_of_path(const char *path, char *ret[2])
{
    const char *tail = dmv_starts_with(path, "usr/lib/") ? path + strlen("usr/") : path;

    if (!dmv_starts_with(tail, "lib/"))
        return asprintf(&ret[0], "/%s", path) < 0 ? (ret[0] = NULL, -ENOMEM) : 0;
    if (asprintf(&ret[0], "/%s", tail) < 0)
        return ret[0] = NULL, -ENOMEM;
    if (asprintf(&ret[1], "/usr/%s", tail) < 0)
        return ret[1] = NULL, -ENOMEM;
    return 0;
}

static bool lists(Header h, char *const forms[2])
{
    rpmfiles files = rpmfilesNew(NULL, h, 0, RPMFI_FLAGS_ONLY_FILENAMES);
    bool found = false;

    for (size_t i = 0; files && !found && i < 2; i++)
        found = forms[i] && rpmfilesFindFN(files, forms[i]) >= 0;
    (void)rpmfilesFree(files);
    return found;
}

static int look_up_form(Lookup *l, size_t path, char *const forms[2], const char *form)
{
    rpmdbMatchIterator it = rpmtsInitIterator(l->ts, RPMTAG_BASENAMES, form, 0);
    Header h;
    int r = 0;

    while (r == 0 && (h = rpmdbNextIterator(it))) {
        size_t package = 0;

        if (!lists(h, forms))
            continue;
        r = add_package(l->owners, h, &package);
        r = r > 0 ? add_pair(l->owners, path, package) : r;
    }
    (void)rpmdbFreeIterator(it);
    return r;
}

static int look_up(Lookup *l, size_t path)
{
    char *forms[2] = {NULL, NULL};
    int r = forms_of_path(l->paths[path], forms);

    for (size_t i = 0; r == 0 && i < 2 && forms[i]; i++)
        r = look_up_form(l, path, forms, forms[i]);
    free(forms[0]);
    free(forms[1]);
    return r;
}

static time_t now(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

static int look_up_all(Lookup *l)
{
    DMV_CLEANUP_TEXT DmvText log = {0};
    size_t i = 0;
    int r = 0;

    dmv_rpm_log_begin(&log);
    for (; r == 0 && l->paths[i] && now() < l->end; i++)
        r = look_up(l, i);
    dmv_rpm_log_end();
    if (r < 0)
        return r;
    if (log.size > 0)
        l->owners->problem = dmv_rpm_log_line(&log, "");
    else if (l->paths[i])
        l->owners->problem = strdup("the lookup took too long");
    else if (l->owners->n_packages == DMV_OWNERS_PACKAGES_MAX)
        l->owners->problem = strdup("too many packages own files of the trees");
    else
        return 0;
    return l->owners->problem ? 0 : -ENOMEM;
}

int dmv_owners_find(const char *folder, const char *backend, char *const *paths, DmvOwners *ret,
                    DmvError *reterr)
{
    __attribute__((cleanup(dmv_owners_deinit))) DmvOwners owners = {0};
    __attribute__((cleanup(lookup_deinit)))
    Lookup l = {.paths = paths, .end = now() + LOOKUPS_MAX, .owners = &owners};
    int r;

    if (dmv_strv_length(paths) > DMV_OWNERS_PATHS_MAX)
        return -E2BIG;
    r = open_database(&l, folder, backend, reterr);
    if (r == 0 && paths)
        r = look_up_all(&l);
    if (r != 0)
        return r;
    *ret = owners;
    owners = (DmvOwners){0};
    return 0;
}
