/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ownership: every owning local has a cleanup attribute, and is handed over with DMV_TAKE_*.
 */
#ifndef DMV_BASE_CLEANUP_H
#define DMV_BASE_CLEANUP_H

#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* Defines `name`, usable with DMV_CLEANUP(name), for a free function that takes a pointer. */
#define DMV_DEFINE_CLEANUP(type, name, func) \
    static inline void name(type *p)         \
    {                                        \
        if (*p)                              \
            (void)func(*p);                  \
    }                                        \
    struct dmv_swallow_semicolon

#define DMV_CLEANUP(name) __attribute__((cleanup(name)))

#define DMV_TAKE_PTR(p)                  \
    __extension__({                      \
        __typeof__(p) *dmv_pp_ = &(p);   \
        __typeof__(p) dmv_v_ = *dmv_pp_; \
        *dmv_pp_ = NULL;                 \
        dmv_v_;                          \
    })

#define DMV_TAKE_FD(fd)        \
    __extension__({            \
        int *dmv_pf_ = &(fd);  \
        int dmv_f_ = *dmv_pf_; \
        *dmv_pf_ = -1;         \
        dmv_f_;                \
    })

#define DMV_N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static inline void dmv_cleanup_free(void *p)
{
    free(*(void **)p);
}

/* Closes a descriptor if it is one, keeping errno. Returns -1, so that callers can write `fd =
 * dmv_close(fd)`. */
int dmv_close(int fd);

static inline void dmv_cleanup_close(int *fd)
{
    *fd = dmv_close(*fd);
}

static inline void dmv_cleanup_fclose(FILE **f)
{
    if (*f)
        (void)fclose(*f);
}

static inline void dmv_cleanup_closedir(DIR **d)
{
    if (*d)
        (void)closedir(*d);
}

#define DMV_CLEANUP_FREE DMV_CLEANUP(dmv_cleanup_free)
#define DMV_CLEANUP_CLOSE DMV_CLEANUP(dmv_cleanup_close)
#define DMV_CLEANUP_FCLOSE DMV_CLEANUP(dmv_cleanup_fclose)
#define DMV_CLEANUP_CLOSEDIR DMV_CLEANUP(dmv_cleanup_closedir)

#endif
