/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.varlink.service, which every Varlink service has to offer: who it is, and the text of its interfaces.
 */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "internal.h"

/* org.varlink.service.varlink, put here by the build. */
extern const char vl_interface_service[];

static int get_info(VlCall *c, json_object *params, void *userdata)
{
    DMV_CLEANUP_JSON json_object *reply = json_object_new_object();
    json_object *interfaces;
    VlServer *s = userdata;
    int r;

    (void)params;
    r = dmv_json_add_string(reply, "vendor", s->config.vendor);
    if (r == 0)
        r = dmv_json_add_string(reply, "product", s->config.product);
    if (r == 0)
        r = dmv_json_add_string(reply, "version", s->config.version);
    if (r == 0)
        r = dmv_json_add_string(reply, "url", s->config.url);
    if (r == 0)
        r = dmv_json_add_strv(reply, "interfaces", NULL);
    interfaces = r == 0 ? json_object_object_get(reply, "interfaces") : NULL;
    for (size_t i = 0; r == 0 && i < s->n_served; i++) {
        json_object *name = json_object_new_string(s->served[i].interface->name);

        if (!name || json_object_array_add(interfaces, name) != 0) {
            json_object_put(name);
            r = -ENOMEM;
        }
    }
    return r < 0 ? r : vl_call_reply(c, DMV_TAKE_PTR(reply));
}

static int get_interface_description(VlCall *c, json_object *params, void *userdata)
{
    DMV_CLEANUP_JSON json_object *reply = json_object_new_object();
    const char *name = json_object_get_string(json_object_object_get(params, "interface"));
    VlServer *s = userdata;
    int r;

    for (size_t i = 0; i < s->n_served; i++) {
        if (strcmp(s->served[i].interface->name, name) != 0)
            continue;
        r = dmv_json_add_string(reply, "description", s->served[i].text);
        return r < 0 ? r : vl_call_reply(c, DMV_TAKE_PTR(reply));
    }
    r = dmv_json_add_string(reply, "interface", name);
    return r < 0 ? r : vl_call_error(c, VL_SERVICE ".InterfaceNotFound", DMV_TAKE_PTR(reply));
}

int vl_service_bind(VlServer *s)
{
    int r;

    r = vl_server_add_interface(s, vl_interface_service);
    if (r == 0)
        r = vl_server_bind(s, VL_SERVICE ".GetInfo", get_info, 0, s);
    if (r == 0)
        r = vl_server_bind(s, VL_SERVICE ".GetInterfaceDescription", get_interface_description, 0, s);
    return r;
}
