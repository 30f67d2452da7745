/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XenStore as text, one node a line, as `xenstore-ls -f` prints it: /local/domain/7/name = "web" */
#ifndef DMV_TEST_XENSTOREKIT_H
#define DMV_TEST_XENSTOREKIT_H

#include "guest/xenstore-tree.h"

typedef struct XenstoreNode {
    char *path, *value;
} XenstoreNode;

typedef struct XenstoreKit {
    XenstoreNode *nodes; /* sorted by path once it is read */
    size_t n;
    bool is_sorted;
    int fails_with;     /* a negative errno that every question is answered with, or 0 */
    size_t n_questions; /* how many there were */
    /* called before each question with their number, so that a test can change the tree meanwhile */
    void (*before)(struct XenstoreKit *kit, size_t question);
    bool is_still; /* within a transaction */
    int begins_with;
} XenstoreKit;

/* All of these abort on lack of memory: they are for tests. */
void xenstore_add(XenstoreKit *kit, const char *path, const char *value);
/* Takes a node away, and all below it. */
void xenstore_remove(XenstoreKit *kit, const char *path);
/* Lines of text; one that is none is left out. */
void xenstore_add_text(XenstoreKit *kit, const char *text, size_t size);
void xenstore_add_file(XenstoreKit *kit, const char *path);
void xenstore_deinit(XenstoreKit *kit);
DmvXenstoreReader xenstore_reader(XenstoreKit *kit, bool has_transactions);

#endif
