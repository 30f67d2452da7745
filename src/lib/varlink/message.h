/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One message: the header of a call or a reply, checked and written. Pure: no descriptor, no loop.
 */
#ifndef DMV_VARLINK_MESSAGE_H
#define DMV_VARLINK_MESSAGE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

/* How deeply what comes in may be nested, and how many values a call may hold (json-c: up to 800 bytes each).
 */
#define VL_DEPTH_MAX 32u
#define VL_CALL_NODES_MAX 20000u
/* A reply comes from our own daemon or worker, so this is only a fence. */
#define VL_REPLY_NODES_MAX (4u * 1024u * 1024u)

typedef struct VlMessage {
    json_object *object;     /* owns what follows */
    json_object *parameters; /* never NULL */
    const char *method;      /* of a call */
    bool oneway, more, upgrade;
    const char *error; /* of a reply, NULL if it is none */
    bool continues;
} VlMessage;

/**
 * vl_message_parse_call() - read a call
 * @data: the message without its NUL
 * @size: how many bytes
 * @ret: the message, emptied with vl_message_deinit()
 *
 * The rules are those of UAPI.20 for what closes a connection: no object, a member without a dot in its name
 * that the protocol does not know, `method` absent or not a string, `parameters` neither object nor null, a
 * flag that is not a boolean, more than one flag, whatever dmv_json_parse() refuses.
 *
 * Return: 0, -EBADMSG, or -ENOMEM.
 */
int vl_message_parse_call(const char *data, size_t size, VlMessage *ret);

/* The same for a reply: `error` is a qualified name, and never comes together with `continues`. */
int vl_message_parse_reply(const char *data, size_t size, VlMessage *ret);
void vl_message_deinit(VlMessage *m);

enum { VL_FLAG_ONEWAY = 1 << 0, VL_FLAG_MORE = 1 << 1 };

/**
 * vl_message_format_call() - write a call, with the NUL that ends it
 * @method: qualified name
 * @params: an object, or NULL; left out when empty
 * @flags: VL_FLAG_*, at most one
 * @ret: the bytes, owned by the caller
 * @ret_size: how many, the final NUL included
 *
 * Return: 0; -EINVAL for a bad name, or parameters that are no object or cannot be written; -ENOMEM.
 */
int vl_message_format_call(const char *method, json_object *params, unsigned flags, char **ret,
                           size_t *ret_size);

/* The same for a reply; @error is NULL or a qualified name, and never comes together with @continues. */
int vl_message_format_reply(const char *error, json_object *params, bool continues, char **ret,
                            size_t *ret_size);

#endif
