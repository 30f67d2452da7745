/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Methods and actions of polkit: the table against the interface and against the policy that is installed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "dmv/interface.h"
#include "model/action.h"
#include "varlink/idl.h"

/* Open to everybody; wire/daemon tries that on the daemon. */
static const char *const reading[] = {
    "Describe", "ListDevices",     "ListDrivers", "Show",   "Why",    "WhyNot",      "Status", "Plan",
    "Monitor",  "ListGenerations", "History",     "Verify", "Doctor", "CheckKernel", "Impact"};
static const char *const root_only[] = {"Import", "Boot", "Health", "StopGuests", "RestoreGuests"};
static const char *const actions[] = {"io.dmv.activate", "io.dmv.install", "io.dmv.refresh", "io.dmv.select"};

static bool is_in(const char *const *list, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], word) == 0)
            return true;
    return false;
}

/* Does the method take what a client says if it can have somebody asked? */
static bool takes_interaction(const VlSymbol *method)
{
    for (size_t i = 0; i < method->type->n_fields; i++) {
        const VlField *f = &method->type->fields[i];

        if (strcmp(f->name, "allowInteractiveAuthentication") != 0)
            continue;
        assert_int_equal(f->type->kind, VL_KIND_BOOL);
        assert_true(f->type->nullable);
        return true;
    }
    return false;
}

static void test_every_method_of_the_interface(void **state)
{
    DMV_CLEANUP(vl_cleanup_interface) VlInterface *i = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    size_t n = 0;

    (void)state;
    assert_int_equal(vl_interface_parse(dmv_interface_manager, strlen(dmv_interface_manager), &i, &e), 0);
    for (size_t k = 0; k < i->n_symbols; k++) {
        const char *name = i->symbols[k].name, *action = NULL, *now = NULL;
        int want = is_in(reading, DMV_N_ELEMENTS(reading), name)       ? -ENOENT
                   : is_in(root_only, DMV_N_ELEMENTS(root_only), name) ? DMV_DENIED
                                                                       : 0;

        if (i->symbols[k].kind != VL_SYMBOL_METHOD)
            continue;
        assert_int_equal(dmv_action_find(name, false, &action), want);
        assert_int_equal(dmv_action_find(name, true, &now), want);
        assert_int_equal(takes_interaction(&i->symbols[k]), want == 0);
        if (want != 0) {
            assert_null(action);
            continue;
        }
        assert_true(is_in(actions, DMV_N_ELEMENTS(actions), action));
        assert_true(is_in(actions, DMV_N_ELEMENTS(actions), now));
        n++;
    }
    assert_true(n > 5);
}

/* Nobody gets round io.dmv.activate by a selection that takes effect at once. */
static void test_now(void **state)
{
    static const char *const methods[] = {"Select", "Deselect", "Undo", "Rescan"};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(methods); i++) {
        const char *action = NULL;

        assert_int_equal(dmv_action_find(methods[i], false, &action), 0);
        assert_string_not_equal(action, "io.dmv.activate");
        assert_int_equal(dmv_action_find(methods[i], true, &action), 0);
        assert_string_equal(action, "io.dmv.activate");
    }
}

static void test_unknown(void **state)
{
    const char *action = NULL;

    (void)state;
    assert_int_equal(dmv_action_find("", false, &action), -ENOENT);
    assert_int_equal(dmv_action_find("Selec", false, &action), -ENOENT);
    assert_int_equal(dmv_action_find("io.dmv.Manager.Select", false, &action), -ENOENT);
    assert_null(action);
}

/* The policy declares these actions and no other, and gives none of them to anybody without a password. */
static void test_policy(void **state)
{
    DMV_CLEANUP_FREE char *path = NULL, *line = NULL;
    DMV_CLEANUP_FCLOSE FILE *f = NULL;
    size_t size = 0, n = 0, denied = 0;

    (void)state;
    assert_true(asprintf(&path, "%s/data/polkit-1/actions/io.dmv.policy", getenv("DMV_SOURCE")) > 0);
    f = fopen(path, "re");
    assert_non_null(f);
    while (getline(&line, &size, f) >= 0) {
        char id[64] = "", value[64] = "";

        if (sscanf(line, " <action id=\"%63[^\"]", id) == 1) {
            assert_true(is_in(actions, DMV_N_ELEMENTS(actions), id));
            n++;
        }
        if (sscanf(line, " <allow_any>%63[^<]", value) == 1 ||
            sscanf(line, " <allow_inactive>%63[^<]", value) == 1)
            denied += strcmp(value, "no") == 0;
        if (sscanf(line, " <allow_active>%63[^<]", value) == 1)
            assert_int_equal(strncmp(value, "auth_admin", strlen("auth_admin")), 0);
    }
    assert_int_equal(n, DMV_N_ELEMENTS(actions));
    assert_int_equal(denied, 2 * n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_method_of_the_interface),
        cmocka_unit_test(test_now),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
