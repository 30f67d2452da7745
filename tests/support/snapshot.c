/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See snapshot.h. Uses the C library and a hash only, so that a fault in fs.c cannot hide behind itself. */
#include "snapshot.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/text.h"

/* nftw(3) has no argument for its callback. */
static char **lines;
static size_t prefix;

static void hash_file(const char *path, char hex[DMV_SHA256_HEX])
{
    char *data = NULL;
    size_t size = 0, n;
    FILE *f = fopen(path, "re");

    assert_non_null(f);
    do {
        data = realloc(data, size + 65536);
        assert_non_null(data);
        n = fread(data + size, 1, 65536, f);
        size += n;
    } while (n > 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(dmv_sha256_hex(data, size, hex), 0);
    free(data);
}

static int add_line(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    char detail[4096] = "", line[8192];

    (void)ftw;
    if (strlen(path) <= prefix)
        return 0;
    if (type == FTW_SL)
        assert_true(readlink(path, detail, sizeof(detail) - 1) >= 0);
    else if (S_ISREG(st->st_mode))
        hash_file(path, detail);
    assert_true(snprintf(line, sizeof(line), "%06o %s %s", (unsigned)st->st_mode, path + prefix + 1, detail) <
                (int)sizeof(line));
    assert_int_equal(dmv_strv_push(&lines, line), 0);
    return 0;
}

char *snapshot(const Scratch *s, const char *path)
{
    const char *top = scratch_path(s, path);
    DmvText text = {0};
    char *result = NULL;

    prefix = strlen(top);
    assert_int_equal(nftw(top, add_line, 16, FTW_PHYS), 0);
    dmv_strv_sort(lines);
    for (char **line = lines; line && *line; line++)
        dmv_text_appendf(&text, "%s\n", *line);
    lines = dmv_strv_free(lines);
    dmv_text_append(&text, "");
    assert_int_equal(dmv_text_take(&text, &result, NULL), 0);
    return result;
}

static void print_missing(const char *from, const char *in, char sign)
{
    DMV_CLEANUP_FREE char *copy = strdup(from);
    char *rest = copy, *line;

    while ((line = strsep(&rest, "\n")))
        if (!strstr(in, line))
            print_error("%c %s\n", sign, line);
}

void snapshot_assert_same(const Scratch *s, const char *path, const char *before)
{
    DMV_CLEANUP_FREE char *after = snapshot(s, path);

    if (dmv_streq(before, after))
        return;
    print_missing(before, after, '-');
    print_missing(after, before, '+');
    fail_msg("something was changed below %s", path);
}
