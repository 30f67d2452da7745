/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See scratch.h. Uses the C library only, so that a fault in fs.c cannot hide behind itself. */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

void scratch_init(Scratch *s)
{
    const char *tmp = getenv("TMPDIR");

    if (!tmp || strlen(tmp) > 40)
        tmp = "/tmp";
    assert_true(snprintf(s->path, sizeof(s->path), "%s/dmv-test-XXXXXX", tmp) < (int)sizeof(s->path));
    assert_non_null(mkdtemp(s->path));
    s->fd = open(s->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(s->fd >= 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    (void)remove(path);
    return 0;
}

/* A test may have taken the rights off a folder. */
static int allow_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    if (type == FTW_D || type == FTW_DNR)
        (void)chmod(path, 0700);
    return 0;
}

void scratch_deinit(Scratch *s)
{
    (void)nftw(s->path, allow_one, 16, FTW_PHYS);
    (void)nftw(s->path, remove_one, 16, FTW_PHYS | FTW_DEPTH);
    (void)close(s->fd);
}

const char *scratch_path(const Scratch *s, const char *relative)
{
    static char ring[8][1024];
    static unsigned at;
    char *p = ring[at++ % 8];

    assert_true(snprintf(p, sizeof(ring[0]), "%s/%s", s->path, relative) < (int)sizeof(ring[0]));
    return p;
}

void scratch_mkdir(const Scratch *s, const char *path)
{
    char *copy = strdup(path);

    assert_non_null(copy);
    for (char *p = copy; (p = strchr(p, '/')); *p++ = '/') {
        *p = '\0';
        assert_true(mkdirat(s->fd, copy, 0755) == 0 || errno == EEXIST);
    }
    assert_true(mkdirat(s->fd, copy, 0755) == 0 || errno == EEXIST);
    free(copy);
}

static void make_parents(const Scratch *s, const char *path)
{
    char *copy = strdup(path), *slash;

    assert_non_null(copy);
    slash = strrchr(copy, '/');
    if (slash) {
        *slash = '\0';
        scratch_mkdir(s, copy);
    }
    free(copy);
}

void scratch_write_bytes(const Scratch *s, const char *path, const void *data, size_t size)
{
    int fd;

    make_parents(s, path);
    fd = openat(s->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    assert_int_equal(close(fd), 0);
}

void scratch_write(const Scratch *s, const char *path, const char *text)
{
    scratch_write_bytes(s, path, text, strlen(text));
}

void scratch_link(const Scratch *s, const char *path, const char *target)
{
    make_parents(s, path);
    assert_int_equal(symlinkat(target, s->fd, path), 0);
}

char *scratch_read(const Scratch *s, const char *path, size_t *ret_size)
{
    int fd = openat(s->fd, path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *data;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    data = malloc((size_t)st.st_size + 1);
    assert_non_null(data);
    assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
    data[st.st_size] = '\0';
    assert_int_equal(close(fd), 0);
    if (ret_size)
        *ret_size = (size_t)st.st_size;
    return data;
}

void scratch_run(const char *program, ...)
{
    const char *argv[32] = {program};
    int n = 1, status = -1;
    va_list ap;
    pid_t pid;

    va_start(ap, program);
    while ((argv[n] = va_arg(ap, const char *)))
        assert_true(++n < 32);
    va_end(ap);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)execvp(program, (char *const *)argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s failed with wait status %d", program, status);
}
