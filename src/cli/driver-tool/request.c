/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line of driver-tool, and its errors. Both are a contract with programs that exist: the words
 * for a person go to the messages beside them.
 */
#include "request.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/jsonbuild.h"
#include "base/text.h"
#include "dmv/outcome.h"

#define PROTOCOL_VERSION 0.1
#define PROTOCOL_TEXT "0.1"

/* Remembers one more action; two are one too many. */
static int set_action(DmvToolRequest *q, DmvToolAction action)
{
    if (q->action != DMV_TOOL_NONE)
        return -EINVAL;
    q->action = action;
    return 0;
}

static int check(const DmvToolRequest *q)
{
    bool driver = q->driver && q->driver[0], variant = q->variant && q->variant[0];

    switch (q->action) {
    case DMV_TOOL_SELECT:
        return driver && variant ? 0 : -EINVAL;
    case DMV_TOOL_DESELECT:
        return driver && !q->variant ? 0 : -EINVAL;
    case DMV_TOOL_LIST:
    case DMV_TOOL_HELP:
    case DMV_TOOL_VERSION:
        return q->driver || q->variant ? -EINVAL : 0;
    case DMV_TOOL_NONE:
        break;
    }
    return -EINVAL;
}

/* -d may name the driver itself, or leave that to -n. */
static int take_option(DmvToolRequest *q, int c)
{
    const char **to = c == 'v' ? &q->variant : &q->driver;

    if (c == 'd' && set_action(q, DMV_TOOL_DESELECT) < 0)
        return -EINVAL;
    if (*to)
        return -EINVAL;
    *to = optarg;
    return 0;
}

int dmv_tool_request_parse(int argc, char **argv, DmvToolRequest *ret)
{
    DmvToolRequest q = {0};
    int r = 0;

    opterr = 0;
    optind = 1;
    for (int c; r == 0 && (c = getopt(argc, argv, "+lsd:n:v:hV")) >= 0;) {
        switch (c) {
        case 'l':
            r = set_action(&q, DMV_TOOL_LIST);
            break;
        case 's':
            r = set_action(&q, DMV_TOOL_SELECT);
            break;
        case 'h':
            r = set_action(&q, DMV_TOOL_HELP);
            break;
        case 'V':
            r = set_action(&q, DMV_TOOL_VERSION);
            break;
        case 'd':
        case 'n':
        case 'v':
            r = take_option(&q, c);
            break;
        default:
            r = -EINVAL;
        }
    }
    if (r == 0 && optind != argc)
        r = -EINVAL;
    if (r == 0)
        r = check(&q);
    if (r == 0)
        *ret = q;
    return r;
}

/* ---- errors ---- */

int dmv_tool_errno(int code)
{
    static const struct {
        int code, error;
    } table[] = {
        {DMV_NO_SUCH_DRIVER, ENOENT},
        {DMV_NO_SUCH_RELEASE, ENOENT},
        {DMV_NO_SUCH_OBJECT, ENOENT},
        {DMV_NOT_INSTALLED, ENOENT},
        {DMV_AMBIGUOUS, EINVAL},
        {DMV_INVALID_NAME, EINVAL},
        {DMV_INVALID_REQUEST, EINVAL},
        {DMV_DENIED, EACCES},
        {DMV_BUSY, EBUSY},
        {DMV_UNREACHABLE, ECONNREFUSED},
        {DMV_CANCELLED, EINTR},
        {DMV_PINNED, EPERM},
        {DMV_REVOKED, EPERM},
        {DMV_NO_HARDWARE, ENODEV},
        {DMV_NO_KERNEL_RELEASE, ENOEXEC},
        {DMV_BROKEN_RELEASE, EBADF},
        {DMV_CONFLICT, EEXIST},
        {DMV_READ_ONLY, EROFS},
        {DMV_NO_SPACE, ENOSPC},
    };

    if (code < 0)
        return -code;
    for (size_t i = 0; i < DMV_N_ELEMENTS(table); i++)
        if (table[i].code == code)
            return table[i].error;
    return EIO;
}

json_object *dmv_tool_version(void)
{
    return json_object_new_double_s(PROTOCOL_VERSION, PROTOCOL_TEXT);
}

json_object *dmv_tool_error(int e)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_value(&b, "version", dmv_tool_version());
    dmv_jb_int(&b, "exit_code", e);
    dmv_jb_string(&b, "message", strerror(e));
    return dmv_jb_end(&b);
}
