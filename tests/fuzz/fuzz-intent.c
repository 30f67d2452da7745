/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stored intent: refused with a reason, or sorted, and the same when it is written and read again. */
#include <string.h>

#include "fuzz.h"
#include "model/intent.h"

static void check(const DmvIntent *i)
{
    for (size_t k = 0; k < i->n; k++) {
        const DmvSelection *s = &i->items[k];
        DMV_CLEANUP_FREE char *words = dmv_selection_to_string(s);

        must(words != NULL && dmv_name_is_valid(s->driver) && dmv_intent_find(i, s->driver) == s);
        must(k == 0 || strcmp(i->items[k - 1].driver, s->driver) < 0);
        must((s->kind == DMV_SELECT_RELEASE) == (s->variant != NULL && s->version != NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const DmvJsonLimits limits = {
        .size = 1 << 20, .depth = 8, .nodes = 100000, .plain_integers = true};
    DMV_CLEANUP_JSON json_object *o = NULL, *again = NULL;
    DMV_CLEANUP_INTENT DmvIntent i = {0}, copy = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r;

    if (dmv_json_parse((const char *)data, size, &limits, &o, NULL) != 0)
        return 0;
    r = dmv_intent_from_json(o, &i, &e);
    must(r >= 0);
    if (r > 0) {
        must(e.why != NULL && i.n == 0);
        return 0;
    }
    check(&i);
    must(dmv_intent_to_json(&i, &again) == 0 && dmv_intent_from_json(again, &copy, NULL) == 0);
    must(dmv_intent_equal(&i, &copy));
    return 0;
}
