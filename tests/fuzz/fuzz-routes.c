/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Routes of both kinds: every interface can be the name of a folder. */
#include "fuzz.h"
#include "model/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP_ROUTES DmvRoutes r = {0};
    DMV_CLEANUP_STRV char **interfaces = NULL;

    must(dmv_routes_parse_v4((const char *)data, size, &r) == 0);
    must(dmv_routes_parse_v6((const char *)data, size, &r) == 0);
    for (size_t i = 0; i < r.n; i++)
        must(dmv_interface_name_is_valid(r.items[i].interface) &&
             r.items[i].prefix <= (r.items[i].v6 ? 128 : 32));
    (void)dmv_routes_towards(&r, "192.0.2.1");
    (void)dmv_routes_towards(&r, "2001:db8::1");
    must(dmv_routes_default(&r, &interfaces) == 0);
    return 0;
}
