/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every allocation of what reads bytes fails once: the files of the fuzz corpora are read by the functions
 * that the fuzz targets call, and what was read is written again where there is a form to write.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/alloc/allockit.h"
#include "base/json.h"
#include "base/settings.h"
#include "model/boot.h"
#include "model/catalog.h"
#include "model/generation.h"
#include "model/history.h"
#include "model/info.h"
#include "model/inspection.h"
#include "model/intent.h"
#include "model/module-policy.h"
#include "model/mounts.h"
#include "model/names.h"
#include "model/note.h"
#include "model/outlook.h"
#include "model/package-name.h"
#include "model/routes.h"
#include "model/seen.h"
#include "model/symvers.h"
#include "varlink/idl.h"
#include "varlink/message.h"

/* Larger files of a corpus say nothing that smaller ones do not. */
#define LARGEST ((size_t)8 * 1024)

typedef struct Bytes {
    const char *data;
    size_t size;
} Bytes;

static const DmvJsonLimits limits = {.size = 1 << 20, .depth = 32, .nodes = 10000};

/* ---- what is said of what was read ---- */

static int say(char **ret, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int say(char **ret, const char *format, ...)
{
    va_list ap;
    char *text;

    va_start(ap, format);
    text = dmv_vformat(format, ap);
    va_end(ap);
    if (!text)
        return -ENOMEM;
    *ret = text;
    return 0;
}

/* Takes the tree over. */
static int say_json(json_object *o, char **ret)
{
    DMV_CLEANUP_JSON json_object *held = o;

    return held ? dmv_json_format(held, ret, NULL) : -ENOMEM;
}

static int parse_object(const Bytes *b, json_object **ret, DmvError *e)
{
    int r = dmv_json_parse(b->data, b->size, &limits, ret, e);

    return r == 0 && !*ret ? DMV_MALFORMED : r;
}

/* ---- the readers ---- */

static int try_json(const void *input, char **ret)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    const Bytes *b = input;
    int r = dmv_json_parse(b->data, b->size, &limits, &o, &e);

    return r == 0 ? dmv_json_format(o, ret, NULL) : r;
}

static int try_catalog(const void *input, char **ret)
{
    DMV_CLEANUP_CATALOG DmvCatalog *c = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    const Bytes *b = input;
    int r = dmv_catalog_parse(b->data, b->size, &c, &e);
    size_t ids = 0, packages = 0;

    for (size_t i = 0; r == 0 && i < c->n_releases; i++) {
        ids += c->releases[i].n_ids;
        packages += c->releases[i].n_packages;
    }
    return r == 0 ? say(ret, "%zu %zu %zu", c->n_releases, ids, packages) : r;
}

static int try_intent(const void *input, char **ret)
{
    DMV_CLEANUP_JSON json_object *o = NULL, *again = NULL;
    DMV_CLEANUP_INTENT DmvIntent i = {0}, copy = {0}, before = {0}, after = {0}, none = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = parse_object(input, &o, &e);

    if (r == 0)
        r = dmv_intent_from_json(o, &i, &e);
    if (r == 0)
        r = dmv_intent_copy(&i, &copy);
    if (r == 0)
        r = dmv_intent_select(&copy, "zz", DMV_SELECT_RELEASE, "v", "1", "because");
    if (r == 0)
        r = dmv_intent_pin(&copy, "zz", "why", 7);
    if (r == 0)
        r = dmv_intent_put(&copy, "aa", dmv_intent_find(&copy, "zz"));
    if (r == 0)
        r = dmv_intent_diff(&none, &copy, &before, &after);
    if (r == 0)
        r = dmv_intent_to_json(&i, &again);
    return r == 0 ? say_json(DMV_TAKE_PTR(again), ret) : r;
}

static int try_generation(const void *input, char **ret)
{
    DMV_CLEANUP_JSON json_object *o = NULL, *again = NULL;
    DMV_CLEANUP(dmv_generations_deinit) DmvGenerations g = {0};
    DMV_CLEANUP_FREE int64_t *forgotten = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    size_t n = 0;
    int r = parse_object(input, &o, &e);

    if (r == 0)
        r = dmv_generations_add_json(&g, o, &e);
    if (r == 0)
        r = dmv_generations_stage(&g, &g.items[0].intent, 7, NULL);
    if (r == 0)
        r = dmv_generations_mark_bad(&g, g.items[0].number, "why");
    if (r == 0)
        r = dmv_generations_prune(&g, 1, &forgotten, &n);
    if (r == 0)
        r = dmv_generation_to_json(&g.items[0], &again);
    return r == 0 ? say_json(DMV_TAKE_PTR(again), ret) : r;
}

static int try_history(const void *input, char **ret)
{
    DMV_CLEANUP_HISTORY DmvHistory h = {0};
    DMV_CLEANUP_FREE char *line = NULL;
    char action[] = "select", outcome[] = "ok";
    DmvHistoryEntry e = {
        .action = action, .outcome = outcome, .uid = 0, .generation = -1, .has_changes = true};
    const Bytes *b = input;
    size_t size;
    int r = dmv_history_parse(b->data, b->size, b->data, b->size, NULL, &h);

    if (r == 0)
        r = dmv_intent_select(&e.after, "ice", DMV_SELECT_RELEASE, "v", "1", "because");
    if (r == 0)
        r = dmv_history_append(&h, &e, &line, &size);
    dmv_intent_deinit(&e.after);
    return r == 0 ? say(ret, "%zu %zu %s", h.n, h.n_breaks, h.last.hash) : r;
}

static int try_info(const void *input, char **ret)
{
    DMV_CLEANUP(dmv_installed_deinit) DmvInstalled i = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    const Bytes *b = input;
    int r = dmv_info_parse(b->data, b->size, &i, &e);

    return r == 0 ? dmv_info_format(&i, ret, NULL) : r;
}

static int try_boot(const void *input, char **ret)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    const Bytes *b = input;
    DmvBoot boot;
    int r = dmv_boot_parse(b->data, b->size, &boot, &e);

    if (r == 0)
        r = dmv_boot_to_json(&boot, &o);
    return r == 0 ? say_json(DMV_TAKE_PTR(o), ret) : r;
}

static int try_seen(const void *input, char **ret)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP(dmv_seen_deinit) DmvSeen s = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    const Bytes *b = input;
    int r = dmv_seen_parse(b->data, b->size, &s, &e);

    if (r == 0)
        r = dmv_seen_to_json(&s, &o);
    return r == 0 ? say_json(DMV_TAKE_PTR(o), ret) : r;
}

static int try_names(const void *input, char **ret)
{
    DMV_CLEANUP_JSON json_object *o = NULL, *again = NULL;
    DMV_CLEANUP(dmv_names_deinit) DmvNames n = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = parse_object(input, &o, &e);

    if (r == 0)
        r = dmv_names_from_json(o, &n, &e);
    if (r == 0)
        r = dmv_names_to_json(&n, &again);
    return r == 0 ? say_json(DMV_TAKE_PTR(again), ret) : r;
}

static int try_outlook(const void *input, char **ret)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP(dmv_outlook_deinit) DmvOutlook outlook = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = parse_object(input, &o, &e);

    if (r == 0)
        r = dmv_outlook_read(o, &outlook, &e);
    return r == 0 ? say_json(dmv_outlook_render(&outlook), ret) : r;
}

static int try_inspection(const void *input, char **ret)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP(dmv_inspection_deinit) DmvInspection i = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = parse_object(input, &o, &e);

    if (r == 0)
        r = dmv_inspection_read(o, &i, &e);
    return r == 0 ? say_json(dmv_inspection_render(&i), ret) : r;
}

static int try_note(const void *input, char **ret)
{
    DMV_CLEANUP(dmv_note_deinit) DmvNote n = {0};
    DMV_CLEANUP_FREE char *build_id = NULL;
    DMV_CLEANUP_FREE void *bytes = NULL;
    const Bytes *b = input;
    size_t size = 0;
    int r = dmv_note_parse(b->data, b->size, &n);

    if (r == 0)
        r = dmv_note_format(&n, &bytes, &size);
    if (r == 0 && dmv_build_id_parse(b->data, b->size, &build_id) == -ENOMEM)
        r = -ENOMEM;
    return r == 0 ? say(ret, "%zu %s", size, build_id ? build_id : "") : r;
}

static int try_mounts(const void *input, char **ret)
{
    DMV_CLEANUP(dmv_mounts_deinit) DmvMounts m = {0};
    const Bytes *b = input;
    int r = dmv_mounts_parse(b->data, b->size, &m);

    return r == 0 ? say(ret, "%zu", m.n) : r;
}

static int try_routes(const void *input, char **ret)
{
    DMV_CLEANUP(dmv_routes_deinit) DmvRoutes routes = {0};
    DMV_CLEANUP_STRV char **interfaces = NULL;
    const Bytes *b = input;
    int r = dmv_routes_parse_v4(b->data, b->size, &routes);

    if (r == 0)
        r = dmv_routes_parse_v6(b->data, b->size, &routes);
    if (r == 0)
        r = dmv_routes_default(&routes, &interfaces);
    return r == 0 ? say(ret, "%zu", dmv_strv_length(interfaces)) : r;
}

static int try_symvers(const void *input, char **ret)
{
    DMV_CLEANUP_KABI DmvKabi *k = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    const Bytes *b = input;
    int r = dmv_symvers_parse(b->data, b->size, &k, &e);

    return r == 0 ? say(ret, "%zu", dmv_kabi_size(k)) : r;
}

static int try_keys(const void *input, char **ret)
{
    DMV_CLEANUP(dmv_kernel_keys_deinit) DmvKernelKeys k = {0};
    const Bytes *b = input;
    int r = dmv_kernel_keys_parse(b->data, b->size, &k);

    return r == 0 ? say(ret, "%zu", k.n) : r;
}

static int try_package_name(const void *input, char **ret)
{
    DMV_CLEANUP(dmv_package_name_deinit) DmvPackageName n = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    const Bytes *b = input;
    DMV_CLEANUP_FREE char *name = strndup(b->data, b->size);
    int r = name ? dmv_package_name_parse(name, NULL, &n, &e) : -ENOMEM;

    return r == 0 ? dmv_package_name_make(&n, NULL, ret, &e) : r;
}

static int try_settings(const void *input, char **ret)
{
    DMV_CLEANUP_SETTINGS DmvSettings s = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    const Bytes *b = input;
    int r;

    dmv_settings_init(&s);
    r = dmv_settings_parse("x.conf", b->data, b->size, &s, &e);
    return r == 0 ? say(ret, "%llu %zu", (unsigned long long)s.idle_timeout, dmv_strv_length(s.management))
                  : r;
}

static int try_stream(const void *input, char **ret)
{
    DMV_CLEANUP(dmv_stream_conf_deinit) DmvStreamConf s = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    const Bytes *b = input;
    int r = dmv_stream_conf_parse("x.conf", "x", b->data, b->size, &s, &e);

    return r == 0 ? say(ret, "%s %zu", s.name, dmv_strv_length(s.urls)) : r;
}

static int try_idl(const void *input, char **ret)
{
    DMV_CLEANUP(vl_cleanup_interface) VlInterface *i = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    const Bytes *b = input;
    int r = vl_interface_parse(b->data, b->size, &i, &e);

    return r == 0 ? say(ret, "%s %zu", i->name, i->n_symbols) : r;
}

/* A call, and a reply with what it asks for. */
static int try_message(const void *input, char **ret)
{
    DMV_CLEANUP(vl_message_deinit) VlMessage call = {0}, reply = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    const Bytes *b = input;
    size_t size = 0;
    int r = vl_message_parse_call(b->data, b->size, &call);

    if (r == 0)
        r = vl_message_format_reply(NULL, call.parameters, false, &text, &size);
    if (r == 0)
        r = vl_message_parse_reply(text, size, &reply);
    if (r == 0)
        r = vl_message_format_call(call.method, reply.parameters, 0, ret, &size);
    return r;
}

static const struct {
    const char *corpus;
    AllocScenario scenario;
} readers[] = {
    {"json", try_json},
    {"catalog", try_catalog},
    {"intent", try_intent},
    {"generation", try_generation},
    {"history", try_history},
    {"info", try_info},
    {"boot", try_boot},
    {"seen", try_seen},
    {"names", try_names},
    {"outlook", try_outlook},
    {"inspection", try_inspection},
    {"note", try_note},
    {"mounts", try_mounts},
    {"routes", try_routes},
    {"symvers", try_symvers},
    {"keyring", try_keys},
    {"package-name", try_package_name},
    {"settings", try_settings},
    {"settings", try_stream},
    {"idl", try_idl},
    {"message", try_message},
};

static void try_file(const char *folder, const char *name, AllocScenario scenario)
{
    DMV_CLEANUP_FREE char *path = NULL;
    DMV_CLEANUP_FREE char *data = malloc(LARGEST + 1);
    DMV_CLEANUP_FCLOSE FILE *f = NULL;
    Bytes b;

    assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
    assert_non_null(data);
    f = fopen(path, "re");
    assert_non_null(f);
    b = (Bytes){data, fread(data, 1, LARGEST + 1, f)};
    if (b.size <= LARGEST)
        alloc_try_each(path, scenario, &b);
}

static void test_readers(void **state)
{
    const char *source = getenv("DMV_SOURCE");

    (void)state;
    assert_non_null(source);
    for (size_t i = 0; i < DMV_N_ELEMENTS(readers); i++) {
        DMV_CLEANUP_FREE char *folder = NULL;
        DMV_CLEANUP_CLOSEDIR DIR *d = NULL;
        size_t before = alloc_n_tried();
        struct dirent *entry;

        assert_true(asprintf(&folder, "%s/tests/fuzz/corpus/%s", source, readers[i].corpus) > 0);
        d = opendir(folder);
        assert_non_null(d);
        while ((entry = readdir(d)))
            if (entry->d_name[0] != '.')
                try_file(folder, entry->d_name, readers[i].scenario);
        print_message("%s: %zu failures\n", readers[i].corpus, alloc_n_tried() - before);
        assert_true(alloc_n_tried() - before > 0);
    }
}

/* What json-c says of a lack of memory is not that the bytes are bad. */
static void test_inside_of_the_parser(void **state)
{
    static const char *const values[] = {
        "[]", "\"a text that is longer than what fits without an allocation\"", "[1,true,\"x\",[null,2.5]]"};

    (void)state;
    alloc_spare_parser(false);
    for (size_t i = 0; i < DMV_N_ELEMENTS(values); i++)
        alloc_try_each(values[i], try_json, &(Bytes){values[i], strlen(values[i])});
    alloc_spare_parser(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_readers),
                                       cmocka_unit_test(test_inside_of_the_parser)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
