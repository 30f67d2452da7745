/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dmv-publish show: keys, counted as `root` counts them, and releases. */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/publish/args.h"
#include "cli/publish/command.h"
#include "cli/publish/keyfile.h"
#include "cli/publish/rootfile.h"
#include "cli/publish/sidecar.h"

static int show_role(const DmvPublisher *p, const char *name, const DmvRootRole *role, DmvError *reterr)
{
    DMV_CLEANUP_SIGNKEYS DmvSignkeys keys = {0};
    int r = dmv_keyfile_load(p, name, NULL, &keys, reterr);

    for (size_t i = 0; i < dmv_strv_length(role->ids) && r == 0; i++)
        printf("%s key %zu  %s%s\n", name, i + 1, role->ids[i],
               dmv_signkeys_find(&keys, role->ids[i]) ? "" : "  (not at hand)");
    if (r == 0)
        printf("%s threshold %lld\n", name, (long long)role->threshold);
    return r;
}

static int show_root(const DmvPublisher *p, DmvError *reterr)
{
    DMV_CLEANUP_ROOTFILE DmvRootfile root = {0};
    char expires[21];
    int r = dmv_rootfile_newest(p, &root, reterr);

    if (r != 0)
        return r;
    dmv_format_time(root.expires, expires);
    printf("stream %s\nroot %lld, expires %s\n", p->stream, (long long)root.version, expires);
    r = show_role(p, "root", &root.root, reterr);
    if (r == 0)
        r = show_role(p, "catalog", &root.catalog, reterr);
    return r;
}

static void show_release(json_object *release)
{
    json_object *packages = NULL, *recommended = NULL;
    const char *revoked = dmv_sidecar_string(release, "revoked");

    (void)json_object_object_get_ex(release, "recommended", &recommended);
    printf("%s/%s@%s  sequence %lld%s%s%s\n", dmv_sidecar_string(release, "driver"),
           dmv_sidecar_string(release, "variant"), dmv_sidecar_string(release, "version"),
           (long long)dmv_sidecar_int(release, "sequence", 0),
           json_object_get_boolean(recommended) ? "  recommended" : "", revoked ? "  revoked: " : "",
           revoked ? revoked : "");
    (void)json_object_object_get_ex(release, "packages", &packages);
    for (size_t i = 0; packages && i < json_object_array_length(packages); i++)
        printf("    %s\n", dmv_sidecar_string(json_object_array_get_idx(packages, i), "kernel"));
}

int dmv_command_show(int argc, char **argv, DmvError *reterr)
{
    const DmvArgsSpec spec = {"show", "DIR", 1, NULL, 0};
    DMV_CLEANUP_PUBLISHER DmvPublisher p = DMV_PUBLISHER_NULL;
    DMV_CLEANUP_JSON json_object *all = NULL;
    const char *dir = NULL;
    bool done = false;
    int r = dmv_args_parse(&spec, argc, argv, &dir, &done, reterr);

    if (r != 0 || done)
        return r;
    r = dmv_publisher_open(dir, &p, reterr);
    if (r == 0)
        r = show_root(&p, reterr);
    if (r == 0)
        printf("packages are signed by %s\nmodules are signed by %s\n", p.gpg_key, p.module_signer);
    if (r == 0)
        r = dmv_sidecar_read_all(&p, &all, reterr);
    for (size_t i = 0; r == 0 && i < json_object_array_length(all); i++)
        show_release(json_object_array_get_idx(all, i));
    return r;
}
