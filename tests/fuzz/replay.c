/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a fuzz target on every file of a folder, and on every beginning of it: the corpus as a plain test.
 *
 * Usage: fuzz-NAME FOLDER
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "fuzz.h"

#define SIZE_MAX_OF_A_FILE 65536

static int run_file(const char *folder, const char *name)
{
    static unsigned char data[SIZE_MAX_OF_A_FILE];
    DMV_CLEANUP_FREE char *path = NULL;
    DMV_CLEANUP_FCLOSE FILE *f = NULL;
    size_t size, step;

    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return -ENOMEM;
    f = fopen(path, "re");
    if (!f)
        return -errno;
    size = fread(data, 1, sizeof(data), f);
    step = 1 + size / 200;
    for (size_t n = 0;; n = size - n > step ? n + step : size) {
        /* of exactly that size, so that a sanitizer sees a read beyond it */
        DMV_CLEANUP_FREE unsigned char *copy = malloc(n ? n : 1);

        if (!copy)
            return -ENOMEM;
        memcpy(copy, data, n);
        (void)LLVMFuzzerTestOneInput(copy, n);
        if (n == size)
            break;
    }
    return 0;
}

int main(int argc, char *argv[])
{
    DMV_CLEANUP_CLOSEDIR DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
    unsigned files = 0;

    if (!d)
        return 2;
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        int r;

        if (e->d_name[0] == '.')
            continue;
        r = run_file(argv[1], e->d_name);
        if (r < 0) {
            (void)fprintf(stderr, "%s: %s\n", e->d_name, strerror(-r));
            return 1;
        }
        files++;
    }
    (void)printf("%u files\n", files);
    return files == 0;
}
