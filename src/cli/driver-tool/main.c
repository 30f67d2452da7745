/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* driver-tool: what the tools of a XenServer host call. */
#include <locale.h>

#include "dmv/tool-note.h"
#include "tool.h"

/* By this dmvctl doctor knows the program. */
__attribute__((section(DMV_TOOL_NOTE_SECTION), used, aligned(4))) static const DmvToolNote note =
    DMV_TOOL_NOTE;

int main(int argc, char **argv)
{
    (void)setlocale(LC_CTYPE, "");
    return dmv_driver_tool(argc, argv);
}
