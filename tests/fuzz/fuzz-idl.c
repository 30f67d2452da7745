/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An interface definition, a NUL, and a value that is held against every type of it. */
#include <string.h>

#include "base/json.h"
#include "fuzz.h"
#include "varlink/idl.h"

static void validate(const VlType *type, json_object *value)
{
    DMV_CLEANUP_FREE char *where = NULL;
    int r;

    if (!type)
        return;
    r = vl_type_validate(type, value, &where);
    must(r == 0 || (r == 1 && where));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const DmvJsonLimits limits = {.size = 4096, .depth = 32, .nodes = 1000, .wide_integers = true};
    const char *text = (const char *)data, *nul = size > 0 ? memchr(text, '\0', size) : NULL;
    size_t idl_size = nul ? (size_t)(nul - text) : size;
    DMV_CLEANUP(vl_cleanup_interface) VlInterface *interface = NULL;
    DMV_CLEANUP_JSON json_object *value = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};

    if (vl_interface_parse(text, idl_size, &interface, &e) != 0) {
        must(!interface && e.why);
        return 0;
    }
    must(vl_interface_name_is_valid(interface->name, strlen(interface->name)));
    if (nul)
        (void)dmv_json_parse(nul + 1, size - idl_size - 1, &limits, &value, NULL);
    for (size_t i = 0; i < interface->n_symbols; i++) {
        const VlSymbol *s = &interface->symbols[i];

        must(vl_interface_find(interface, s->kind, s->name) == s);
        validate(s->type, value);
        validate(s->out, value);
    }
    return 0;
}
