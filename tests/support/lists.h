/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists of strings in unit tests. */
#ifndef DMV_TESTS_LISTS_H
#define DMV_TESTS_LISTS_H

/* Does the list hold exactly these words, separated by blanks, in this order? NULL is an empty list. */
void assert_list(char *const *list, const char *want);

#endif
