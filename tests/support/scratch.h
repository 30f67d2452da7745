/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A scratch folder for a test: everything is made below it, and it goes away at the end. */
#ifndef DMV_TESTS_SCRATCH_H
#define DMV_TESTS_SCRATCH_H

#include <stddef.h>

typedef struct Scratch {
    char path[64]; /* absolute */
    int fd;        /* O_PATH */
} Scratch;

/* Made by mkdtemp(3) below TMPDIR or /tmp. Failures end the test. */
void scratch_init(Scratch *s);
void scratch_deinit(Scratch *s);
#define SCRATCH __attribute__((cleanup(scratch_deinit))) Scratch

/* "<scratch>/<relative>", valid until the eighth next call. */
const char *scratch_path(const Scratch *s, const char *relative);
/* Makes a folder with its parents. */
void scratch_mkdir(const Scratch *s, const char *path);
/* Makes a file with its parents. */
void scratch_write(const Scratch *s, const char *path, const char *text);
void scratch_write_bytes(const Scratch *s, const char *path, const void *data, size_t size);
/* Makes a symbolic link with its parents. */
void scratch_link(const Scratch *s, const char *path, const char *target);
/* The content of a file, owned by the caller. */
char *scratch_read(const Scratch *s, const char *path, size_t *ret_size);
/* Runs a program (looked up in the usual places) and fails the test unless it exits 0. The list ends with
 * NULL. */
void scratch_run(const char *program, ...) __attribute__((sentinel));

#endif
