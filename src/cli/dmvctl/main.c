/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dmvctl: the command line tool of dmv. */
#include <locale.h>

#include "run.h"

int main(int argc, char **argv)
{
    (void)setlocale(LC_ALL, "");
    return dmv_run(argc, argv, dmv_verbs);
}
