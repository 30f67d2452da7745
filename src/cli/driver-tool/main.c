/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* driver-tool: what the tools of a XenServer host call. */
#include <locale.h>

#include "tool.h"

int main(int argc, char **argv)
{
    (void)setlocale(LC_CTYPE, "");
    return dmv_driver_tool(argc, argv);
}
