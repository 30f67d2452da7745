/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stream of any size for measurements of the daemon: a signed bundle without the packages that it lists,
 * since nothing measured with it installs one.
 *
 * usage: make-bundle FOLDER STREAM RELEASES
 *
 * writes FOLDER/root.json (the root to trust) and FOLDER/dmv.yaml (the bundle). Valid from now on for a year.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../support/largecatalog.h"
#include "../support/trustkit.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "host/fs.h"

#define DAY ((int64_t)86400)

/* trust_catalog() writes fixed dates; a daemon goes by the clock. */
static char *make_catalog(const char *stream, size_t n)
{
    DMV_CLEANUP_FREE char *releases = large_catalog_releases(n);
    int64_t now = (int64_t)time(NULL);
    char issued[21], expires[21], *payload;

    dmv_format_time(now - DAY, issued);
    dmv_format_time(now + 365 * DAY, expires);
    if (asprintf(&payload,
                 "{\"_type\":\"catalog\",\"spec\":1,\"version\":1,\"issued\":\"%s\",\"expires\":\"%s\","
                 "\"stream\":\"%s\",\"releases\":%s}",
                 issued, expires, stream, releases) < 0)
        abort();
    return payload;
}

static int write_file(int folder, const char *name, const char *text)
{
    int r = dmv_fs_replace_file(folder, name, text, strlen(text), 0644);

    if (r < 0)
        (void)fprintf(stderr, "make-bundle: %s: %s\n", name, strerror(-r));
    return r;
}

int main(int argc, char **argv)
{
    DMV_CLEANUP_FREE char *catalog = NULL, *bundle = NULL;
    DMV_CLEANUP_CLOSE int folder = -1;
    TrustPublisher publisher;
    int r;

    if (argc != 4) {
        (void)fputs("usage: make-bundle FOLDER STREAM RELEASES\n", stderr);
        return 2;
    }
    folder = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        (void)fprintf(stderr, "make-bundle: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    trust_publisher_init(&publisher);
    catalog = make_catalog(argv[2], strtoul(argv[3], NULL, 10));
    bundle = trust_publisher_bundle(&publisher, catalog);
    r = write_file(folder, "root.json", publisher.root);
    if (r == 0)
        r = write_file(folder, "dmv.yaml", bundle);
    trust_publisher_deinit(&publisher);
    return r < 0;
}
