/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A filesystem that forgets what was not synced, for tests of a loss of power.
 *
 * While the tests work on it, it only writes down what they do. Afterwards it makes, for the power failing
 * after any of the changes, a tree that may be found then: so one run is enough for thousands of losses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "crash.h"
#include "serve.h"

static const char *const orders[ORDER_MAX] = {
    [ORDER_JOURNAL] = "journal", [ORDER_FOLDER] = "folder", [ORDER_NAME] = "name"};

static const char usage[] =
    "forget serve FOLDER MOUNTPOINT [LOG [INODES]]   LOG, INODES: '-' is none\n"
    "forget list LOG                                 what was done, each change with its number\n"
    "forget crash LOG FOLDER ORDER CHANGES SEED OUT INODES\n"
    "       FOLDER: as it was before; ORDER: journal, folder or name; the power fails after so many "
    "changes\n";

static int fail(int r)
{
    (void)fprintf(stderr, "forget: %s\n", strerror(-r));
    return 1;
}

static void list_one(const Record *r, size_t number)
{
    if (r->kind >= RECORD_FIRST_CHANGE)
        (void)printf("%zu ", number);
    (void)printf("%s", record_kind_to_string(r->kind));
    if (r->handle)
        (void)printf(" #%llu", (unsigned long long)r->handle);
    if (r->path)
        (void)printf(" %s", r->path);
    if (r->other)
        (void)printf(" -> %s", r->other);
    if (r->kind == RECORD_MARK)
        (void)printf(" %.*s", (int)r->data_size, r->data);
    else if (r->data_size > 0)
        (void)printf(" %u bytes at %lld", r->data_size, (long long)r->value);
    (void)printf("\n");
}

static int list(const char *path)
{
    RecordLog log = {0};
    size_t changes = 0;
    int r = record_log_read(path, &log);

    if (r < 0)
        return fail(r);
    for (size_t i = 0; i < log.n; i++) {
        changes += log.items[i].kind >= RECORD_FIRST_CHANGE;
        list_one(&log.items[i], changes);
    }
    record_log_deinit(&log);
    return 0;
}

static int order_of(const char *name)
{
    for (int i = 0; i < ORDER_MAX; i++)
        if (dmv_streq(orders[i], name))
            return i;
    return -EINVAL;
}

static int make_crash(char **argv)
{
    RecordLog log = {0};
    Disk disk = {0};
    int order = order_of(argv[2]);
    int r = order < 0 ? order : record_log_read(argv[0], &log);
    long played = 0;

    (void)umask(0);
    if (r == 0)
        r = disk_load(argv[1], (Order)order, &disk);
    if (r == 0)
        played = disk_play(&disk, &log, strtoul(argv[3], NULL, 10));
    if (r == 0)
        r = played < 0 ? (int)played : crash(&disk, strtoull(argv[4], NULL, 10), argv[5], argv[6]);
    disk_deinit(&disk);
    record_log_deinit(&log);
    return r < 0 ? fail(r) : 0;
}

static const char *given(int argc, char **argv, int i)
{
    return argc > i && !dmv_streq(argv[i], "-") ? argv[i] : NULL;
}

int main(int argc, char **argv)
{
    if (argc >= 4 && argc <= 6 && dmv_streq(argv[1], "serve"))
        return serve(argv[2], argv[3], given(argc, argv, 4), given(argc, argv, 5));
    if (argc == 3 && dmv_streq(argv[1], "list"))
        return list(argv[2]);
    if (argc == 9 && dmv_streq(argv[1], "crash"))
        return make_crash(argv + 2);
    (void)fputs(usage, stderr);
    return 2;
}
