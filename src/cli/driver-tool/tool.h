/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * driver-tool: the command that xapi, the host installer and the pool upgrade of a XenServer host call, with
 * the options, streams and exit statuses that they know (driver-tool(8)).
 */
#ifndef DMV_CLI_DRIVER_TOOL_TOOL_H
#define DMV_CLI_DRIVER_TOOL_TOOL_H

/* The whole program. Return: the exit status, 0 or 1. */
int dmv_driver_tool(int argc, char **argv);

#endif
