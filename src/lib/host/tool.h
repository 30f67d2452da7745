/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose driver-tool is installed. */
#ifndef DMV_HOST_TOOL_H
#define DMV_HOST_TOOL_H

#include "host/roots.h"

/* Where the tools of a XenServer host expect it, and the toolstack that does. */
#define DMV_TOOL_PATH "usr/sbin/driver-tool"
#define DMV_TOOLSTACK_PATH "opt/xensource/bin/xapi"

typedef enum DmvToolOwner {
    DMV_TOOL_OWNER_NOBODY, /* it is not there */
    DMV_TOOL_OWNER_US,
    DMV_TOOL_OWNER_OTHER, /* a script, another program, something that cannot be read */
    DMV_TOOL_OWNER_MAX,
    DMV_TOOL_OWNER_INVALID = -1,
} DmvToolOwner;

/**
 * dmv_tool_owner() - look at DMV_TOOL_PATH
 * @r: the roots
 *
 * The toolstack writes a script with invented drivers to that path when it finds nothing there. Ours is known
 * by its ELF note (dmv/tool-note.h); nothing is run.
 *
 * Return: a DmvToolOwner.
 */
DmvToolOwner dmv_tool_owner(const DmvRoots *r);

/* Is the toolstack that calls it installed? */
bool dmv_tool_is_called_for(const DmvRoots *r);

#endif
