/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line of driver-tool, and the object that it prints for what it could not do.
 */
#ifndef DMV_CLI_DRIVER_TOOL_REQUEST_H
#define DMV_CLI_DRIVER_TOOL_REQUEST_H

#include <json-c/json.h>

typedef enum DmvToolAction {
    DMV_TOOL_NONE,
    DMV_TOOL_LIST,
    DMV_TOOL_SELECT,
    DMV_TOOL_DESELECT,
    DMV_TOOL_HELP,
    DMV_TOOL_VERSION,
} DmvToolAction;

typedef struct DmvToolRequest {
    DmvToolAction action;
    const char *driver, *variant; /* borrowed from the command line; NULL where the action needs none */
} DmvToolRequest;

/**
 * dmv_tool_request_parse() - read the command line
 * @argc, @argv: as main() got them
 * @ret: filled
 *
 * Nothing is printed: the callers of the tool read its error as an object.
 *
 * Return: 0, or -EINVAL for anything that is not exactly one action with what belongs to it.
 */
int dmv_tool_request_parse(int argc, char **argv, DmvToolRequest *ret);

/**
 * dmv_tool_errno() - the errno that tells the callers what an outcome was
 * @code: a DmvOutcome or a negative errno, not 0
 *
 * Return: a positive errno.
 */
int dmv_tool_errno(int code);

/* {"version": 0.1, "exit_code": @e, "message": strerror(@e)}. Owned; NULL for lack of memory. */
json_object *dmv_tool_error(int e);

/* The number 0.1 as it is written; NULL for lack of memory. */
json_object *dmv_tool_version(void);

#endif
